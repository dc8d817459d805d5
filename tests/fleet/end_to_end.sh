#!/bin/bash
# A fleet serves while its controller is killed and started again: the digests must be equal, no
# key re-sent, and the fleet must tell when digests differ or no controller is there. Then one
# serves while everything goes wrong that it can bring about, and must converge.
#
# usage: end_to_end.sh HOLDFASTD HOLDFAST_FLEET
set -u
daemon=$1
fleet=$2
work=$(mktemp -d)
address=unix:$work/socket
daemonPid=
fleetPid=
trap 'kill -9 $daemonPid $fleetPid 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  tail -n 20 "$work"/*.log "$work"/out*
  exit 1
}
startDaemon() {
  "$daemon" --data-dir "$work/${1:-data}" --create --heartbeat-interval 500ms --listen "$address" >>"$work/daemon.log" 2>&1 &
  daemonPid=$!
}
# Waits up to a minute for a line of a file.
await() {
  for ((i = 0; i < 600; ++i)); do
    grep -q "$1" "$2" 2>/dev/null && return
    sleep 0.1
  done
  fail "no «$1» in $2"
}
# The value of a number or string in the one-line JSON object $1.
value() { sed -E "s/.*\"$2\": \"?([^,\"}]*).*/\1/" "$1"; }
expect() {
  local actual
  actual=$(value "$1" "$2")
  [[ $actual == "$3" ]] || fail "$2 is $actual, not $3"
}

"$fleet" --controller "unix:$work/nobody" --trace /dev/null >"$work/out0" 2>&1
[[ $? == 2 ]] || fail "an empty trace must be refused"
"$fleet" --drop 0.6 --delay 0.6 >>"$work/out0" 2>&1
[[ $? == 2 ]] || fail "shares of more than all reports must be refused"

startDaemon
await 'ready on' "$work/daemon.log"
"$fleet" --controller "$address" --instances 2 --ranks 2 --capacity 500 --duration 8 --rate 200 \
  --leave --json >"$work/out1" 2>"$work/fleet.log" &
fleetPid=$!
sleep 3
kill -9 $daemonPid
wait $daemonPid 2>/dev/null
await 'controller is gone' "$work/fleet.log"
startDaemon
wait $fleetPid
code=$?
fleetPid=
[[ $code == 0 ]] || fail "exit code $code after a restart of the controller"
expect "$work/out1" requests 1600
expect "$work/out1" chunks 2000
expect "$work/out1" workers 4
expect "$work/out1" workers_reconnected 4
expect "$work/out1" workers_in_sync_after_restart 4
expect "$work/out1" workers_asked_for_anything 0
expect "$work/out1" keys_resent_after_restart 0
expect "$work/out1" digest_controller "$(value "$work/out1" digest_fleet)"
[[ $(value "$work/out1" lookup_p50_us) -gt 0 ]] || fail "no look-up took any time"
[[ $(value "$work/out1" chunks_recovered) -gt 0 ]] || fail "nothing was recovered"

# What the first fleet left behind is not in this one's caches.
"$fleet" --controller "$address" --instances 1 --ranks 1 --duration 0.5 --rate 50 --json \
  >"$work/out2" 2>&1
[[ $? == 1 ]] || fail "a controller that knows more than the fleet must not compare equal"

kill -9 $daemonPid
wait $daemonPid 2>/dev/null
startDaemon faults
"$fleet" --controller "$address" --instances 2 --ranks 2 --capacity 500 --disk 1000 --duration 4 \
  --rate 200 --drop 0.02 --duplicate 0.02 --reorder 0.02 --delay 0.02 --restart-every 0.5 \
  --cut-every 0.5 --corrupt-every 0.5 --settle 60 --json >"$work/out3" 2>"$work/fleet3.log"
code=$?
[[ $code == 0 ]] || fail "exit code $code after faults"
expect "$work/out3" converged true
[[ $(value "$work/out3" restarts) -ge 7 ]] || fail "too few restarts"
expect "$work/out3" digest_controller "$(value "$work/out3" digest_fleet)"
[[ $(value "$work/out3" replays) -gt 0 ]] || fail "nothing was replayed"
[[ $(value "$work/out3" full_syncs) -gt 0 ]] || fail "nothing was synced"
echo "passed"
