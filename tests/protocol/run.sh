#!/usr/bin/env bash
# usage: run.sh VENV_DIR SCHEMA_DIR HOLDFASTD
# Exit code 77: skipped.
set -u
venv=$1
schema=$2
daemon=$3
here=$(cd "$(dirname "$0")" && pwd)
package=pycapnp==2.2.4
# shellcheck source=tests/support/venv.sh
source "$here/../support/venv.sh"
need_package "$venv" "$package"
exec "$venv/bin/python" "$here/protocol_test.py" "$schema" "$daemon"
