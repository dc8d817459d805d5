#!/usr/bin/env bash
# usage: schemathesis.sh VENV_DIR HOLDFASTD HOLDFAST_FLEET
# Exit code 77: skipped.
set -u
venv=$1
daemon=$2
fleet=$3
here=$(cd "$(dirname "$0")" && pwd)
package=schemathesis==4.32.5

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
exec "$venv/bin/python" "$here/fuzz_interface.py" "$venv/bin/schemathesis" "$daemon" "$fleet"
