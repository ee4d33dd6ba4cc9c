#!/usr/bin/env bash
# Builds the Python package with its torch extension and installs it into .venv, unless that was done for these sources.
# SPDX-License-Identifier: Apache-2.0
#
# XMSDA_WERROR=ON makes warnings errors, as CI does; a package built without it is then built again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

[ -x "$PYTHON" ] || die "build.sh: expected .venv, got none; run make setup"
werror="${XMSDA_WERROR:-OFF}"
stamp=.venv/.installed-xmsda
want="$(checksum CMakeLists.txt pyproject.toml LICENSE cmake include src bindings/torch python requirements.txt)"
case "$(cat "$stamp" 2>/dev/null)" in
  "$want $werror" | "$want ON")
    echo "build: the package is up to date"
    exit 0
    ;;
esac
say "build: the Python package"
rm -f "$stamp"
# torch is in .venv already: neither an isolated build nor the resolver may fetch another one. The option is given in
# either case, because the build folder remembers it.
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall \
  -C "cmake.define.XMSDA_WERROR=$werror" .
"$PYTHON" -c 'import xmsda; print("build: installed xmsda", xmsda.__version__)'
echo "$want $werror" >"$stamp"
