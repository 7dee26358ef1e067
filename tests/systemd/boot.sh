#!/usr/bin/env bash
# Become a systemd of its own: ROOT is an empty cgroup, UNITS the only folder that its units come from,
# inside at /run/systemd/system.
# Its processes, its /run and its cgroups are its own; files and the network are the machine's. It ends with whoever started it.
set -euo pipefail
root="$1" units="$2"

if [ "${3:-}" = inside ]; then
  mount --make-rprivate /
  mount -t tmpfs tmpfs /run
  mkdir -p /run/systemd/system
  mount --bind "$units" /run/systemd/system
  mount -t proc proc /proc
  umount --recursive /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # "container" keeps it from the machine's own: clock, kernel settings, modules.
  exec env -i container=ship PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/run/systemd/system \
    /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no
fi
echo $$ >"$root/cgroup.procs"
exec unshare --pid --fork --mount --cgroup --uts --ipc --kill-child "$0" "$root" "$units" inside
