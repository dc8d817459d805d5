#!/bin/bash
# A fleet serves while everything goes wrong that it can bring about, and all of it is captured: the
# log, replayed flat out and at recorded speed, leads to the controller's registry and to that of its
# store; so does a log that begins with what an earlier controller left, and one that begins under way;
# one of a killed controller leads to a store, and one without faults to another controller.
#
# usage: end_to_end.sh HOLDFASTD HOLDFAST_FLEET HOLDFAST_CTL HOLDFAST_INSPECT HOLDFAST_REPLAY
set -u
daemon=$1 fleet=$2 ctl=$3 inspect=$4 replay=$5
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
# startDaemon DATA LOGFILE [OPTION...]
startDaemon() {
  local data=$work/$1 log=$work/$2
  shift 2
  "$daemon" --data-dir "$data" --create --heartbeat-interval 500ms --fold-floor 2000 --listen "$address" "$@" \
    >>"$log" 2>&1 &
  daemonPid=$!
  for ((i = 0; i < 600; ++i)); do
    grep -q 'ready on' "$log" && return
    sleep 0.1
  done
  fail "no controller"
}
stopDaemon() {
  kill -TERM $daemonPid
  wait $daemonPid || fail "exit code $? of the controller"
}
runFleet() {
  "$fleet" --controller "$address" --instances 2 --ranks 2 --capacity 500 --disk 1000 --rate 200 --json "$@" \
    >"$work/out-fleet" 2>"$work/fleet.log" || fail "exit code $? of the fleet"
}
# The value of a text or number in the JSON object $1.
value() { sed -nE "s/^ *\"$2\": \"?([^,\"}]*).*/\1/p" "$1" | head -n 1; }
statusValue() {
  "$ctl" --controller "$address" status --json >"$work/out-status" || fail "no status"
  value "$work/out-status" "$1"
}
# replayed NAME LOG DIGEST [OPTION...]
replayed() {
  local out=$work/out-$1 log=$2 digest=$3
  shift 3
  "$replay" "$log" --json --check-digest "$digest" "$@" >"$out" 2>&1 || fail "exit code $? of the replay"
  [[ $(value "$out" digest) == "$digest" ]] || fail "another digest"
}

# A new store, faults, and a tier on disk; many files.
startDaemon data daemon1.log --capture "$work/captures" --capture-file-size 65536
runFleet --duration 4 --leave --drop 0.02 --duplicate 0.02 --reorder 0.02 --delay 0.02 \
  --restart-every 0.5 --cut-every 0.5 --corrupt-every 0.5 --settle 60
digest=$(statusValue registryDigest)
stopDaemon
[[ $(find "$work/captures/capture-00001" -mindepth 1 -maxdepth 1 | wc -l) -gt 5 ]] || fail "the log has too few files"
[[ $("$inspect" digest "$work/data") == "$digest" ]] || fail "the store has another digest"
replayed 1 "$work/captures" "$digest"
replayed 2 "$work/captures/capture-00001" "$digest"
replayed 3 "$work/captures" "$digest" --speed recorded
for kind in register report heartbeat full-sync-start full-sync-batch tick work committed folded; do
  [[ $(value "$work/out-1" $kind) -gt 0 ]] || fail "no '$kind' in the log"
done
[[ $(value "$work/out-1" end) == complete* ]] || fail "the log has no end"
awk -v s="$(value "$work/out-3" seconds)" 'BEGIN { exit !(s > 3) }' || fail "recorded speed took $(value "$work/out-3" seconds) s"

# What it left is where the next log begins; this controller is killed.
startDaemon data daemon2.log --capture "$work/captures"
[[ -d $work/captures/capture-00002/checkpoint ]] || fail "no checkpoint"
runFleet --duration 3 --leave --seed 7 --settle 60
killed=$(statusValue registryDigest)
# The log of a running controller can be replayed as well; it is a tenth of a second behind.
for ((i = 0; i < 100; ++i)); do
  "$replay" "$work/captures/capture-00002" --check-digest "$killed" >"$work/out-live" 2>&1 && break
done
((i < 100)) || fail "the log never had all that the controller has"
kill -9 $daemonPid
wait $daemonPid 2>/dev/null
"$replay" "$work/captures/capture-00002" >"$work/out-4" 2>&1 || fail "exit code $? for the log of a killed one"
grep -q 'it was cut' "$work/out-4" || fail "a cut was not noticed"
replayed 5 "$work/captures/capture-00002" "$killed" --into "store:$work/copy"
[[ $("$inspect" digest "$work/copy") == "$killed" ]] || fail "the copy has another digest"
"$inspect" verify "$work/copy" >"$work/out-verify" || fail "the copy is damaged"

# Into a controller, by calls: a log without faults, since what it answers is its own affair.
startDaemon clean daemon3.log --capture "$work/clean-captures"
runFleet --duration 2 --leave
digest=$(statusValue registryDigest)
stopDaemon
startDaemon other daemon4.log
replayed 6 "$work/clean-captures" "$digest" --into "rpc:$address"
stopDaemon

# Switched on and off under way, with faults: the log begins with the state as it was, workers are
# asked for nothing that was confirmed, and look-ups go on.
startDaemon late daemon5.log
"$fleet" --controller "$address" --instances 2 --ranks 2 --capacity 500 --disk 1000 --rate 200 --json --leave \
  --duration 5 --drop 0.01 --restart-every 1 --corrupt-every 1 --settle 60 >"$work/out-fleet" 2>"$work/fleet.log" &
fleetPid=$!
for ((i = 0; i < 600; ++i)); do
  [[ $(statusValue memberships) -gt 3000 ]] && break
  sleep 0.1
done
touch "$work/file"
"$ctl" --controller "$address" capture on "$work/file/captures" >"$work/out-on0" 2>&1 && fail "a capture below a file"
grep -q 'a capture begins' "$work/daemon5.log" && fail "sessions ended for a capture that cannot be written"
"$ctl" --controller "$address" capture on "$work/late-captures" >"$work/out-on" 2>&1 || fail "no capture"
"$ctl" --controller "$address" capture on "$work/late-captures" >"$work/out-on2" 2>&1 && fail "two captures at a time"
wait $fleetPid || fail "exit code $? of the fleet"
digest=$(statusValue registryDigest)
"$ctl" --controller "$address" capture off >"$work/out-off" 2>&1 || fail "no end of the capture"
"$ctl" --controller "$address" capture off >>"$work/out-off" 2>&1 && fail "an end without a capture"
stopDaemon
replayed 11 "$work/late-captures" "$digest"
replayed 12 "$work/late-captures" "$digest" --into "store:$work/late-copy"
[[ $("$inspect" digest "$work/late-copy") == "$digest" ]] || fail "the copy has another digest"
grep -q 'until it was switched off' "$work/out-11" || fail "the log has no end"

# Told from the outside.
"$replay" "$work/clean-captures" --check-digest 00000000000000000000000000000000 >"$work/out-7" 2>&1
[[ $? == 1 ]] || fail "another digest must have exit code 1"
"$replay" "$work/nowhere" >"$work/out-8" 2>&1
[[ $? == 3 ]] || fail "a log that is not there must have exit code 3"
"$replay" "$work/clean-captures" --speed slow >"$work/out-9" 2>&1
[[ $? == 2 ]] || fail "a wrong option must have exit code 2"
"$replay" "$work/clean-captures" --step --message register --instance fleet-0 </dev/null >"$work/out-10" 2>&1 ||
  fail "exit code $? of stepping"
grep -q 'chunks, digest' "$work/out-10" || fail "stepping shows no state"
"$replay" "$work/clean-captures" --into rpc:127.0.0.1:1 >"$work/out-13" 2>&1
[[ $? == 3 ]] || fail "a controller that is not there must have exit code 3"
grep -q 'cannot reach the controller at 127.0.0.1:1: connection refused' "$work/out-13" || fail "why there is none"
echo "passed"
