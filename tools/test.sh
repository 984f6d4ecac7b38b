#!/usr/bin/env bash
# All tests, from a bare Debian 12; the last line is `N passed, N failed, N skipped`.
# usage: tools/test.sh [--sanitize] [filter]
#   --sanitize  builds our code with address and undefined-behaviour sanitizers into build-sanitize/ and runs the tests there
#   filter      a regular expression on test names
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
tree=build options=(-DSELFOPT_SANITIZE=OFF) extra=()
if [ "${1:-}" = --sanitize ]; then
  shift
  tree=build-sanitize options=(-DSELFOPT_SANITIZE=ON) extra=(libclang-rt-22-dev)
  # LLVM is not instrumented: containers that cross the border look wrong to the checks for them, and its leaks aren't ours.
  export ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0:detect_odr_violation=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
fi
install_packages "${extra[@]}"
mkdir -p build
fetch_data
build_tree "$tree" "${options[@]}" --
[ "$tree" = build ] || { mkdir -p "$tree/data"; cp -n build/data/* "$tree/data/"; }

say "testing"
# Tests never see the user's cache of compiled kernels.
export SELFOPT_CACHE_DIR="$PWD/$tree/test/kernel-cache"
status=0
lit=/usr/lib/llvm-22/bin/lit
"$lit" -s --order=smart -j "$(nproc)" ${1:+--filter "$1"} --xunit-xml-output "$tree/test/results.xml" "$tree/test" "$tree/test/unit" || status=$?
if [ -z "${1:-}" ] && [ "$tree" = build ]; then
  # Once more, every module that passes through selfopt-opt printed, parsed and compared.
  say "testing again with --verify-roundtrip"
  SELFOPT_VERIFY_ROUNDTRIP=1 "$lit" -s -j "$(nproc)" --xunit-xml-output "$tree/test/roundtrip.xml" "$tree/test" || status=$?
fi
python3 - "$tree"/test/*.xml <<'PY'
import sys, xml.etree.ElementTree as tree
passed = failed = skipped = 0
for file in sys.argv[1:]:
    for case in tree.parse(file).getroot().iter("testcase"):
        if case.find("failure") is not None: failed += 1
        elif case.find("skipped") is not None: skipped += 1
        else: passed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
PY
result=$?
[ "$status" = 0 ] && exit "$result"
exit "$status"
