#!/usr/bin/env bash
# usage: layers.sh SOURCE_DIR
# Fails if a folder of src/, or migrations, includes one it must not depend on. All of src/ is on the
# include path, so a header-only dependency would compile and link.
set -euo pipefail
cd "$1"

wrong=0
# only PATH ALLOWED...: its includes of ours are from the allowed folders, or are the allowed files.
only() {
  local path=$1 found
  shift
  local allowed=${*/%/\/}
  allowed=${allowed//.h\//.h\"}
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

# What controller and workers say to each other, as plain values: of core, but without its seams to
# the store, and all that a client gets of it.
plain=(core/types.h core/result.h core/check.h core/ids.h core/limits.h core/decisions.h core/hash_settings.h
       core/ticket.h core/messages.h core/cache_operations.h core/lookups.h core/views.h)

may core core
may wire wire schema "${plain[@]}" core/counters.h core/event_record.h core/operations/event_summary.h
may tokens tokens core/hash_settings.h
may os os core
may net net core
may notices notices core
may format format core schema
may store store core format os migrations
may capture capture core wire schema
may rpc rpc core net capture tokens wire schema
may client client wire schema "${plain[@]}" core/index/key_set.h core/index/prefetch.h
may command_line command_line core
may daemon daemon command_line core capture notices tokens os store net rpc wire schema
# Each step has the codec of its day: the newest one, in src/format, must not change it.
only migrations migrations schema
without core 'rocksdb/|capnp/|kj/|spdlog/|chrono>|thread>|mutex>|atomic>|condition_variable>|fstream>|filesystem>|iostream>|unistd|sys/[^m]|fcntl'
without format 'capnp/rpc|kj/async|spdlog/|thread>|mutex>|condition_variable>'
without store 'capnp/rpc|kj/async|spdlog/'
without capture 'rocksdb/|capnp/rpc|kj/async|spdlog/'
without wire 'rocksdb/|capnp/rpc|kj/async|spdlog/'
without notices 'rocksdb/|capnp/|kj/|spdlog/'
without net 'rocksdb/|capnp/|spdlog/'
without rpc 'rocksdb/|spdlog/'
without client 'rocksdb/|spdlog/'

# Plain values know nothing but each other.
each=$(printf '%s|' "${plain[@]}")
found=$(grep -HnE '^#include "' "${plain[@]/#/src/}" | grep -vE "#include \"(${each%|})\"" || true)
[[ -z "$found" ]] || { printf '%s\nplain values may include each other only\n' "$found"; wrong=1; }

# Each folder has its line above.
for folder in src/*/; do
  folder=$(basename "$folder")
  grep -q "^may $folder " "${BASH_SOURCE[0]}" || { echo "layers.sh says nothing about src/$folder"; wrong=1; }
done
exit "$wrong"
