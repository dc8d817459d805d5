#!/usr/bin/env bash
# usage: machine.sh SCRIPT FILE_OR_DIRECTORY...
# Runs SCRIPT on a machine of its own, with copies of the FILEs in its working directory: namespaces
# on this one, with systemd as their first process, over a root file system that is this one's and
# forgets every change. Its network is its loopback. Exit code 77: no such machine can be had here.
set -euo pipefail
script=$1
shift

skip() {
  printf 'SKIPPED: %s\n' "$1"
  exit 77
}
((EUID == 0)) || skip "it takes root to begin a machine"
for input in "$@"; do [[ -e $input ]] || skip "there is no $input"; done
systemd=/lib/systemd/systemd
[[ -x $systemd ]] || skip "there is no systemd"
groups=$(findmnt --noheadings --first-only --output TARGET --types cgroup2) || skip "there is no cgroup2"

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-machine.XXXXXX")
# The machine's processes have a control group of their own, and see no other.
own=$groups$(sed -n 's/^0:://p' /proc/self/cgroup)
own=${own%/}/holdfast-machine.$$
clean_up() {
  if [[ -d $own ]]; then find "$own" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
  rm -rf -- "$work"
}
trap clean_up EXIT
mkdir "$own" 2>/dev/null || skip "no control group can be made in $groups"
mkdir "$work/machine" "$work/input"
cp -r -- "$@" "$work/input"
cp -- "$script" "$work/input/script"

mkdir "$work/result"
(
  echo "$BASHPID" >"$own/cgroup.procs"
  exec unshare --mount --pid --ipc --uts --net --cgroup --fork --kill-child \
    "$(dirname "$0")/machine_begin.sh" "$work" "$systemd"
) >"$work/begun" 2>&1 || true
if [[ ! -e $work/result/log ]]; then
  sed 's/^/  | /' "$work/begun"
  skip "the machine did not come up"
fi
cat "$work/result/log"
[[ -s $work/result/code ]] || { printf 'machine.sh: the machine ended before the script\n'; exit 1; }
(exit "$(<"$work/result/code")")
