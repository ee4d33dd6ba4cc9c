# ascsim_add_kernel: compiles Ascend C kernels, unmodified, for the simulator.
# SPDX-License-Identifier: Apache-2.0

# ascsim_add_kernel(TARGET kernel.cpp... [CPU_DEBUG] [INCLUDES folder...] [DEFINITIONS NAME=VALUE...] [OPTIONS flag...])
#
# TARGET is a program or library that exists (it gets the kernels), or the name of a static library to make. Host programs
# that belong to it find acl/acl.h, tiling/platform/platform_ascendc.h and an aclrtlaunch_NAME.h for every kernel of the
# files:  extern "C" __global__ __aicore__ void NAME(...) {  - and may call NAME<<<blocks, nullptr, stream>>>(...) when they
# are among the files themselves. CPU_DEBUG defines ASCENDC_CPU_DEBUG for kernels and host program: the ICPU_RUN_KF way.
function(ascsim_add_kernel target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "CPU_DEBUG" "" "INCLUDES;DEFINITIONS;OPTIONS")
  if(NOT arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ascsim_add_kernel(${target}): expected the file of a kernel, got none")
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/ascsim/${target})
  file(MAKE_DIRECTORY ${folder}/include)
  set(generated)
  foreach(source ${arg_UNPARSED_ARGUMENTS})
    get_filename_component(source ${source} ABSOLUTE)
    if(NOT EXISTS ${source})
      message(FATAL_ERROR "ascsim_add_kernel(${target}): ${source} does not exist")
    endif()
    get_filename_component(name ${source} NAME_WE)
    string(SHA1 hash ${source})
    string(SUBSTRING ${hash} 0 8 hash)
    set(output ${folder}/${name}-${hash}.cc)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ascsim::launchgen ${source} ${output} ${folder}/include
      DEPENDS ${source} ascsim::launchgen
      COMMENT "Reading the kernels of ${name}"
      VERBATIM)
    list(APPEND generated ${output})
    get_filename_component(source_folder ${source} DIRECTORY)
    list(APPEND arg_INCLUDES ${source_folder})
  endforeach()
  list(REMOVE_DUPLICATES arg_INCLUDES)

  if(TARGET ${target})
    set(kernels ${target}_kernels)
    set(number 1)
    while(TARGET ${kernels})
      math(EXPR number "${number} + 1")
      set(kernels ${target}_kernels${number})
    endwhile()
    add_library(${kernels} OBJECT ${generated})
    # The headers are there before the host program is compiled.
    add_dependencies(${target} ${kernels})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${kernels}>)
    # Not target_link_libraries, which would forbid the project one of its two signatures.
    set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES ascsim::ascsim)
    target_include_directories(${target} PRIVATE ${folder}/include)
    set(host PRIVATE)
  else()
    set(kernels ${target})
    add_library(${kernels} STATIC ${generated})
    target_include_directories(${kernels} INTERFACE ${folder}/include)
    set(host INTERFACE)
  endif()
  # Kernels are C++17. Scalar arithmetic is rounded as written, and tensors are views of untyped memory.
  set_target_properties(${kernels} PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  target_link_libraries(${kernels} PUBLIC ascsim::ascsim)
  target_include_directories(${kernels} PRIVATE ${arg_INCLUDES} ${folder}/include)
  target_compile_definitions(${kernels} PRIVATE ${arg_DEFINITIONS})
  # Reports name files as the project does.
  target_compile_options(${kernels} PRIVATE -ffp-contract=off -fno-strict-aliasing
                                            -fmacro-prefix-map=${CMAKE_CURRENT_SOURCE_DIR}/= ${arg_OPTIONS})
  if(arg_CPU_DEBUG)
    target_compile_definitions(${kernels} PRIVATE ASCENDC_CPU_DEBUG=1)
    target_compile_definitions(${target} ${host} ASCENDC_CPU_DEBUG=1)
  endif()
endfunction()
