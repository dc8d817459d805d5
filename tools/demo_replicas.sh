# For tools/demo --replicas (sourced): three controllers that share a log on three nodes of NATS
# JetStream, a fleet that knows all of them, and what befalls them. Uses the variables and functions
# of tools/demo; show_replicas is all that it calls.
# shellcheck shell=bash
# shellcheck disable=SC2154  # bin, work, instances, ranks, trace, json: of tools/demo

readonly nodes=(a b c) engine_nodes=(0 1 2)
readonly calm_seconds=2     # between one thing that goes wrong and the next
readonly patience_ms=60000  # for machines in trouble
declare -A supervisors=() took=()
engines_pid=(0 0 0) engine_port=() cluster_port=() monitor_port=()
takeovers=0

# Prints the path of nats-server. Debian puts it where only root looks.
nats_server_path() {
  if [[ -n "$1" ]]; then
    [[ -x "$1" ]] && printf '%s' "$1"
  else
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v nats-server
  fi
}

# await TEXT COMMAND...: until the command succeeds.
await() {
  local what=$1 deadline=$(($(now_ms) + patience_ms))
  shift
  until "$@"; do
    (($(now_ms) < deadline)) || fail "$what: not within $((patience_ms / 1000)) s" "$work/a.log"
    sleep 0.02
  done
}

# A port that nobody listens at, below those that the system gives away.
free_port() {
  local port
  while :; do
    port=$((10000 + RANDOM % 20000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    [[ " ${engine_port[*]} ${cluster_port[*]} ${monitor_port[*]} " == *" $port "* ]] && continue
    printf '%s' "$port"
    return
  done
}

configure_engine() {
  local node other routes=""
  for node in "${engine_nodes[@]}"; do
    engine_port[node]=$(free_port)
    cluster_port[node]=$(free_port)
    monitor_port[node]=$(free_port)
  done
  for other in "${engine_nodes[@]}"; do
    routes+="${routes:+, }nats-route://127.0.0.1:${cluster_port[other]}"
  done
  for node in "${engine_nodes[@]}"; do
    cat >"$work/n$node.conf" <<TEXT
server_name: n$node
listen: 127.0.0.1:${engine_port[node]}
http: 127.0.0.1:${monitor_port[node]}
jetstream { store_dir: "$work/n$node", max_memory_store: 64MB, max_file_store: 1GB }
cluster { name: demo, listen: 127.0.0.1:${cluster_port[node]}, routes: [$routes] }
TEXT
  done
}

start_engine_node() {
  "$nats_server" -c "$work/n$1.conf" >>"$work/n$1.log" 2>&1 &
  engines_pid[$1]=$!
}

kill_engine_node() {
  kill -9 "${engines_pid[$1]}"
  wait "${engines_pid[$1]}" 2>/dev/null || true
  engines_pid[$1]=0
}

# ask_engine NODE PATH: what its monitoring answers.
ask_engine() {
  local connection
  { exec {connection}<>"/dev/tcp/127.0.0.1/${monitor_port[$1]}"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&"$connection"
  cat <&"$connection"
  exec {connection}>&-
}
engine_is_well() { [[ "$(ask_engine "$1" /healthz)" == *'"ok"'* ]]; }

# The node that leads the log's stream: that it goes is the worst that can befall the engine.
engine_leader() {
  local text
  text=$(ask_engine 0 '/jsz?streams=true' | tr -d ' \n\r')
  text=${text#*'"name":"HF-demo-0"'}
  text=${text#*'"leader":"n'}
  [[ "$text" == [0-2]* ]] && printf '%s' "${text:0:1}"
}

# As the unit of the package does (Restart=on-failure), for a leader that another one has replaced:
# it ends with 8, and follows.
supervise() {
  local node=$1 code=8 server
  local arguments=(--data-dir "$work/$node" --create --listen "unix:$work/$node.s" --http off
    --cluster demo --node "$node" --nats-size 256MiB)
  for server in "${engine_nodes[@]}"; do
    arguments+=(--replicate-nats "nats://127.0.0.1:${engine_port[server]}")
  done
  while ((code == 8)); do
    "$bin/holdfastd" "${arguments[@]}" &
    printf '%s' "$!" >"$work/$node.pid"
    code=0
    wait "$!" || code=$?
  done
  return "$code"
}

is_ready() { grep -q ' ready on ' "$work/$1.log"; }

start_controller() {
  : >"$work/$1.log"
  supervise "$1" 2>>"$work/$1.log" &
  supervisors[$1]=$!
}

kill_controller() {
  kill -9 "$(<"$work/$1.pid")"
  wait "${supervisors[$1]}" 2>/dev/null || true
  unset "supervisors[$1]"
}

stop_controller() {
  local code=0
  kill -TERM "$(<"$work/$1.pid")"
  wait "${supervisors[$1]}" || code=$?
  unset "supervisors[$1]"
  ((code == 0)) || fail "controller $1 ended with code $code on SIGTERM:" "$work/$1.log"
}

# For clean_up: whatever still runs.
stop_replicas() {
  local node
  for node in "${!supervisors[@]}"; do kill -9 "${supervisors[$node]}" 2>/dev/null || true; done
  for node in "${nodes[@]}"; do
    [[ ! -s "$work/$node.pid" ]] || kill -9 "$(<"$work/$node.pid")" 2>/dev/null || true
  done
  for node in "${engine_nodes[@]}"; do
    ((engines_pid[node] == 0)) || kill -9 "${engines_pid[node]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
}

# A controller's own word; false while it says nothing.
ask() {
  "$bin/holdfast-ctl" --controller "unix:$work/$1.s" status --json >"$work/$1.json" 2>/dev/null
}
says() { [[ "$(field "$work/$1.json" "$2")" == "$3" ]]; }

# The leader of the latest epoch, as they say themselves: $leader, $epoch, $index.
find_leader() {
  local node
  leader="" epoch=0 index=0
  for node in "${nodes[@]}"; do
    if ask "$node" && says "$node" role leader && (($(field "$work/$node.json" epoch) > epoch)); then
      leader=$node
      epoch=$(field "$work/$node.json" epoch)
      index=$(field "$work/$node.json" index)
    fi
  done
  [[ -n "$leader" ]]
}

all_registered() { find_leader && says "$leader" workersActive "$workers"; }

# All workers are at one leader, and since that was seen first it has confirmed something.
goes_on() {
  all_registered || return 1
  if [[ "$seen_epoch" != "$epoch" ]]; then
    seen_epoch=$epoch seen_index=$index
    return 1
  fi
  ((index > seen_index))
}

is_current() { ask "$1" && says "$1" lag 0 && ! says "$1" role bootstrapping; }

# befall NAME CONTROLLER ENGINE_NODE: kills what is named ("": nothing), waits until the fleet goes
# on, brings back what was killed. How long the fleet waited is $took[NAME], ms.
befall() {
  local name=$1 controller=$2 engine_node=$3 began before=$epoch
  began=$(now_ms)
  if [[ -n "$controller" ]]; then kill_controller "$controller"; fi
  if [[ -n "$engine_node" ]]; then kill_engine_node "$engine_node"; fi
  seen_epoch="" seen_index=0
  await "the fleet goes on after the $name was killed" goes_on
  took[$name]=$(($(now_ms) - began))
  ((takeovers += epoch - before))
  if [[ -n "$engine_node" ]]; then
    start_engine_node "$engine_node"
    await "node $engine_node of the engine is back" engine_is_well "$engine_node"
  fi
  if [[ -n "$controller" ]]; then
    start_controller "$controller"
    await "controller $controller follows" is_current "$controller"
  fi
  sleep "$calm_seconds"
  kill -0 "$fleet" 2>/dev/null || fail "holdfast-fleet ended too early" "$work/fleet.log"
  await "somebody leads" all_registered
}

in_seconds() { awk -v ms="$1" 'BEGIN { printf "%.2f s", ms / 1000 }'; }

show_replicas() {
  local node controllers="" killed
  workers=$((instances * ranks))
  configure_engine
  for node in "${engine_nodes[@]}"; do start_engine_node "$node"; done
  for node in "${nodes[@]}"; do
    start_controller "$node"
    controllers+="${controllers:+,}unix:$work/$node.s"
  done
  for node in "${nodes[@]}"; do await "controller $node is ready" is_ready "$node"; done
  await "a controller leads" find_leader
  step "Three nodes of NATS JetStream and three controllers run in $work; '$leader' leads."

  local options=(--controller "$controllers" --instances "$instances" --ranks "$ranks"
    --duration 300 --leave --json)
  local source="the built-in workload"
  if [[ -n "$trace" ]]; then
    options+=(--trace "$trace")
    source=$(basename -- "$trace")
  fi
  "$bin/holdfast-fleet" "${options[@]}" >"$work/fleet.json" 2> >(tee "$work/fleet.log" >&2) &
  fleet=$!
  await "the fleet is registered" all_registered
  step "A fleet of $instances instances x $ranks ranks has registered and serves requests of $source."
  sleep "$calm_seconds"

  find_leader || fail "nobody leads" "$work/a.log"
  killed=$leader
  befall controller "$killed" ""
  step "kill -9 of the leader, '$killed': the fleet goes on with '$leader' after $(in_seconds "${took[controller]}")."
  killed=$(engine_leader) || fail "no node of the engine leads the log's stream" "$work/n0.log"
  befall engine "" "$killed"
  step "kill -9 of the node of the engine that leads the stream, n$killed: after $(in_seconds "${took[engine]}")."
  find_leader || fail "nobody leads" "$work/a.log"
  killed=$(engine_leader) || fail "no node of the engine leads the log's stream" "$work/n0.log"
  local both=$leader
  befall both "$both" "$killed"
  step "kill -9 of both, '$both' and n$killed: after $(in_seconds "${took[both]}")."

  local fleet_code=0
  kill -TERM "$fleet"
  wait "$fleet" || fleet_code=$?
  fleet=0
  [[ -s "$work/fleet.json" ]] || fail "holdfast-fleet failed (exit code $fleet_code)" "$work/fleet.log"
  step "The traffic has ended; the fleet has compared its caches with the leader."
  report_replicas "$fleet_code"
}

has_digest() { ask "$1" && says "$1" contentDigest "$2"; }

# report_replicas FLEET_CODE: the table, or the object, and the verdict.
report_replicas() {
  local fleet_code=$1 node digest equal=0 problem="" value
  digest=$(field "$work/fleet.json" digest_fleet)
  local failed blind resent compared
  failed=$(field "$work/fleet.json" lookups_failed)
  blind=$(field "$work/fleet.json" lookups_blind)
  resent=$(field "$work/fleet.json" keys_resent_after_restart)
  compared=$(field "$work/fleet.json" chunks)
  local rows=()
  for node in "${nodes[@]}"; do
    local deadline=$(($(now_ms) + 10000))
    until has_digest "$node" "$digest" || (($(now_ms) > deadline)); do sleep 0.05; done
    value=$(field "$work/$node.json" contentDigest)
    if [[ "$value" == "$digest" ]]; then ((++equal)); fi
    rows+=("content digest, controller '$node'" "${value:-none}")
  done
  find_leader || fail "nobody leads any more" "$work/a.log"
  for node in "${nodes[@]}"; do [[ "$node" == "$leader" ]] || stop_controller "$node"; done
  stop_controller "$leader"

  if ((fleet_code != 0)); then problem="holdfast-fleet ended with code $fleet_code"; fi
  if ((failed > 0)); then problem="$failed look-ups failed"; fi
  if ((resent > 0)); then problem="$resent keys were sent again that had been confirmed"; fi
  if ((equal != ${#nodes[@]})); then problem="only $equal of ${#nodes[@]} controllers hold what the fleet does"; fi
  if ((compared <= chunks_compared_min)); then
    problem="only $compared chunks were compared, more than $chunks_compared_min are needed"
  fi
  if ((json)); then
    printf '{"requests": %s, "failover_controller_ms": %s, "failover_engine_ms": %s, "failover_both_ms": %s, ' \
      "$(field "$work/fleet.json" requests)" "${took[controller]}" "${took[engine]}" "${took[both]}"
    printf '"takeovers": %s, "lookups_failed": %s, "lookups_blind": %s, "keys_resent": %s, ' \
      "$takeovers" "$failed" "$blind" "$resent"
    printf '"chunks_compared": %s, "controllers_equal": %s, "digest_fleet": "%s"}\n' \
      "$compared" "$equal" "$digest"
  else
    say ""
    row "fail-over, controller killed" "$(in_seconds "${took[controller]}")"
    row "fail-over, node of the engine" "$(in_seconds "${took[engine]}")"
    row "fail-over, both at once" "$(in_seconds "${took[both]}")"
    row "take-overs" "$takeovers"
    row "requests served" "$(grouped "$(field "$work/fleet.json" requests)")"
    row "look-ups failed" "$failed"
    row "look-ups blind to what is held" "$blind"
    row "keys re-sent" "$resent"
    row "chunks compared" "$(grouped "$compared")"
    row "content digest, fleet" "$digest"
    local at
    for ((at = 0; at < ${#rows[@]}; at += 2)); do row "${rows[at]}" "${rows[at + 1]}"; done
    say ""
  fi
  [[ -z "$problem" ]] || fail "FAILED: $problem" "$work/fleet.log"
  say "All three controllers hold what the fleet does."
}
