# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: installs what is missing, fetches the data, configures and builds.
# Works on a bare Debian 12; every step looks first whether it is done, so a second run takes a second.

packages=(cmake ninja-build ccache clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libfmt-dev
  libsqlite3-dev libz3-dev zlib1g-dev librandom123-dev libgtest-dev libstdc++-12-dev python3 dataset-fashion-mnist)

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo > /dev/null; then sudo "$@"
  else echo "error: expected to run as root, or sudo, to install: ${missing[*]}" >&2; exit 1; fi
}

install_packages() {
  missing=()
  for p in "${packages[@]}" "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$p" 2> /dev/null | grep -qx installed || missing+=("$p")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# The CSV files of scikit-learn, out of Debian's package; neither Python nor the package itself is needed.
fetch_data() {
  [ -e build/data/digits.csv.gz ] && return
  say "fetching digits, diabetes and iris from Debian's python3-sklearn"
  local work; work=$(mktemp -d)
  (cd "$work" && chmod 777 . && { apt-get download -qq python3-sklearn || { as_root apt-get update -qq && apt-get download -qq python3-sklearn; }; })
  dpkg-deb -x "$work"/python3-sklearn_*.deb "$work/root"
  mkdir -p build/data
  cp "$work"/root/usr/lib/python3/dist-packages/sklearn/datasets/data/*.csv* build/data/
  rm -rf "$work"
}

# build DIR [cmake options...] -- [targets...]
build_tree() {
  local dir=$1; shift
  local options=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  # A precompiled header and ccache get along only when told so.
  export CCACHE_SLOPPINESS=pch_defines,time_macros
  [ -e "$dir/build.ninja" ] || cmake -G Ninja -S . -B "$dir" -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "${options[@]}" > "$dir.log" 2>&1 || { tail -n 20 "$dir.log" >&2; return 1; }
  say "building into $dir/"
  ninja -C "$dir" "$@" > "$dir.log" 2>&1 || { grep -E 'error|FAILED' -A 5 "$dir.log" | head -n 60 >&2; tail -n 5 "$dir.log" >&2; return 1; }
  rm -f "$dir.log"
}
