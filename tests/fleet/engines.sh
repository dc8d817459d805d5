#!/usr/bin/env bash
# usage: engines.sh HOLDFASTD HOLDFAST_FLEET
# Simulated engines publish KV events to a controller that takes them: some messages are lost on the
# way, engines are restarted, and so is the controller, with SIGKILL. In the end it must hold exactly
# what their caches do and answer look-ups by tokens as they would.
set -euo pipefail
readonly holdfastd=$1 fleet=$2

work=$(mktemp -d /tmp/holdfast-engines.XXXXXX)
daemon=0 engines=0
clean_up() {
  for process in "$engines" "$daemon"; do
    ((process)) && kill -9 "$process" 2>/dev/null
    wait "$process" 2>/dev/null || true
  done
  rm -rf -- "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $1"
  tail -n 20 -- "$work"/*.log "$work"/*.json 2>/dev/null || true
  exit 1
}
unset "${!HOLDFAST_@}"

start() {
  : >"$work/daemon.log"
  "$holdfastd" --data-dir "$work/store" --create --listen "unix:$work/socket" \
    --http "unix:$work/http" 2>"$work/daemon.log" &
  daemon=$!
  until grep -q ' ready on ' "$work/daemon.log"; do
    kill -0 "$daemon" 2>/dev/null || fail "holdfastd ended at its start"
    sleep 0.02
  done
}
value() { sed -nE "s/.*\"$2\": ?(\"[^\"]*\"|[^,}]*).*/\1/p" "$1"; }

for kind in vllm sglang; do
  start
  "$fleet" --as "$kind" --controller "unix:$work/socket" --http "http://unix:$work/http" \
    --events "ipc://$work/$kind" --model "$kind" --instances 2 --ranks 2 --capacity 300 \
    --rate 100 --duration 6 --drop 0.05 --restart-every 2 --json >"$work/$kind.json" &
  engines=$!
  sleep 3
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null || true
  start
  wait "$engines" || fail "$kind: holdfast-fleet ended with code $?"
  engines=0
  for name in messages_lost messages_replayed engine_restarts blocks_removed; do
    (($(value "$work/$kind.json" "$name") > 0)) || fail "$kind: no $name"
  done
  (($(value "$work/$kind.json" engines_equal) == 4)) || fail "$kind: not all engines are known"
  (($(value "$work/$kind.json" prompts_right) == $(value "$work/$kind.json" prompts_asked))) ||
    fail "$kind: look-ups by tokens are wrong"
  kill -TERM "$daemon"
  wait "$daemon" || fail "holdfastd ended with code $? on SIGTERM"
  daemon=0
  rm -rf -- "$work/store"
  echo "$kind: $(tr -d '\n ' <"$work/$kind.json")"
done
