"""Namespaces of a lab, each held open by a process that sleeps.

The *switch* holds the lab's network (a bridge), each *host* has its own mount, UTS
and network namespaces. All of it lies apart from the machine's own network, so that
names and addresses of two labs can't collide, and goes when its last process goes.
Without root, a user namespace around everything gives the lab a root of its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.commands import run, spawn, tail
from virtmigrate_lab.errors import LabError
from virtmigrate_lab.layout import HostPaths, Layout
from virtmigrate_lab.processes import Process, wait_for

READY_TIMEOUT_S = 10.0

SWITCH_SCRIPT = """
set -e
ip link set lo up
ip link add br0 type bridge forward_delay 0
ip link set br0 mtu "$2" up
: > "$1"
exec sleep infinity
"""

# The lab's own directory must stay visible when it lies below what is covered. Of /sys
# a network has its own, by which libvirt looks for interfaces; not every kernel lets an
# unprivileged user see it. And /run is memory, as on hosts of the field: libvirt writes
# a guest's state there, and waits for the disk, while the guest stands still.
HOST_SCRIPT = """
set -e
state=$1 host=$2 name=$3 ready=$4 release=$5
mount --make-rprivate /
hostname "$name"
ip link set lo up
case "$state" in
/run/*|/var/*) mkdir -p "$host$state"; mount --bind "$state" "$host$state" ;;
esac
mount --rbind "$host/var" /var
mount --rbind "$host/run" /run
mkdir -p /run/libvirt/qemu
mount -t tmpfs -o mode=0755 tmpfs /run/libvirt/qemu
mount --rbind /etc /run/machine-etc
mount --rbind "$host/etc" /etc
mount --all --fstab "$host/fstab"
mkdir -p "$host/sys"
if mount -t sysfs sysfs "$host/sys" 2>/dev/null; then
    mount --rbind /sys/fs/cgroup "$host/sys/fs/cgroup"
    mount --move "$host/sys" /sys
fi
[ -z "$release" ] || mount --rbind "$release/usr" /usr
: > "$ready"
exec sleep infinity
"""


@dataclass(frozen=True)
class Space:
    """The namespaces that one sleeping process holds.

    Args:
        holder: The process.
        user: Whether they lie in a user namespace of the lab's own.
    """

    holder: Process
    user: bool

    def enter(self, *, mount: bool = True) -> list[str]:
        """The words in front of a command that make it run inside."""
        argv = ["nsenter", "-t", str(self.holder.pid), "-n", "-u"]
        if mount:
            argv.append("-m")
        if self.user:
            argv += ["-U", "--preserve-credentials"]
        return [*argv, "--"]

    def run(self, argv: list[str], *, mount: bool = True) -> str:
        """Run a command inside, to its end."""
        return run([*self.enter(mount=mount), *argv])


def need_user_namespace() -> bool:
    """Whether this user needs a user namespace to be root in a lab."""
    return os.geteuid() != 0


def can_change_groups() -> bool:
    """Whether a process here may set supplementary groups, as libvirt does for QEMU."""
    return (
        not need_user_namespace()
        and Path("/proc/self/setgroups").read_text(encoding="ascii").strip() == "allow"
    )


def open_switch(layout: Layout, lab_id: str, mtu: int) -> Space:
    """Make the namespaces that hold the lab's network."""
    user = need_user_namespace()
    ready = layout.state_dir / "switch.ready"
    flags = ["-U", "-r"] if user else []
    argv = ["unshare", *flags, "-m", "-u", "-n", "sh", "-c", SWITCH_SCRIPT, "switch"]
    holder = _hold([*argv, str(ready), str(mtu)], ready, layout.log, lab_id)
    return Space(holder, user)


def open_host(
    switch: Space,
    layout: Layout,
    paths: HostPaths,
    lab_id: str,
    release: Path | None = None,
) -> Space:
    """Make the namespaces of one host, its private directories in place.

    Args:
        switch: Where the lab's network lies.
        layout: The lab.
        paths: The host's directories.
        lab_id: The lab it belongs to.
        release: Whose ``/usr`` it has; None: the machine's.
    """
    ready = paths.root / "ready"
    argv = [
        *switch.enter(mount=switch.user),
        *("unshare", "-m", "-u", "-n", "sh", "-c", HOST_SCRIPT, "host"),
        *(str(layout.state_dir), str(paths.root), paths.root.name, str(ready)),
        str(release or ""),
    ]
    return Space(_hold(argv, ready, layout.log, lab_id), switch.user)


def _hold(argv: list[str], ready: Path, log: Path, lab_id: str) -> Process:
    ready.unlink(missing_ok=True)
    holder = spawn(argv, log, lab_id)
    if not wait_for(lambda: ready.exists() or not holder.alive(), READY_TIMEOUT_S):
        holder.kill()
        raise LabError(f"namespaces were not ready in {READY_TIMEOUT_S} s: {tail(log)}")
    if not ready.exists():
        raise LabError(f"namespaces can't be made: {tail(log)}")
    return holder
