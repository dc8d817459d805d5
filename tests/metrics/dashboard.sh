#!/usr/bin/env bash
# usage: dashboard.sh DASHBOARD
# Fails unless Prometheus understands every expression of the dashboard.
set -euo pipefail
here=$(dirname "$0")
rules=$(mktemp)
trap 'rm -f "$rules"' EXIT
python3 "$here/dashboard.py" "$1" >"$rules"
promtool check rules "$rules"
