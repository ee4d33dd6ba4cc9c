# Compiler and linker flags of every target of ours, and the compiler cache.
# SPDX-License-Identifier: Apache-2.0

find_program(XMSDA_CCACHE ccache)
if(XMSDA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${XMSDA_CCACHE})
endif()

add_library(xmsda_options INTERFACE)
# No -march here or elsewhere: Highway compiles the kernels for each target, and a raised baseline drops the others.
# Contraction is off so that every compiler rounds alike; the kernels ask for fused multiply-adds where they want them.
target_compile_options(
  xmsda_options INTERFACE -Wall -Wextra -Wconversion -Wsign-conversion -ffp-contract=off
                          $<$<BOOL:${XMSDA_WERROR}>:-Werror>)

# Tests and drivers link these sanitizers too, hence global. Integer conversion of NaN and of numbers out of range is
# not part of "undefined", but is what the kernels must clamp away.
if(XMSDA_SANITIZE)
  set(sanitize -fsanitize=${XMSDA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(XMSDA_SANITIZE MATCHES "undefined")
    list(APPEND sanitize -fsanitize=float-cast-overflow)
  endif()
  add_compile_options(${sanitize})
  add_link_options(${sanitize})
endif()
