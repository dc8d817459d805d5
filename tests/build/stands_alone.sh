#!/usr/bin/env bash
# usage: stands_alone.sh SOURCE_DIR
# Fails if a file of the tree names something outside it that only one machine has.
set -euo pipefail
cd "$1"

# A folder beside the clone, or a path of somebody's machine. (Bracketed, so that this file passes.)
pattern='\.\./share[d]|(^|[^A-Za-z0-9_$}./-])/(wor[k]|roo[t]|hom[e])/'
if grep -rnIE --exclude-dir=build --exclude-dir=.git --exclude=.git --exclude-dir=.cache "$pattern" .; then
  echo "a clone elsewhere will not have these"
  exit 1
fi
