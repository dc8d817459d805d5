# shellcheck shell=bash
# For tests that need a package of PyPI once. Sourced.

skip() {
  echo "SKIPPED: $1"
  exit 77
}

# need_package VENV_DIR PACKAGE...: a virtual environment with them; where that cannot be had, the
# test is skipped.
need_package() {
  local venv=$1
  shift
  if [[ -e $venv/ready ]]; then return; fi
  command -v python3 >/dev/null || skip "there is no python3 (tools/setup installs it)"
  rm -rf "$venv"
  python3 -m venv "$venv" >"$venv.log" 2>&1 || skip "no virtual environment: is python3-venv installed? see $venv.log"
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
    "$@" >"$venv.log" 2>&1 || skip "$* cannot be installed; is PyPI reachable? see $venv.log"
  touch "$venv/ready"
}
