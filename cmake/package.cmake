# The library for C++ programs: static or shared by BUILD_SHARED_LIBS, and what `cmake --install` puts where.
# SPDX-License-Identifier: Apache-2.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(xmsda_library $<TARGET_OBJECTS:xmsda_core> $<TARGET_OBJECTS:xmsda_cpu>)
add_library(xmsda::xmsda ALIAS xmsda_library)
# Before version 1 a minor version may break programs, so that it is part of the name that they load.
set(abi_version ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(xmsda_library PROPERTIES OUTPUT_NAME xmsda EXPORT_NAME xmsda VERSION ${PROJECT_VERSION}
                                               SOVERSION ${abi_version})
if(NOT XMSDA_INSTALL)
  set_target_properties(xmsda_library PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
target_compile_features(xmsda_library PUBLIC cxx_std_20)
target_include_directories(xmsda_library PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# Highway's library has the message of a failed assertion and no more. With NDEBUG nothing asks for it, and programs
# shall not need it then; a static library with assertions passes it on.
if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
  target_link_libraries(xmsda_library PRIVATE $<BUILD_INTERFACE:hwy::hwy>)
else()
  target_link_libraries(xmsda_library PRIVATE hwy::hwy)
  set(package_dependencies "include(CMakeFindDependencyMacro)\nfind_dependency(hwy CONFIG)\n")
endif()

# The headers of include/xmsda say what is exported, by a pragma around all that they declare. That also exports what the
# compiler makes of std::vector for our types, and such names would differ by compiler: the map keeps them inside.
if(BUILD_SHARED_LIBS AND UNIX AND NOT APPLE)
  set(map ${PROJECT_BINARY_DIR}/package/xmsda.map)
  file(CONFIGURE OUTPUT ${map} CONTENT "XMSDA_${abi_version} {\n  global: extern \"C++\" { xmsda::*; };\n  local: *;\n};\n")
  target_link_options(xmsda_library PRIVATE LINKER:--version-script=${map} LINKER:-z,defs LINKER:--as-needed)
  set_target_properties(xmsda_library PROPERTIES LINK_DEPENDS ${map})
endif()

if(XMSDA_INSTALL)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xmsda)
  # From the folder of xmsda.pc to the prefix, so that the tree can be moved.
  file(RELATIVE_PATH to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/xmsda.pc.in ${PROJECT_BINARY_DIR}/package/xmsda.pc @ONLY)
  configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/xmsdaConfig.cmake.in
                                ${PROJECT_BINARY_DIR}/package/xmsdaConfig.cmake INSTALL_DESTINATION ${package})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/xmsdaConfigVersion.cmake
                                   COMPATIBILITY SameMinorVersion)
  install(TARGETS xmsda_library EXPORT xmsdaTargets)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/xmsda DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
  install(FILES ${PROJECT_BINARY_DIR}/package/xmsdaConfig.cmake ${PROJECT_BINARY_DIR}/package/xmsdaConfigVersion.cmake
          DESTINATION ${package})
  install(EXPORT xmsdaTargets NAMESPACE xmsda:: DESTINATION ${package})
  install(FILES ${PROJECT_BINARY_DIR}/package/xmsda.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
