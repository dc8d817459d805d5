#!/usr/bin/env bash
# usage: run.sh VENV_DIR SCHEMA_DIR HOLDFASTD
# Exit code 77: skipped.
set -u
venv=$1
schema=$2
daemon=$3
here=$(cd "$(dirname "$0")" && pwd)
package=pycapnp==2.2.4

skip() {
  echo "SKIPPED: $1"
  exit 77
}
if [[ ! -e $venv/ready ]]; then
  command -v python3 >/dev/null || skip "there is no python3 (tools/setup installs it)"
  rm -rf "$venv"
  python3 -m venv "$venv" >"$venv.log" 2>&1 || skip "no virtual environment: is python3-venv installed? see $venv.log"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
    "$package" >"$venv.log" 2>&1 || skip "$package cannot be installed; is PyPI reachable? see $venv.log"
  touch "$venv/ready"
fi
exec "$venv/bin/python" "$here/protocol_test.py" "$schema" "$daemon"
