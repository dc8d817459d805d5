#!/usr/bin/env bash
# Runs LMCache's own controller (lmcache from PyPI) and holdfastd one after the other under the same
# load of simulated workers, and prints rates, processor time and the ratios.
#
# usage: lmcache.sh HOLDFASTD [--workers N] [--operations N] [--sizes 256,50,32]
set -euo pipefail
if [[ $# -eq 0 || $1 == --help ]]; then
  sed -nE '2,5s/^# ?//p' "$0"
  exit $(($# == 0 ? 2 : 0))
fi
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=tests/peers/lmcache_environment.sh
source "$here/../../../tests/peers/lmcache_environment.sh"
need_lmcache "$folder/venv" 0.5.6
PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 "$folder/venv/bin/python" "$here/lmcache_controller.py" "$folder" "$@"
