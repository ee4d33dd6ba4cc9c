# The Ascend kernels and their host code for a device: -DXMSDA_CANN=<folder of the toolkit>. Never run by us, who have no
# device; scripts/test.sh builds it with tests/cann_toolkit, which has the simulator behind the toolkit's names.
# SPDX-License-Identifier: Apache-2.0

set(SOC_VERSION "Ascend910B2" CACHE STRING "Chip, as the toolkit names it")
set(RUN_MODE "npu" CACHE STRING "npu: for the device")
set(ASCEND_CANN_PACKAGE_PATH ${XMSDA_CANN} CACHE PATH "Folder of the toolkit" FORCE)

# Where the toolkit's versions keep the functions for kernels.
find_path(XMSDA_ASCENDC_CMAKE ascendc.cmake PATHS ${XMSDA_CANN} NO_DEFAULT_PATH NO_CACHE
          PATH_SUFFIXES compiler/tikcpp/ascendc_kernel_cmake tools/tikcpp/ascendc_kernel_cmake)
if(NOT XMSDA_ASCENDC_CMAKE)
  message(FATAL_ERROR "XMSDA_CANN: expected the folder of a CANN toolkit, got ${XMSDA_CANN}, "
                      "which has no compiler/tikcpp/ascendc_kernel_cmake/ascendc.cmake")
endif()
include(${XMSDA_ASCENDC_CMAKE}/ascendc.cmake)

file(GLOB kernel_sources CONFIGURE_DEPENDS src/ascend/kernels/*.cpp)
ascendc_library(xmsda_ascend_kernels STATIC ${kernel_sources})

find_package(nlohmann_json REQUIRED)  # files of the tuner

# Launches take pointers to device memory and a stream of the caller's: src/ascend/host/variants.h.
file(GLOB host_sources CONFIGURE_DEPENDS src/ascend/host/*.cc)
add_library(xmsda_ascend_host STATIC ${host_sources} $<TARGET_OBJECTS:xmsda_core>)
target_include_directories(xmsda_ascend_host PUBLIC include src PRIVATE ${XMSDA_CANN}/include)
target_link_directories(xmsda_ascend_host PUBLIC ${XMSDA_CANN}/lib64)
target_link_libraries(xmsda_ascend_host PRIVATE xmsda_options nlohmann_json::nlohmann_json PUBLIC xmsda_ascend_kernels ascendcl platform register
                                                                     tiling_api)
