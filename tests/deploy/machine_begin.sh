#!/usr/bin/env bash
# usage: machine_begin.sh WORK_DIR SYSTEMD
# The inner half of machine.sh: in new namespaces, lays out the machine's file system and begins it.
set -euo pipefail
work=$1 systemd=$2 root=$1/machine/root

mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$work/machine"
mkdir "$work"/machine/{changes,overlay} "$root"
mount -t overlay -o "lowerdir=/,upperdir=$work/machine/changes,workdir=$work/machine/overlay" machine "$root"
# The kernel is shared, and is not to be set up anew.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
for directory in run tmp; do mount -t tmpfs -o mode=1777 "$directory" "$root/$directory"; done
chmod 755 "$root/run"

# Nothing of the host's own: services, variables of a login, names.
rm -rf "$root"/etc/systemd/system/* "$root"/etc/systemd/system.conf.d "$root/etc/fstab" "$root/etc/environment"
rm -f "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
hostname controller
echo controller >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 controller.example controller\n' >"$root/etc/hosts"
ip link set lo up
rm -rf "$root/root"
mkdir -m 700 "$root/root"
cp -r "$work/input/." "$root/root"
mkdir "$root/result"
mount --bind "$work/result" "$root/result"
cat >"$root/etc/systemd/system/test.service" <<UNIT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
Environment=HOME=/root
WorkingDirectory=/root
ExecStart=/bin/sh -c 'bash ./script >/result/log 2>&1; echo \$\$? >/result/code'
UNIT
exec env -i container=holdfast-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv --bounding-set -sys_module,-sys_time,-sys_boot,-sys_rawio \
  chroot "$root" "$systemd" --system --unit=test.service --log-target=null --show-status=0
