#!/usr/bin/env bash
# usage: image.sh SOURCE_DIR [PACKAGES_DIR]
# Builds tools/deploy/docker/Dockerfile with buildah, on a Debian that debootstrap fetches, and runs
# what comes out: as its user, with its health check. With PACKAGES_DIR (what packages.sh made) the
# stage that compiles is left out. Takes root, buildah, debootstrap, and a mirror of Debian, and
# without PACKAGES_DIR as long as a build does. Exit code 77: skipped.
set -euo pipefail
source=$1 packages=${2:-}

skip() {
  printf 'SKIPPED: %s\n' "$1"
  exit 77
}
fail() {
  printf 'image.sh: %s\n' "$1"
  exit 1
}
((EUID == 0)) || skip "it takes root"
for program in buildah debootstrap; do
  command -v "$program" >/dev/null || skip "there is no $program: apt-get install --no-install-recommends buildah debootstrap"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-image.XXXXXX")
build=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)
daemon=0
clean_up() {
  if ((daemon)); then kill -9 "$daemon" 2>/dev/null || true; fi
  if mountpoint --quiet "${root:-/nowhere}/proc"; then umount "$root/proc"; fi
  "${build[@]}" rm --all >/dev/null 2>&1 || true
  rm -rf -- "$work"
}
trap clean_up EXIT

debootstrap --variant=minbase bookworm "$work/debian" >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log"; skip "debootstrap gets no Debian"; }
base=$("${build[@]}" from scratch)
"${build[@]}" copy --quiet "$base" "$work/debian" / >/dev/null
"${build[@]}" commit --quiet "$base" docker.io/library/debian:bookworm-slim >/dev/null
rm -rf -- "$work/debian"

options=(--format docker --isolation chroot --pull-never --tag holdfast --file "$source/tools/deploy/docker/Dockerfile")
if [[ -n $packages ]]; then
  mkdir -p "$work/stage/source/build/release"
  cp -r "$packages" "$work/stage/source/build/release/packages"
  options+=(--build-context "build=$work/stage")
fi
"${build[@]}" bud "${options[@]}" "$source" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; fail "the image is not built"; }
grep STEP "$work/log"

# As an engine would run it: root file system, variables, user and commands are the image's.
container=$("${build[@]}" from --pull-never holdfast)
root=$("${build[@]}" mount "$container")
mount -t proc proc "$root/proc"
of_image() { "${build[@]}" inspect --type image --format "{{$1}}" holdfast; }
lines_of_image() { of_image "range $1}}{{println .}}{{end" | sed '/^$/d'; }
mapfile -t variables < <(lines_of_image .OCIv1.Config.Env)
in_image=(chroot --userspec="$(of_image .OCIv1.Config.User)" "$root" env -i "${variables[@]}")
[[ $("${in_image[@]}" id -u) == 7440 ]] || fail "commands run as another user"
[[ $(of_image .OCIv1.Config.StopSignal) == SIGTERM ]] || fail "the signal to stop is another one"
mapfile -t entry < <(lines_of_image .OCIv1.Config.Entrypoint)
mapfile -t command < <(lines_of_image .OCIv1.Config.Cmd)
mapfile -t health < <(lines_of_image .Docker.Config.Healthcheck.Test)
[[ ${health[0]} == CMD ]] || fail "the health check needs a shell: ${health[*]}"
! "${in_image[@]}" sh -c 'command -v g++ cmake' || fail "the image has what only building takes"

# As it is it lets nobody in, and says what is missing.
code=0
"${in_image[@]}" "${entry[@]}" "${command[@]}" >"$work/said" 2>&1 || code=$?
((code == 2 || code == 4)) || fail "without tokens it ended with $code: $(<"$work/said")"
grep -E 'tokens|tls' "$work/said" || fail "it does not say what is missing: $(<"$work/said")"

"${in_image[@]}" "${entry[@]}" --data-dir /var/lib/holdfast/store --listen unix:/run/holdfast/holdfastd.sock >"$work/said" 2>&1 &
daemon=$!
for _ in $(seq 300); do
  if "${in_image[@]}" "${health[@]:1}" >"$work/health" 2>&1; then break; fi
  kill -0 "$daemon" 2>/dev/null || fail "holdfastd ended: $(<"$work/said")"
  sleep 0.1
done
cat "$work/health"
kill "$daemon"
wait "$daemon" || fail "holdfastd ended with $?: $(<"$work/said")"
daemon=0
echo "the image is built, runs, is healthy, and ends in order"
