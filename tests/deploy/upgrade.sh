#!/usr/bin/env bash
# In a machine of its own (machine.sh), with the packages: installing, being killed, stopping for good,
# upgrading, removing, purging.
set -euo pipefail
fail() {
  printf 'upgrade.sh: %s\n' "$1"
  systemctl status holdfastd --no-pager -n 30 || true
  exit 1
}
deb=$(echo packages/holdfast_*.deb)
ctl() { holdfast-ctl --controller unix:/run/holdfast/holdfastd.sock "$@"; }
pid() { systemctl show -p MainPID --value holdfastd; }

dpkg -i "$deb"
[[ $(systemctl is-enabled holdfastd || true) == disabled ]] || fail "the unit was enabled by the package"
[[ $(systemctl is-active holdfastd || true) == inactive ]] || fail "the unit was started by the package"
for unit in holdfastd.service holdfast-backup.service holdfast-backup.timer; do
  said=$(systemd-analyze verify --man=no "$unit" 2>&1) || fail "$unit: $said"
  [[ $said != *"$unit"* ]] || fail "$unit: $said"
done
id holdfast >/dev/null || fail "there is no user"

# As the package has it, without a word of configuration.
systemctl enable --now holdfastd || fail "it does not start"
holdfast-fleet --instances 1 --ranks 1 --duration 1 --rate 100 --leave >/dev/null || fail "a fleet cannot use it"
ctl status >/dev/null || fail "it does not answer at its socket"
digest() { ctl --json status | tr -d ' \n' | sed -E 's/.*"contentDigest":"([0-9a-f]+)".*/\1/'; }
before=$(digest)
[[ $before =~ ^[0-9a-f]*[1-9a-f][0-9a-f]*$ ]] || fail "the fleet left nothing there: $before"
[[ $(awk '/^CapEff/ { print $2 }' "/proc/$(pid)/status") == 0000000000000000 ]] || fail "it has capabilities"

# Killed: it is back by itself, with all that it knew. (Its next start is another process.)
killed=$(pid)
kill -9 "$killed"
for _ in $(seq 300); do
  [[ $(systemctl is-active holdfastd) == active && $(pid) != "$killed" && $(pid) != 0 ]] && break
  sleep 0.1
done
[[ $(digest) == "$before" ]] || fail "it came back with something else"

# What a restart does not mend is not tried again.
mv /var/lib/holdfast/store /var/lib/holdfast/away
! systemctl restart holdfastd || fail "it starts without its store"
[[ $(systemctl show -p NRestarts --value holdfastd) -le 1 ]] || fail "it is restarted in vain"
[[ $(systemctl show -p ExecMainStatus --value holdfastd) == 3 ]] || fail "it did not end with 3"
mv /var/lib/holdfast/away /var/lib/holdfast/store
systemctl reset-failed holdfastd
systemctl start holdfastd

# An upgrade leaves it running; what was configured stays.
echo '# mine' >>/etc/holdfast/holdfastd.toml
running=$(pid)
dpkg -i "$deb"
[[ $(pid) == "$running" ]] || fail "the upgrade restarted it"
grep -q '^# mine' /etc/holdfast/holdfastd.toml || fail "the upgrade replaced the configuration"
systemctl restart holdfastd
[[ $(digest) == "$before" ]] || fail "the restart lost something"

systemctl start holdfast-backup.service || fail "no backup is made"
dpkg --remove holdfast
[[ ! -e /usr/bin/holdfastd ]] || fail "the program is there still"
[[ $(systemctl is-active holdfastd || true) != active ]] || fail "it runs without its program"
[[ -e /var/lib/holdfast/store/CURRENT && -e /etc/holdfast/holdfastd.toml ]] || fail "removing took the state along"
[[ -n $(ls /var/lib/holdfast/backups) ]] || fail "removing took the backups along"
[[ ! -e /etc/systemd/system/multi-user.target.wants/holdfastd.service ]] || fail "the unit is enabled still"

dpkg --purge holdfast
[[ ! -e /var/lib/holdfast && ! -e /etc/holdfast ]] || fail "purging left $(ls -d /var/lib/holdfast /etc/holdfast 2>/dev/null)"
echo "installed, killed, upgraded, removed, purged"
