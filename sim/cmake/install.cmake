# The generator that ascsim_add_kernel runs, and what `cmake --install` puts where.
# SPDX-License-Identifier: Apache-2.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Two files of its own, so that kernels can be read before the library is built.
add_executable(ascsim_launchgen ${CMAKE_CURRENT_LIST_DIR}/launchgen.cc ${PROJECT_SOURCE_DIR}/src/host/kernel_source.cc)
target_include_directories(ascsim_launchgen PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(ascsim_launchgen PRIVATE ascsim_options)
set_target_properties(ascsim_launchgen PROPERTIES OUTPUT_NAME ascsim-launchgen EXPORT_NAME launchgen)
add_executable(ascsim::launchgen ALIAS ascsim_launchgen)

install(TARGETS ascsim ascsim_launchgen EXPORT ascsimTargets)
# The tool is defined after this file is read.
function(ascsim_install_tool)
  if(TARGET ascsim_tool)
    install(TARGETS ascsim_tool)
  endif()
endfunction()
cmake_language(DEFER CALL ascsim_install_tool)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/ascsim)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/ascsimConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/package/ascsimConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/ascsimConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/ascsimConfig.cmake ${PROJECT_BINARY_DIR}/package/ascsimConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/ascsim.cmake DESTINATION ${package})
install(EXPORT ascsimTargets NAMESPACE ascsim:: DESTINATION ${package})

# The examples are projects as a user would write them; inside this build their find_package finds what is there already.
file(WRITE ${PROJECT_BINARY_DIR}/in_tree/ascsimConfig.cmake "# The targets of this build serve.\n")
set(ascsim_DIR ${PROJECT_BINARY_DIR}/in_tree)
