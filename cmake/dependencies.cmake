# What the build needs from the system (Debian's packages; see scripts/setup.sh).
# SPDX-License-Identifier: Apache-2.0

# SIMD; only src/cpu includes its headers.
find_package(hwy CONFIG REQUIRED)

if(XMSDA_DRIVER)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json REQUIRED)
endif()

# oneTBB gives the stand-alone programs their threads; without it (cross builds) they use std::thread.
if(XMSDA_DRIVER OR XMSDA_TESTS)
  find_package(Threads REQUIRED)
  find_package(TBB QUIET)
endif()

if(XMSDA_TESTS)
  find_package(GTest REQUIRED)
endif()
