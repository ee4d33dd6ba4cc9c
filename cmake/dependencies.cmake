# What the build needs from the system (Debian's packages; see scripts/setup.sh).
# SPDX-License-Identifier: Apache-2.0

# SIMD; only src/cpu includes its headers.
find_package(hwy CONFIG REQUIRED)

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
