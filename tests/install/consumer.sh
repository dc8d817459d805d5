#!/usr/bin/env bash
# usage: consumer.sh WAY SOURCE_DIR HOLDFASTD COMPILER [COMPILER_LAUNCHER]
# Builds the program of src/client/README.md as a project of its own, which has stricter warnings than
# ours and none of the server's libraries, and runs it against a controller. WAY: subproject
# (add_subdirectory) or installed (into a prefix; then find_package, and pkg-config without CMake).
set -euo pipefail
way=$1 source=$2 holdfastd=$3 compiler=$4 launcher=${5:-}

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-install.XXXXXX")
daemon=0
clean_up() {
  if ((daemon)); then kill -9 "$daemon" 2>/dev/null || true; fi
  rm -rf -- "$work"
}
trap clean_up EXIT
fail() {
  printf 'consumer.sh: %s\n' "$1" >&2
  exit 1
}

mkdir -p "$work/project" "$work/data"
# Its address is this test's own.
awk '/^```cpp$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$source/src/client/README.md" |
  sed "s|127.0.0.1:7440|unix:$work/socket|" >"$work/project/main.cc"
grep -q 'int main(' "$work/project/main.cc" || fail "src/client/README.md has no program"
grep -q "unix:$work" "$work/project/main.cc" || fail "the program names another address"

# A server's libraries that are there must not be looked for.
options=(-G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON
         -DCMAKE_DISABLE_FIND_PACKAGE_RocksDB=ON -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON
         -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON)
if [[ -n "$launcher" ]]; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"); fi
warnings=(-Wall -Wextra -Wconversion -Wshadow -Werror)

install_client() {
  cmake -S "$source" -B "$work/client" "${options[@]}" -DCMAKE_INSTALL_PREFIX="$work/prefix" \
        -DHOLDFAST_BUILD_SERVER=OFF -DHOLDFAST_BUILD_TOOLS=OFF -DHOLDFAST_BUILD_TESTS=OFF
  cmake --build "$work/client"
  cmake --install "$work/client"
}

build_project() {
  {
    printf 'cmake_minimum_required(VERSION 3.25)\nproject(consumer LANGUAGES C CXX)\n%s\n' "$1"
    printf 'add_executable(consumer main.cc)\ntarget_link_libraries(consumer PRIVATE holdfast::client)\n'
    printf 'target_compile_options(consumer PRIVATE %s)\n' "${warnings[*]}"
  } >"$work/project/CMakeLists.txt"
  cmake -S "$work/project" -B "$work/build" "${options[@]}" -DCMAKE_PREFIX_PATH="$work/prefix"
  cmake --build "$work/build"
}

case "$way" in
  subproject) build_project "add_subdirectory($source holdfast)" ;;
  installed)
    install_client
    build_project 'find_package(holdfast 0.1 REQUIRED COMPONENTS client)'
    flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name holdfast-client.pc)") \
            pkg-config --cflags --libs holdfast-client)
    # shellcheck disable=SC2086
    "$compiler" -std=c++20 "${warnings[@]}" -o "$work/build/consumer-by-pkg-config" "$work/project/main.cc" $flags
    ;;
  *) fail "unknown way $way" ;;
esac

if ldd "$work/build/consumer" | grep -E 'rocksdb|spdlog|gtest'; then
  fail "the program links libraries of the server"
fi

"$holdfastd" --data-dir "$work/data" --listen "unix:$work/socket" 2>"$work/log" &
daemon=$!
for _ in $(seq 600); do
  if grep -q 'ready on' "$work/log"; then break; fi
  kill -0 "$daemon" 2>/dev/null || fail "holdfastd ended: $(cat "$work/log")"
  sleep 0.1
done
for program in "$work"/build/consumer*; do
  "$program" || fail "$program ended with $?"
done
kill "$daemon"
wait "$daemon" || fail "holdfastd ended with $?"
daemon=0
