# The Ascend part of the library: kernels and host code, on the simulator of sim/.
# SPDX-License-Identifier: Apache-2.0

# Its tests have a build of their own (scripts/test.sh). XMSDA_SANITIZE is global and reaches it and the kernels.
set(ASCSIM_TESTS OFF)
set(ASCSIM_WERROR ${XMSDA_WERROR})
# Compiled as by a build of its own, so that ccache has it for both.
set(CMAKE_CXX_VISIBILITY_PRESET default)
set(CMAKE_VISIBILITY_INLINES_HIDDEN OFF)
add_subdirectory(sim EXCLUDE_FROM_ALL)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

file(GLOB kernel_sources CONFIGURE_DEPENDS src/ascend/kernels/*.cpp)
ascsim_add_kernel(xmsda_ascend_kernels ${kernel_sources} OPTIONS -Wall -Wextra $<$<BOOL:${XMSDA_WERROR}>:-Werror>)

file(GLOB_RECURSE ascend_sources CONFIGURE_DEPENDS src/ascend/*.cc)
add_library(xmsda_ascend OBJECT ${ascend_sources})
target_include_directories(xmsda_ascend PRIVATE include src)
target_link_libraries(xmsda_ascend PRIVATE xmsda_options xmsda_ascend_kernels)
target_compile_definitions(xmsda_backends PRIVATE XMSDA_ASCEND=1)
list(APPEND parts xmsda_ascend)
