#!/usr/bin/env bash
# usage: lmcache.sh VENV_DIR HOLDFASTD [LMCACHE_VERSION [TEST]]
# TEST: another script of this folder. Exit code 77: skipped.
set -u
venv=$1
daemon=$2
version=${3:-0.5.6}
test=${4:-lmcache_test.py}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/peers/lmcache_environment.sh
source "$here/lmcache_environment.sh"
need_lmcache "$venv" "$version"
# As its own documentation asks for: hashes of Python are the same in every process then.
PYTHONHASHSEED=0 exec "$venv/bin/python" "$here/$test" "$daemon"
