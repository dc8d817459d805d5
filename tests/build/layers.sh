#!/usr/bin/env bash
# usage: layers.sh SOURCE_DIR [--draw]
# Fails unless the drawing of folders in ARCHITECTURE.md is what src, migrations and tools include:
# an arrow for each include, an include for each arrow, and every arrow points down. All of src/ is
# on the include path, so a header that a folder must not know would compile, and often link.
# --draw prints the arrows as the includes are, in the order of the drawing.
set -euo pipefail
cd "$1"
readonly draw=${2:-}
wrong=0
say() { printf '%s\n' "$*"; wrong=1; }

# "FOLDER FOLDER..." for each line "FOLDER -> FOLDER..." of the drawing.
drawing=$(sed -nE 's/^([a-z_/]+) +-> *([a-z_/ ]*)$/\1 \2/p' ARCHITECTURE.md)
[[ -n "$drawing" ]] || { echo "ARCHITECTURE.md has no drawing of folders"; exit 1; }
drawn=$(awk '{ for (i = 2; i <= NF; ++i) print $1, $i }' <<<"$drawing" | sort)

# Folders with sources as the drawing names them: those of src without it.
folders=$(for folder in schema migrations src/*/ tools/*/; do
  [[ -n $(find "$folder" \( -name '*.h' -o -name '*.cc' -o -name '*.capnp' \) -print -quit) ]] || continue
  folder=${folder#src/} && printf '%s\n' "${folder%/}"
done | sort)

# "FROM TO FILE:LINE" for each include of ours from another folder.
includes=$(grep -rnE '^#include "' --include='*.h' --include='*.cc' src migrations tools |
  awk -v folders="$folders" '
    BEGIN { split(folders, list, "\n"); for (i in list) known[list[i]] }
    # Includes are rooted at the tree, src or tools, or name a neighbour.
    function folder_of(path,   parts, n) {
      sub(/^src\//, "", path)
      n = split(path, parts, "/")
      if (n == 1) return ""
      if (parts[1] == "tools") return parts[1] "/" parts[2]
      if (parts[1] in known) return parts[1]
      return "tools/" parts[1]
    }
    {
      split($0, at, ":")
      split($0, quoted, "\"")
      from = folder_of(at[1])
      to = folder_of(quoted[2])
      if (to != "" && from != to) print from, to, at[1] ":" at[2]
    }' | sort)
used=$(cut -d ' ' -f 1,2 <<<"$includes" | sort -u)

if [[ "$draw" == --draw ]]; then
  awk -v used="$used" '
    BEGIN { n = split(used, list, "\n"); for (i = 1; i <= n; ++i) real[list[i]] }
    { order[NR] = $1 }
    END {
      for (i = 1; i <= NR; ++i) {
        line = sprintf("%-13s ->", order[i])
        for (j = 1; j <= NR; ++j) if ((order[i] " " order[j]) in real) line = line " " order[j]
        print line
      }
    }' <<<"$drawing"
  exit
fi

# Every folder has one line, and every line a folder.
rows=$(cut -d ' ' -f 1 <<<"$drawing")
while read -r folder; do say "ARCHITECTURE.md draws no $folder"; done < <(comm -23 <(printf '%s\n' "$folders") <(sort -u <<<"$rows"))
while read -r folder; do say "ARCHITECTURE.md draws $folder, which is no folder"; done < <(comm -13 <(printf '%s\n' "$folders") <(sort -u <<<"$rows"))
while read -r folder; do say "ARCHITECTURE.md draws $folder twice"; done < <(sort <<<"$rows" | uniq -d)

# Arrows point to lines below.
while read -r arrow; do say "ARCHITECTURE.md: $arrow does not point down"; done < <(
  awk '{ row[$1] = NR; line[NR] = $0 }
    END { for (n = 1; n <= NR; ++n) {
      count = split(line[n], to, " ")
      for (i = 2; i <= count; ++i) if (row[to[i]] <= n) print to[1] " -> " to[i] } }' <<<"$drawing")

# Arrows and includes are the same.
while read -r from to where; do
  say "$where: $from includes $to, which ARCHITECTURE.md does not draw"
done < <(awk 'NR == FNR { drawn[$1 " " $2]; next } !(($1 " " $2) in drawn)' <(printf '%s\n' "$drawn") <(printf '%s\n' "$includes"))
while read -r from to; do
  say "ARCHITECTURE.md: $from -> $to, but nothing there includes it any more"
done < <(comm -23 <(sort -u <<<"$drawn") <(printf '%s\n' "$used"))
((!wrong)) || echo "mend one of them; tests/build/layers.sh . --draw prints the arrows as the includes are"

# without FOLDER PATTERN: no system header of that kind.
without() {
  local found
  found=$(grep -nE "^#include <($2)" -r "src/$1" || true)
  [[ -z "$found" ]] || say "$found"$'\n'"src/$1 must do without"
}

# of_core FOLDER FILE...: what that folder includes of core is one of these files.
of_core() {
  local folder=$1 found
  shift
  found=$(grep -rnE '^#include "core/' "src/$folder" | grep -vF "$(printf '"%s"\n' "$@")" || true)
  [[ -z "$found" ]] || say "$found"$'\n'"of core, src/$folder may include these only: $*"
}
# What controller and workers say to each other, as plain values: of core, but without its seams to
# the store, and all that a client gets of it.
plain=(core/types.h core/result.h core/check.h core/ids.h core/limits.h core/decisions.h core/hash_settings.h
       core/ticket.h core/messages.h core/cache_operations.h core/labels.h core/load.h
       core/lookups.h core/replica_view.h core/views.h)
of_core wire "${plain[@]}" core/counters.h core/event_record.h core/operations/event_summary.h
of_core client "${plain[@]}" core/index/key_set.h core/index/prefetch.h
of_core tokens core/hash_settings.h core/result.h

without core 'rocksdb/|capnp/|kj/|spdlog/|chrono>|thread>|mutex>|atomic>|condition_variable>|fstream>|filesystem>|iostream>|unistd|sys/[^m]|fcntl'
without format 'capnp/rpc|kj/async|spdlog/|thread>|mutex>|condition_variable>'
without store 'capnp/rpc|kj/async|spdlog/'
without capture 'rocksdb/|capnp/rpc|kj/async|spdlog/'
without wire 'rocksdb/|capnp/rpc|kj/async|spdlog/'
without notices 'rocksdb/|capnp/|kj/|spdlog/'
without net 'rocksdb/|capnp/|spdlog/'
without rpc 'rocksdb/|spdlog/'
without http 'rocksdb/|spdlog/'
without client 'rocksdb/|spdlog/'
# Mutexes say what they guard.
for folder in src/*/; do
  [[ "$folder" == src/locks/ ]] || without "${folder#src/}" 'mutex>|condition_variable>'
done
exit "$wrong"
