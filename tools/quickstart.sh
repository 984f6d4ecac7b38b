#!/usr/bin/env bash
# The main job on real data, from a bare Debian 12: searches for a small network that reads handwritten digits, and
# prints the spec as written, the best found, and a large static net side by side.
# usage: tools/quickstart.sh [options of selfopt-run search]
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
install_packages
mkdir -p build
fetch_data
build_tree build -- selfopt-run selfopt-opt selfopt-check

# A new folder for each run: archives are never written over.
n=1
while [ -e "runs/digits-$n" ]; do n=$((n + 1)); done
say "searching from docs/examples/digits.mlir into runs/digits-$n/"
mkdir -p runs
build/bin/selfopt-run search docs/examples/digits.mlir --out "runs/digits-$n" --compare docs/examples/digits_static.mlir "$@"
