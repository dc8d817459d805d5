#!/usr/bin/env bash
# usage: layers.sh SOURCE_DIR
# Fails if a folder of src/, or migrations, includes one it must not depend on. All of src/ is on the
# include path, so a header-only dependency would compile and link.
set -euo pipefail
cd "$1"

wrong=0
# only PATH ALLOWED...: its includes of ours are from the allowed folders.
only() {
  local path=$1 found
  shift
  local allowed=${*/%/\/}
  found=$(grep -nE '^#include "' -r "$path" | grep -vE "#include \"(${allowed// /|})" || true)
  [[ -z "$found" ]] || { printf '%s\n%s may include %s only\n' "$found" "$path" "$*"; wrong=1; }
}
# may FOLDER ALLOWED...: the same of a folder of src/.
may() {
  only "src/$1" "${@:2}"
}
# without FOLDER PATTERN: no system header of that kind.
without() {
  local found
  found=$(grep -nE "^#include <($2)" -r "src/$1" || true)
  [[ -z "$found" ]] || { printf '%s\nsrc/%s must do without\n' "$found" "$1"; wrong=1; }
}

may core core
may tokens tokens
may os os core
may net net core
may format format core schema
may store store core format os migrations
may capture capture core schema
may rpc rpc core net capture tokens schema
may client client core schema
may command_line command_line core
may daemon daemon command_line core capture tokens os store net rpc schema
# Each step has the codec of its day: the newest one, in src/format, must not change it.
only migrations migrations schema
without core 'rocksdb/|capnp/|kj/|spdlog/|chrono>|thread>|mutex>|atomic>|condition_variable>|fstream>|filesystem>|iostream>|unistd|sys/[^m]|fcntl'
without format 'capnp/rpc|kj/async|spdlog/|thread>|mutex>|condition_variable>'
without store 'capnp/rpc|kj/async|spdlog/'
without capture 'rocksdb/|capnp/rpc|kj/async|spdlog/'
without net 'rocksdb/|capnp/|spdlog/'
without rpc 'rocksdb/|spdlog/'
without client 'rocksdb/|spdlog/'

# Each folder has its line above.
for folder in src/*/; do
  folder=$(basename "$folder")
  grep -q "^may $folder " "${BASH_SOURCE[0]}" || { echo "layers.sh says nothing about src/$folder"; wrong=1; }
done
exit "$wrong"
