# Cross build for 64-bit Arm with Debian's compiler; what it builds runs under qemu's user mode emulation.
# SPDX-License-Identifier: Apache-2.0

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# "max" has NEON and SVE. Where libc6:arm64 is installed (libboost-context-dev:arm64 brings it), its loader finds the
# libraries of arm64 packages itself, and that of the cross compiler's tree must not be used: with the C library of the
# package, which is another build, it hangs in the first thread. Otherwise the C library comes from that tree.
if(EXISTS /lib/ld-linux-aarch64.so.1)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -cpu max)
else()
  set(CMAKE_CROSSCOMPILING_EMULATOR
      qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu -cpu max)
endif()
