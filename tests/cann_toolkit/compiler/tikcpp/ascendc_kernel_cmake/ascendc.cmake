# Stands in for a CANN toolkit, so that cmake/cann.cmake can be tried: the toolkit's function and libraries by name, the
# simulator behind them. -DXMSDA_CANN=tests/cann_toolkit builds; what it builds runs on the simulator.
# SPDX-License-Identifier: Apache-2.0
set(ASCSIM_TESTS OFF)
add_subdirectory(${PROJECT_SOURCE_DIR}/sim ascsim EXCLUDE_FROM_ALL)

function(ascendc_library name type)
  ascsim_add_kernel(${name} ${ARGN})
endfunction()

foreach(name ascendcl platform register tiling_api)
  add_library(${name} INTERFACE)
endforeach()
target_link_libraries(ascendcl INTERFACE ascsim::ascsim)
