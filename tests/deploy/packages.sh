#!/usr/bin/env bash
# usage: packages.sh BUILD_DIR PACKAGES_DIR
# Makes the Debian packages of a build in PACKAGES_DIR, and looks at what is in them: files, modes,
# dependencies, lintian's opinion where that is installed, units as systemd reads them. Unpacked, they
# run. Exit code 77: skipped.
set -euo pipefail
build=$1 packages=$2

skip() {
  printf 'SKIPPED: %s\n' "$1"
  exit 77
}
fail() {
  printf 'packages.sh: %s\n' "$1"
  exit 1
}
for program in dpkg-deb dpkg-shlibdeps cpack; do
  command -v "$program" >/dev/null || skip "there is no $program (tools/setup installs it)"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-packages.XXXXXX")
daemon=0 member=0
clean_up() {
  for program in "$daemon" "$member"; do
    if ((program)); then kill -9 "$program" 2>/dev/null || true; fi
  done
  rm -rf -- "$work"
}
trap clean_up EXIT

rm -rf -- "$packages"
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/cpack" -D CPACK_PACKAGE_DIRECTORY="$packages" \
  >"$work/log" 2>&1 || { cat "$work/log"; fail "cpack fails; is everything built?"; }
rm -rf -- "$packages/_CPack_Packages"
server=$(echo "$packages"/holdfast_*.deb) client=$(echo "$packages"/libholdfast-client-dev_*.deb)
for package in "$server" "$client"; do
  [[ -f $package ]] || fail "there is no $package"
  dpkg-deb --info "$package"
  ! dpkg-deb --contents "$package" | grep -vE ' root/root ' || fail "files of somebody else than root"
  ! dpkg-deb --contents "$package" | grep -E '^.(.....w|........w)' | grep -v '^l' || fail "files that others may write"
done

dpkg-deb --extract "$server" "$work/server"
dpkg-deb --control "$server" "$work/control"
for file in usr/bin/{holdfastd,holdfast-{ctl,inspect,replay,fleet,bench}} etc/holdfast/holdfastd.toml \
  usr/lib/systemd/system/{holdfastd.service,holdfast-backup.{service,timer}} usr/lib/holdfast/holdfast-backup \
  usr/lib/holdfast/holdfast-nats.so \
  usr/lib/{sysusers,tmpfiles}.d/holdfast.conf usr/share/doc/holdfast/{copyright,deploy.md}; do
  [[ -f $work/server/$file ]] || fail "holdfast has no $file"
done
depends=$(sed -n 's/^Depends: //p' "$work/control/control")
for library in librocksdb libcapnp libstdc++6 libnats; do
  grep -q "$library" <<<"$depends" || fail "holdfast does not depend on $library: $depends"
done
[[ $(<"$work/control/conffiles") == /etc/holdfast/holdfastd.toml ]] || fail "conffiles: $(<"$work/control/conffiles")"
[[ $(dpkg-deb --field "$client" Depends) == *libcapnp-dev* ]] || fail "the client's package lacks its dependency"
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error "$server" "$client" ||
    fail "lintian finds errors"
fi

# As systemd reads them. Their programs are those of the package.
mkdir "$work/units"
for unit in "$work"/server/usr/lib/systemd/system/*; do
  sed "s|^ExecStart=/usr|ExecStart=$work/server/usr|" "$unit" >"$work/units/${unit##*/}"
done
if command -v systemd-analyze >/dev/null; then
  for unit in "$work"/units/*; do
    systemd-analyze verify --man=no "$unit" >"$work/said" 2>&1 || { cat "$work/said"; fail "${unit##*/} is no unit"; }
    ! grep -F "${unit##*/}" "$work/said" || fail "systemd does not take all of ${unit##*/}"
  done
  # 16 is 1.6 of 10, which the unit has.
  for service in "$work"/units/*.service; do
    systemd-analyze security --offline=true --threshold=16 --no-pager "$service" | tail -n 1 ||
      fail "${service##*/} is too open"
  done
fi

# The daemon as unpacked.
bin=$work/server/usr/bin
mkdir "$work/data"
"$bin/holdfastd" --data-dir "$work/data" --listen "unix:$work/socket" 2>"$work/log" &
daemon=$!
for _ in $(seq 600); do
  if grep -q 'ready on' "$work/log"; then break; fi
  kill -0 "$daemon" 2>/dev/null || fail "holdfastd ended: $(<"$work/log")"
  sleep 0.1
done
"$bin/holdfast-ctl" --controller "unix:$work/socket" status >/dev/null || fail "holdfast-ctl gets no answer"

# The module of a group's log is found beside it: what it says is that nobody answers.
"$bin/holdfastd" --data-dir "$work/group" --create --listen "unix:$work/other" \
  --replicate-nats nats://127.0.0.1:1 2>"$work/said" &
member=$!
for _ in $(seq 300); do
  if grep -q 'trying again' "$work/said" || ! kill -0 "$member" 2>/dev/null; then break; fi
  sleep 0.1
done
kill -9 "$member" 2>/dev/null || true
wait "$member" 2>/dev/null || true
member=0
grep -q 'nats://127.0.0.1:1.*trying again' "$work/said" || fail "the module of a group is not used: $(<"$work/said")"

# Backups by the script of the unit: the newest ones stay, a damaged one is set aside.
mkdir "$work/backups"
backup() { PATH=$bin:$PATH HOLDFAST_CONTROLLER=unix:$work/socket "$work/server/usr/lib/holdfast/holdfast-backup" "$work/backups" 2; }
mkdir "$work"/backups/holdfast-2001010{1,2}T000000Z
backup >/dev/null || fail "holdfast-backup ended with $?"
kept=("$work"/backups/*)
[[ ${#kept[@]} == 2 && ${kept[0]##*/} == holdfast-20010102T000000Z ]] || fail "kept are ${kept[*]}"
"$bin/holdfast-inspect" verify "${kept[1]}" >/dev/null || fail "the backup is not whole"
kill "$daemon"
wait "$daemon" || fail "holdfastd ended with $?"
daemon=0

# The client finds itself wherever it is. (tests/install links programs with it.)
dpkg-deb --extract "$client" "$work/client"
flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/client" -name holdfast-client.pc)") pkg-config --cflags --libs holdfast-client)
[[ $flags == *"$work/client"* ]] || fail "holdfast-client.pc does not know where it is: $flags"
echo "packages are whole"
