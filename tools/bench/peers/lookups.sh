#!/usr/bin/env bash
# Runs rows of the chunk index on the indexes of other routers (kv-index and dynamo-kv-router from
# crates.io) and on ours, in turns, and prints medians and ratios; above 1 ours is better.
#
# usage: lookups.sh HOLDFAST_BENCH [--scale 0.1] [--rounds 3] [--keep FOLDER] [ROW...]
# A fleet of full size takes 11 GB on theirs, and kv-index takes no more than some 0.7 M prompts that
# begin differently (lookup_32 at 0.4). FOLDER keeps what cargo builds for the next time.
set -euo pipefail
if [[ $# -eq 0 || $1 == --help ]]; then
  sed -nE '2,7s/^# ?//p' "$0"
  exit $(($# == 0 ? 2 : 0))
fi
here=$(cd "$(dirname "$0")" && pwd)
bench=$(realpath "$1")
shift
scale=0.1 rounds=3 keep=
rows=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --scale) scale=$2 && shift 2 ;;
    --rounds) rounds=$2 && shift 2 ;;
    --keep) keep=$(realpath -m "$2") && shift 2 ;;
    -*) echo "lookups.sh: there is no option $1" >&2 && exit 2 ;;
    *) rows+=("$1") && shift ;;
  esac
done
if [[ ${#rows[@]} -eq 0 ]]; then
  rows=(lookup_32 lookup_512 lookup_512_first lookup_512_restart_first lookup_shared_32
    lookup_shared_128 index_insert index_insert_ranks memory_distinct memory_ranks)
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build=${keep:-$folder/build}

# A folder of its own, so that no workspace around it matters and no lock file comes to lie here.
mkdir -p "$build"
cp "$here/lookups/Cargo.toml" "$here/lookups/main.rs" "$build/"
if ! (cd "$build" && cargo build --release --quiet) 2>"$folder/cargo.log"; then
  tail -20 "$folder/cargo.log" >&2
  echo "lookups.sh: the peers cannot be built; is crates.io reachable?" >&2
  exit 1
fi

# Both print "ROW WHO VALUE".
# Ours becomes faster with what is asked for again, so the median of five runs on one fleet counts.
ours() {
  "$bench" "$1" --scale "$scale" --runs 5 --json 2>/dev/null |
    python3 -c 'import json, sys; row = json.load(sys.stdin)["rows"][0]; print(row["name"], "ours", row["value"])'
}
theirs() {
  # Theirs remember nothing of look-ups and are given chains in their order, so that prompts that
  # are new, and those after a restart of ours, are like any others.
  local row=$1
  case $row in lookup_512_*) row=lookup_512 ;; esac
  if ! "$build/target/release/peers-lookups" "$scale" "$2" "$row" 2>"$folder/peer.log" |
    awk -v row="$1" -v who="$2" '{ print row, who, $2 }'; then
    echo "$1: $2 came to nothing: $(grep -m1 -A1 panicked "$folder/peer.log" | tail -1)" >&2
  fi
}
for row in "${rows[@]}"; do
  for ((round = 0; round < rounds; ++round)); do
    ours "$row"
    theirs "$row" kv-index
    theirs "$row" dynamo
  done | tee -a "$folder/values" >&2
done

echo "kv-index 2.0.0, dynamo-kv-router 1.6.1; sizes scaled by $scale, medians of $rounds"
awk '
  function median(list, n, i, j, t, a) {
    n = split(list, a, " ")
    for (i = 2; i <= n; ++i) for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; --j) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
    return a[int((n + 1) / 2)] + 0
  }
  # 0: it came to nothing.
  function shown(value) { return value == 0 ? "-" : sprintf("%.2f", value) }
  function ratio(us, other, less) {
    return us == 0 || other == 0 ? "-" : sprintf("%.2f", less ? other / us : us / other)
  }
  { if (!($1 in seen)) { seen[$1] = 1; order[++rows] = $1 } values[$1, $2] = values[$1, $2] " " $3 }
  END {
    printf "%-24s %10s %10s %10s %12s %12s\n", "row", "ours", "kv-index", "dynamo", "x kv-index", "x dynamo"
    for (i = 1; i <= rows; ++i) {
      row = order[i]
      us = median(values[row, "ours"]); one = median(values[row, "kv-index"]); two = median(values[row, "dynamo"])
      less = row ~ /^memory/
      printf "%-24s %10.2f %10s %10s %12s %12s\n", row, us, shown(one), shown(two), ratio(us, one, less), ratio(us, two, less)
    }
  }' "$folder/values"
