#!/usr/bin/env bash
# usage: hardened.sh READELF PROGRAM...
# Fails if one of the PROGRAMs lacks what the release preset promises: a random address to load at,
# function tables that are read-only before main, checked copies, guarded stacks.
set -euo pipefail
readelf=$1
shift

wrong=0
for program in "$@"; do
  lacks() { echo "$program: $1"; wrong=1; }
  facts=$("$readelf" -hdlnW "$program" 2>/dev/null)
  symbols=$("$readelf" --dyn-syms -W "$program")
  grep -q 'Type: *DYN' <<<"$facts" || lacks "is not position-independent (-fPIE, -pie)"
  grep -q 'GNU_RELRO' <<<"$facts" || lacks "has no read-only relocations (-z relro)"
  grep -qE 'FLAGS.*\bNOW\b' <<<"$facts" || lacks "binds functions late (-z now)"
  grep -q '__stack_chk_fail' <<<"$symbols" || lacks "has no guards on its stacks (-fstack-protector-strong)"
  grep -qE '__[a-z]+_chk@' <<<"$symbols" || lacks "has no checked copies (-D_FORTIFY_SOURCE)"
done
exit "$wrong"
