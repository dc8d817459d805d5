#!/usr/bin/env bash
# usage: core_alone.sh READELF NM PROGRAM ARCHIVE
# Fails if PROGRAM, which holds all of core, loads more than the language's own libraries, or if an
# object of ARCHIVE refers to a library that core must not know.
set -euo pipefail
readelf=$1 nm=$2 program=$3 archive=$4

needed=$("$readelf" -d "$program" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p')
[[ -n "$needed" ]] || { echo "$program loads nothing at all: was it linked statically?"; exit 1; }
if grep -vE '^(libstdc\+\+|libm|libgcc_s|libc|ld-linux-.*|libasan|libubsan|libtsan)\.so\.' <<<"$needed"; then
  echo "core must load none of these"
  exit 1
fi

symbols=$("$nm" -C "$archive" 2>/dev/null)
grep -q 'holdfast::Registry::' <<<"$symbols" || { echo "$archive is not core"; exit 1; }
if grep -E '\b(rocksdb|capnp|kj|spdlog|fmt|CLI)::|\bpthread_create\b|std::thread\b|std::chrono::_V2::' \
  <<<"$symbols" | sort -u; then
  echo "core must not refer to these"
  exit 1
fi
