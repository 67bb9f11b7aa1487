"""What a machine must have to run a lab: one list, and what is missing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DRIVER = "libvirt/connection-driver/libvirt_driver_qemu.so"
POOLS = "libvirt/storage-backend/libvirt_storage_backend_fs.so"
PROBE_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Need:
    """Something that the lab uses.

    Args:
        package: The Debian package that has it.
        command: A command that it brings, or
        files: patterns below ``/usr`` of files of which it brings one.
    """

    package: str
    command: str = ""
    files: tuple[str, ...] = ()

    def met(self) -> bool:
        """Whether it is there."""
        if self.command:
            return shutil.which(self.command, path=search_path()) is not None
        found = (Path("/usr").glob(pattern) for pattern in self.files)
        return any(next(paths, None) for paths in found)


NEEDS = (
    Need("libvirt-daemon", command="libvirtd"),
    Need(
        "libvirt-daemon-driver-qemu",
        files=(f"lib*/{DRIVER}", f"lib/*/{DRIVER}"),
    ),
    Need("libvirt-daemon", files=(f"lib*/{POOLS}", f"lib/*/{POOLS}")),
    Need("libvirt-clients", command="virsh"),
    Need("qemu-system-x86", command="qemu-system-x86_64"),
    Need("qemu-utils", command="qemu-img"),
    Need("iproute2", command="ip"),
    Need("iproute2", command="tc"),
    Need("util-linux", command="unshare"),
    Need("util-linux", command="nsenter"),
    Need("mount", command="mount"),
    Need("hostname", command="hostname"),
)
"""Everything, as Debian 12 names it. None of it needs recommended packages."""

TLS = (Need("openssl", command="openssl"),)
RELEASES = (Need("mmdebstrap", command="mmdebstrap"),)
SSH = (
    Need("openssh-server", command="sshd"),
    Need("openssh-client", command="ssh"),
    Need("openssh-client", command="ssh-keygen"),
)
"""What a lab needs only if its hosts are to be reached that way, or to run the programs
of another release."""

# Each line is a step; the last one that was begun is the one that failed.
PROBE = """
set -e
echo 'private mounts' && mount --make-rprivate / && mount --bind /tmp /tmp
echo 'a host name' && hostname lab
echo 'a bridge' && ip link add br0 type bridge
echo 'a veth pair' && ip link add v0 type veth peer name v1
echo 'a shaped link (tbf)' && \
 tc qdisc add dev v0 root tbf rate 8mbit burst 32kb latency 20ms
echo 'namespaces inside' && unshare -m -u -n true
echo done
"""


def search_path() -> str:
    """The search path, with the directories of the system's administrator."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def packages() -> list[str]:
    """The Debian packages that a lab needs."""
    return list(dict.fromkeys(need.package for need in NEEDS))


def missing(needed: Iterable[Need] = NEEDS) -> list[str]:
    """The command that installs what is missing; empty if nothing is."""
    names = dict.fromkeys(need.package for need in needed if not need.met())
    if not names:
        return []
    return [f"missing: apt-get install --no-install-recommends {' '.join(names)}"]


def obstacles() -> list[str]:
    """Why this machine can't run a lab; empty if it can.

    Nothing is left behind. Takes about 50 ms.
    """
    if sys.platform != "linux":
        return [f"hosts are made of Linux namespaces, this is {sys.platform}"]
    return missing() or namespace_obstacles()


def namespace_obstacles() -> list[str]:
    """Why namespaces, links or shaped links can't be made by this user."""
    rootless = os.geteuid() != 0
    flags = ["-U", "-r"] if rootless else []
    argv = ["unshare", *flags, "-m", "-u", "-n", "sh", "-c", PROBE]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
            env={**os.environ, "PATH": search_path(), "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return [f"namespaces could not be made in {PROBE_TIMEOUT_S} s"]
    begun = done.stdout.split("\n")[:-1]
    if begun and begun[-1] == "done":
        return []
    step = begun[-1] if begun else "namespaces"
    who = "this user, without root," if rootless else "root, in this container,"
    why = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    return [f"{who} can't make {step}: {why}"]
