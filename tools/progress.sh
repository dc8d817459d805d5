# For the scripts beside it (source tools/progress.sh): how far a long step is.
# shellcheck shell=bash

# show_progress LOG FD: copies stdin to the end of LOG. Where FD is a terminal it also shows the
# lines with which ninja ("[7/99] ...") and ctest ("7/99 Test ...") count, one over the other.
show_progress() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    if [[ -t "$2" && "$line" =~ ^(\[[0-9]+/[0-9]+\]|\ *[0-9]+/[0-9]+\ Test) ]]; then
      printf '\r\033[K   %.76s' "$line" >&"$2"
    fi
  done
  if [[ -t "$2" ]]; then printf '\r\033[K' >&"$2"; fi
}
