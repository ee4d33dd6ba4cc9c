# What the build needs from the system (Debian's packages; see scripts/setup.sh).
# SPDX-License-Identifier: Apache-2.0

# SIMD; only src/cpu includes its headers. 1.0.3 is Debian 12's; an older one has never been tried.
find_package(hwy 1.0.3 CONFIG QUIET)
if(NOT hwy_FOUND)
  list(JOIN hwy_CONSIDERED_VERSIONS ", " found)
  if(NOT found)
    set(found "none")
  endif()
  message(FATAL_ERROR "Highway: expected version 1.0.3 or later of the same major version, got ${found}. Install "
                      "libhwy-dev (Debian, Ubuntu), or build https://github.com/google/highway and give "
                      "-DCMAKE_PREFIX_PATH=<its prefix>. Only the build needs it, not the programs that use xmsda.")
endif()

if(XMSDA_DRIVER)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json REQUIRED)
endif()

# oneTBB gives the driver its threads, and the tests one more executor; Debian has it for one architecture at a time,
# and ThreadSanitizer does not see through it (the presets arm64 and tsan do without).
if(XMSDA_DRIVER)
  find_package(TBB REQUIRED)
elseif(XMSDA_TESTS)
  find_package(TBB QUIET)
endif()

if(XMSDA_TESTS)
  find_package(GTest REQUIRED)
  find_package(Threads REQUIRED)
endif()
