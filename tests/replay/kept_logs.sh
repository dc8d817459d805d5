#!/bin/bash
# Capture logs that are kept lead to the registries of the runs they were captured in, in a core and
# in a store: whatever build it is that replays them, and however long ago they were made. 1 is of
# workers with all faults of holdfast-fleet, then of engines that publish KV events.
#
# A further one: tar -C CAPTURES --sort=name --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n,
# and beside it the registryDigest of the run (holdfast-ctl status). Where a change of what the
# controller does makes one invalid (exit code 4), it is made anew, and the commit says so.
#
# usage: kept_logs.sh HOLDFAST_REPLAY HOLDFAST_INSPECT
set -u
replay=$1 inspect=$2
logs=$(dirname "$0")/logs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  tail -n 20 "$work"/*.out
  exit 1
}
for archive in "$logs"/*.tar.gz; do
  name=$(basename "$archive" .tar.gz)
  digest=$(<"$logs/$name.digest")
  mkdir "$work/$name"
  tar -xzf "$archive" -C "$work/$name" || fail "$archive cannot be unpacked"
  "$replay" "$work/$name" --check-digest "$digest" >"$work/$name.out" 2>&1 ||
    fail "$name: exit code $? of the replay"
  "$replay" "$work/$name" --check-digest "$digest" --into "store:$work/$name.store" >"$work/$name.out" 2>&1 ||
    fail "$name: exit code $? of the replay into a store"
  [[ $("$inspect" digest "$work/$name.store") == "$digest" ]] || fail "$name: the store has another digest"
done
echo "passed"
