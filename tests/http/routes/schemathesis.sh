#!/usr/bin/env bash
# usage: schemathesis.sh VENV_DIR HOLDFASTD HOLDFAST_FLEET
# Exit code 77: skipped.
set -u
venv=$1
daemon=$2
fleet=$3
here=$(cd "$(dirname "$0")" && pwd)
package=schemathesis==4.32.5
# shellcheck source=tests/support/venv.sh
source "$here/../../support/venv.sh"
need_package "$venv" "$package"
exec "$venv/bin/python" "$here/fuzz_interface.py" "$venv/bin/schemathesis" "$daemon" "$fleet"
