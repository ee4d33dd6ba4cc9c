#!/usr/bin/env bash
# Installs what the project needs, in groups: setup.sh [build|demo|wheel|sim|reproduce|test|bench|all]. Does nothing where all is there.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

GROUP="${1:-all}"
APT=(g++ cmake ninja-build ccache libhwy-dev)
REQUIREMENTS=(requirements.txt)
DRIVER=(libtbb-dev libcli11-dev nlohmann-json3-dev)
SIMULATOR=(libboost-context-dev libtomlplusplus-dev)
CHECKERS=(libgtest-dev clang-14 clang-19 clang-tidy-14 clang-format-14 libclang-rt-14-dev)
CROSS=(g++-aarch64-linux-gnu qemu-user libhwy-dev:arm64 libgtest-dev:arm64 libboost-context-dev:arm64 libtomlplusplus-dev:arm64)
PEERS=no
# ONNX Runtime's, for its custom-op library.
ORT_HEADERS=no
INTEGRATIONS=no
# Python.h, for torch.compile and for the peer that is compiled.
HEADERS=no

add_test() {
  APT+=("${DRIVER[@]}" "${SIMULATOR[@]}" "${CHECKERS[@]}")
  [ "$(uname -m)" != x86_64 ] || APT+=("${CROSS[@]}")
  # pkgconf: for the C++ package's file; binutils come with g++.
  APT+=(pkgconf)
  REQUIREMENTS+=(requirements-test.txt requirements-bench.txt requirements-wheel.txt requirements-reproduce.txt)
  INTEGRATIONS=yes
  HEADERS=yes
  ORT_HEADERS=yes
}
add_bench() {
  APT+=("${DRIVER[@]}" libgtest-dev)
  REQUIREMENTS+=(requirements-bench.txt)
  PEERS=yes
  HEADERS=yes
  ORT_HEADERS=yes
}

case "$GROUP" in
  build | demo) ;;
  wheel) REQUIREMENTS+=(requirements-wheel.txt) ;;
  sim) APT+=(libcli11-dev nlohmann-json3-dev libgtest-dev "${SIMULATOR[@]}") ;;
  reproduce) APT+=("${DRIVER[@]}" "${SIMULATOR[@]}") && REQUIREMENTS+=(requirements-reproduce.txt) ;;
  test) add_test ;;
  bench) add_bench ;;
  all) add_test && add_bench ;;
  *) die "setup.sh: expected build, demo, wheel, sim, reproduce, test, bench or all, got '$GROUP'" ;;
esac

find_python() {
  local candidate
  for candidate in "${XMSDA_PYTHON:-}" python3.11 python3 python3.12 python3.13 python3.10; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "setup.sh: expected Python 3.10 or later (3.11 is what is tested), got none"
}

missing_packages() {
  local package
  for package in "${APT[@]}"; do
    # A name without an architecture may list several of them.
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

install_packages() {
  local missing as_root=()
  command -v dpkg-query >/dev/null ||
    die "setup.sh: expected Debian or a system like it; install the equivalents of: ${APT[*]}"
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "setup: Debian packages: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "setup.sh: not root and no sudo; as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  if [[ " ${missing[*]} " == *:arm64\ * ]]; then
    "${as_root[@]}" dpkg --add-architecture arm64
  fi
  # A list that fails to load (a third party's repository without this architecture) need not matter for ours.
  "${as_root[@]}" apt-get update -q || echo "apt-get update: some lists failed; going on"
  "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
}

make_venv() {
  [ ! -x "$PYTHON" ] || return 0
  say "setup: .venv with $HOST_PYTHON"
  rm -rf .venv
  "$HOST_PYTHON" -m venv .venv
}

# Someone who watches sees pip's progress; a log is spared it.
QUIET=(-qq)
[ ! -t 1 ] || QUIET=()

# pip_install FILE OPTION...: installs a requirements file unless that was done for these very contents before.
pip_install() {
  local file="$1" stamp=".venv/.installed-$1" want
  shift
  want="$(cat "$file" constraints.txt | sha256sum)"
  [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
  say "setup: Python packages of $file"
  "$PYTHON" -m pip install "${QUIET[@]}" --disable-pip-version-check -r "$file" -c constraints.txt "$@"
  echo "$want" >"$stamp"
}

# onnxruntime_headers: Debian 12 has no package of them and ONNX Runtime's wheel does not hold them. Debian 13's comes from
# the very mirrors that this machine uses, through a private copy of its list of sources: nothing is installed.
onnxruntime_headers() {
  local folder="$ROOT/.venv/onnxruntime-headers" codename options
  [ ! -e "$folder/onnxruntime/onnxruntime_cxx_api.h" ] || return 0
  say "setup: headers of ONNX Runtime"
  codename="$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
  [ "$codename" = bookworm ] || codename=trixie
  rm -rf "$folder"
  mkdir -p "$folder"/apt/{parts,lists/partial,cache/archives/partial}
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -e "$file" ] || ! grep -q "$codename" "$file" ||
      sed "s/\b$codename\b/trixie/g" "$file" >"$folder/apt/parts/${file##*/}"
  done
  options=(-q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/apt/parts" -o APT::Sandbox::User="$(id -un)"
    -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache")
  apt-get update "${options[@]}" || echo "apt-get update: some lists failed; going on"
  (cd "$folder/apt" && apt-get download "${options[@]}" libonnxruntime-dev) ||
    die "setup.sh: expected Debian 13's libonnxruntime-dev from this machine's mirrors, got none; put its headers into $folder/onnxruntime"
  dpkg-deb -x "$folder"/apt/libonnxruntime-dev_*.deb "$folder/apt/root"
  mv "$folder/apt/root/usr/include/onnxruntime" "$folder/"
  rm -rf "$folder/apt"
}

HOST_PYTHON="$(find_python)"
"$HOST_PYTHON" -c 'import ensurepip' 2>/dev/null || APT+=(python3-venv)
if [ "$HEADERS" = yes ]; then
  header="$("$HOST_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"
  [ -e "$header" ] || APT+=(python3-dev)
fi

install_packages
make_venv
for file in "${REQUIREMENTS[@]}"; do
  pip_install "$file"
done
if [ "$ORT_HEADERS" = yes ]; then
  onnxruntime_headers
fi
if [ "$INTEGRATIONS" = yes ]; then
  pip_install requirements-integrations.txt --no-deps
fi
if [ "$PEERS" = yes ]; then
  MAX_JOBS="$JOBS" pip_install requirements-peers.txt --no-build-isolation --no-cache-dir
fi
echo "setup: $GROUP: all there"
