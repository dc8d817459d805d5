#!/usr/bin/env bash
# usage: manifests.sh VENV_DIR DEPLOY_DIR HOLDFASTD
# Needs PyPI once. Exit code 77: skipped.
set -u
venv=$1 deploy=$2 holdfastd=$3
here=$(cd "$(dirname "$0")" && pwd)
# Brings the schemas of Kubernetes along.
package=kubernetes-validate==1.37.0
# shellcheck source=tests/support/venv.sh
source "$here/../support/venv.sh"
need_package "$venv" "$package"
exec "$venv/bin/python" "$here/manifests.py" "$deploy" "$holdfastd"
