#!/bin/bash
# Every cache operation with a controller, a fleet and holdfast-ctl: the simulated caches change as
# asked, the registry follows what they report, and check-finish tells the truth also after the
# controller was killed.
#
# usage: operations.sh HOLDFASTD HOLDFAST_FLEET HOLDFAST_CTL HOLDFAST_INSPECT
set -u
daemon=$1
fleet=$2
ctl=$3
inspect=$4
work=$(mktemp -d)
address=unix:$work/socket
export HOLDFAST_CONTROLLER=$address
daemonPid=
fleetPid=
trap 'kill -9 $daemonPid $fleetPid 2>/dev/null; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  tail -n 20 "$work"/*.log "$work"/out*
  "$ctl" events
  exit 1
}
startDaemon() {
  "$daemon" --data-dir "$work/data" --create --heartbeat-interval 500ms --listen "$address" >>"$work/daemon.log" 2>&1 &
  daemonPid=$!
  for ((i = 0; i < 600; ++i)); do
    [[ $(grep -c 'ready on' "$work/daemon.log") -ge $1 ]] && return
    sleep 0.1
  done
  fail "the controller does not start"
}
# The value of a number or string in JSON: value FILE KEY.
value() { sed -nE "s/^.*\"$2\": \"?([^,\"}]*).*/\1/p" "$1" | head -n 1; }
expect() {
  local actual
  actual=$(value "$1" "$2")
  [[ $actual == "$3" ]] || fail "$2 of $1 is $actual, not $3"
}
# run CODE ARGUMENTS...: holdfast-ctl must end with this code; its JSON is in out.
run() {
  local code
  "$ctl" "${@:2}" --json >"$work/out" 2>"$work/out.error"
  code=$?
  [[ $code == "$1" ]] || fail "holdfast-ctl ${*:2} ended with $code, not $1: $(cat "$work/out.error")"
}
# Chunks that the registry has of all ranks of an instance in a location.
held() {
  "$ctl" workers --instance "$1" --json | awk -v location="$2" '
    /"name"/ { of = ($0 ~ "\"" location "\"") } /"count"/ && of { gsub(/[^0-9]/, ""); sum += $0 }
    END { print sum + 0 }'
}
# Waits until that is so many.
awaitHeld() {
  for ((i = 0; i < 300; ++i)); do
    [[ $(held "$1" "$2") == "$3" ]] && return
    sleep 0.1
  done
  fail "$1 $2 has $(held "$1" "$2") chunks, not $3"
}

# Chunks that are pinned of all ranks of an instance in a location.
pinned() {
  "$ctl" pins --instance "$1" --location "$2" --json |
    sed -nE 's/^ *"chunks": ([0-9]+).*/\1/p' | awk '{ sum += $0 } END { print sum + 0 }'
}
awaitPinned() {
  for ((i = 0; i < 300; ++i)); do
    [[ $(pinned "$1" "$2") == "$3" ]] && return
    sleep 0.1
  done
  fail "$1 $2 has $(pinned "$1" "$2") pinned chunks, not $3"
}

# 40 prompts at once, then nothing for a long time: the caches stand still.
for ((i = 0; i < 40; ++i)); do
  echo "{\"timestamp\": $i, \"hash_ids\": [$((i * 3 + 1)), $((i * 3 + 2)), $((i * 3 + 3))]}"
done >"$work/trace"
echo '{"timestamp": 10000000, "hash_ids": [1]}' >>"$work/trace"

startDaemon 1
"$fleet" --instances 2 --ranks 2 --capacity 5000 --disk 5000 --duration 600 --routing round-robin \
  --controller "$address" --trace "$work/trace" --json >"$work/out.fleet" 2>"$work/fleet.log" &
fleetPid=$!
# 20 prompts of 3 x 2 chunks for each instance; a hash id of the trace stands for 512 tokens.
each=
for ((i = 0; i < 300; ++i)); do
  each=$(held fleet-0 LocalCPUBackend)
  [[ $each -gt 0 && $each == $(held fleet-1 LocalDiskBackend) ]] && break
  sleep 0.1
done
sleep 1
each=$(held fleet-0 LocalCPUBackend)
perRank=$((each / 2))
[[ $perRank -gt 0 ]] || fail "the fleet holds nothing"

run 0 health fleet-0
expect "$work/out" status "done"

run 0 compress fleet-0 LocalCPUBackend cachegen
expect "$work/out" numTokens $((perRank * 256))
run 0 decompress fleet-0 LocalCPUBackend cachegen
run 0 compress fleet-1 LocalDiskBackend cachegen
[[ $(held fleet-1 LocalDiskBackend) == "$each" ]] || fail "compression changed what is held"

# There and, as a copy, back again.
run 0 move fleet-0 LocalCPUBackend fleet-1 LocalCPUBackend --event-id moved
expect "$work/out" numTokens $((perRank * 256))
awaitHeld fleet-0 LocalCPUBackend 0
awaitHeld fleet-1 LocalCPUBackend $((2 * each))
run 0 move fleet-1 LocalCPUBackend fleet-0 LocalCPUBackend --copy
expect "$work/out" numTokens $((2 * perRank * 256))
awaitHeld fleet-0 LocalCPUBackend $((2 * each))
awaitHeld fleet-1 LocalCPUBackend $((2 * each))
# Asked for again, it is not done again.
run 0 move fleet-0 LocalCPUBackend fleet-1 LocalCPUBackend --event-id moved
awaitHeld fleet-0 LocalCPUBackend $((2 * each))

# Nothing of this prompt is held: nothing is pinned, and all agree.
printf '%s ' $(seq 1 512) >"$work/prompt"
run 0 pin fleet-0 LocalCPUBackend --file "$work/prompt"
expect "$work/out" numTokens 0
expect "$work/out" chunks 2

# What is pinned is remembered, for as long as it was asked for.
mapfile -t chunks < <("$inspect" keys "$work/data" --instance fleet-1 --worker 0 \
  --location LocalDiskBackend | grep '^0x' | head -n 3)
[[ ${#chunks[@]} == 3 ]] || fail "no chunks: ${chunks[*]}"
run 0 pin fleet-1 LocalCPUBackend --hashes "${chunks[@]:0:2}" --event-id kept
expect "$work/out" numTokens 512
run 0 pin fleet-1 LocalCPUBackend --hashes "${chunks[2]}" --ttl 1s
expect "$work/out" ttlSeconds 1
run 0 pin fleet-1 LocalDiskBackend --hashes "${chunks[@]:0:2}" --ttl 7d
awaitPinned fleet-1 LocalCPUBackend 4
run 0 pins --instance fleet-1 --worker 1 --location LocalCPUBackend --chunks
expect "$work/out" eventId kept
expect "$work/out" expiresMs 0
grep -q "${chunks[1]}" "$work/out" || fail "${chunks[1]} is not among the pinned chunks"
run 0 lookup --pins --hashes "${chunks[@]}"
grep -q '"pinnedChunks": 2' "$work/out" || fail "the look-up does not know the pins"
run 0 status
expect "$work/out" pins 8
run 0 pins --instance fleet-0
[[ $(grep -c eventId "$work/out") == 0 ]] || fail "fleet-0 has pins"
"$inspect" workers "$work/data" --instance fleet-1 --location LocalDiskBackend --json >"$work/out"
expect "$work/out" pins 2

run 0 clear fleet-0 LocalDiskBackend --no-wait --event-id nightly
for ((i = 0; i < 100; ++i)); do
  "$ctl" check-finish nightly >/dev/null 2>&1 && break
  sleep 0.1
done
run 0 check-finish nightly
expect "$work/out" numTokens $((perRank * 256))
awaitHeld fleet-0 LocalDiskBackend 0

# What was done stays done, and known, when the controller is killed.
kill -9 $daemonPid
wait $daemonPid 2>/dev/null
startDaemon 2
run 0 check-finish nightly
expect "$work/out" status "done"
expect "$work/out" numTokens $((perRank * 256))
awaitHeld fleet-0 LocalDiskBackend 0
for location in LocalCPUBackend LocalDiskBackend; do
  [[ $(pinned fleet-1 $location) == 4 ]] || fail "the pins in $location are lost"
done
for ((i = 0; i < 300; ++i)); do
  "$ctl" health fleet-0 >/dev/null && "$ctl" health fleet-1 >/dev/null && break
  sleep 0.1
done
run 0 health fleet-1
# Pins end with the chunks, and with what is known of the worker.
run 0 clear fleet-1 LocalCPUBackend
awaitPinned fleet-1 LocalCPUBackend 0
run 0 forget fleet-1 0
awaitPinned fleet-1 LocalDiskBackend 2
awaitHeld fleet-1 LocalDiskBackend "$each"

# Errors name what to do, and nothing happens.
run 1 clear fleet-9 LocalCPUBackend
grep -q 'there is no instance' "$work/out.error" || fail "unclear: $(cat "$work/out.error")"
run 1 clear fleet-0 gpu
grep -q 'it has .*LocalCPUBackend.*, .*LocalDiskBackend' "$work/out.error" || fail "unclear: $(cat "$work/out.error")"
run 1 check-finish never-was
run 4 clear fleet-1 LocalCPUBackend --event-id nightly
grep -q 'names another operation' "$work/out.error" || fail "unclear: $(cat "$work/out.error")"
run 2 pin fleet-0 LocalCPUBackend
run 2 pin fleet-0 LocalCPUBackend 1 2 --file "$work/prompt"
run 2 pin fleet-0 LocalCPUBackend 1 2 --ttl 10
grep -q -- '--ttl' "$work/out.error" || fail "unclear: $(cat "$work/out.error")"
run 0 drain fleet-0
run 0 events
[[ $(grep -c '"eventId"' "$work/out") -ge 6 ]] || fail "too few events"

# The fleet compares what its caches hold with the registry.
kill -TERM $fleetPid
wait $fleetPid
code=$?
fleetPid=
[[ $code == 0 ]] || fail "the registry did not follow: exit code $code of the fleet"
expect "$work/out.fleet" chunks_compressed "$each"
# The fleet was not asked to end its own.
expect "$work/out.fleet" chunks_pinned 4
echo "passed"
