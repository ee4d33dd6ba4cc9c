#!/usr/bin/env bash
# Builds the Python package with its torch extension and installs it into .venv, unless that was done for these sources.
# SPDX-License-Identifier: Apache-2.0
#
# XMSDA_WERROR=ON makes warnings errors, XMSDA_ASCEND=ON adds the Ascend kernels and their simulator (whose Debian
# packages `setup.sh sim` installs); CI does both. A package built without one that is asked for is built again.
# The libraries for ONNX Runtime and OpenVINO are built where their headers are (`setup.sh test` installs both);
# XMSDA_ONNX_REQUIRED=ON makes it an error when they are not.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

[ -x "$PYTHON" ] || die "build.sh: expected .venv, got none; run make setup"
werror="${XMSDA_WERROR:-OFF}"
ascend="${XMSDA_ASCEND:-OFF}"
stamp=.venv/.installed-xmsda
onnx_required="${XMSDA_ONNX_REQUIRED:-OFF}"
runtimes="$(ls -d .venv/onnxruntime-headers/onnxruntime .venv/lib/python3*/site-packages/openvino-*.dist-info 2>/dev/null || true)"
want="$(checksum CMakeLists.txt pyproject.toml LICENSE cmake include src bindings python requirements.txt \
  sim/CMakeLists.txt sim/cmake sim/include sim/src sim/machines)-$(cksum <<<"$runtimes" | cut -d' ' -f1)"
read -r was was_werror was_ascend < <(cat "$stamp" 2>/dev/null || echo none) || true
if [ "$was" = "$want" ] && [[ "$was_werror" = "$werror" || "$was_werror" = ON ]] &&
  [[ "$was_ascend" = "$ascend" || "$was_ascend" = ON ]]; then
  echo "build: the package is up to date"
  exit 0
fi
say "build: the Python package"
rm -f "$stamp"
# torch is in .venv already: neither an isolated build nor the resolver may fetch another one. The options are always
# given, because the build folder remembers them.
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall \
  -C "cmake.define.XMSDA_WERROR=$werror" -C "cmake.define.XMSDA_ASCEND=$ascend" \
  -C "cmake.define.XMSDA_ONNX_REQUIRED=$onnx_required" .
"$PYTHON" -c 'import xmsda; print("build: installed xmsda", xmsda.__version__)'
echo "$want $werror $ascend" >"$stamp"
