"""A real host: libvirtd in namespaces of its own, with private directories."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab import reaper
from virtmigrate_lab.commands import run, spawn, tail
from virtmigrate_lab.errors import CommandFailed, LabError
from virtmigrate_lab.layout import INNER_ETC, HostPaths, default_cache_dir
from virtmigrate_lab.namespaces import Space
from virtmigrate_lab.processes import Process, identify, wait_for

START_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 60.0
CALL_TIMEOUT_S = 20.0

PRIVATE_DIRS = (
    "run/libvirt",
    "run/lock",
    "run/virtmigrate-lab",
    "run/machine-etc",
    "run/sshd",
    "var/lib/libvirt",
    "var/log/libvirt",
    "var/cache/libvirt",
    "var/tmp",
    "etc/libvirt",
    "etc/pki",
    "etc/ssh",
)

DAEMON_USER = "libvirt-qemu"
"""Looked up by the qemu driver before it reads its configuration."""

LIBVIRTD_CONF = """\
host_uuid = "{uuid}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
listen_addr = "{address}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""

QEMU_CONF = """\
user = "{user}"
group = "{user}"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
security_default_confined = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
migration_host = "{address}"
migration_address = "{address}"
migrate_tls_x509_verify = 1
"""
QUICK_START = 'capability_filters = ["cpu-unavailable-features"]\n'
"""With this line libvirt reads a CPU's features in two questions, not in four hundred,
which is half of the time that a guest takes to start under emulation. For tests: hosts
of the field do not have it."""


SAME_USER = "+4294967295"
"""The id -1: QEMU keeps the daemon's user. In a user namespace there is no other that
it could change to, and even dropping groups is forbidden (``user_namespaces(7)``)."""


@dataclass(frozen=True)
class HostSpec:
    """What a host is made of.

    Args:
        name: ``a``, ``b`` ...
        uuid: Its own ``host_uuid``; two hosts of one uuid refuse to migrate.
        address: Its IPv4 address on the lab's network.
        peers: Name and address of every host, for ``/etc/hosts``.
        same_user: QEMU keeps the daemon's user and groups.
        qemu_conf: More lines for ``qemu.conf``.
    """

    name: str
    uuid: uuid.UUID
    address: str
    peers: dict[str, str]
    same_user: bool
    qemu_conf: str


def write_files(paths: HostPaths, spec: HostSpec, lab_id: str, guest: Path) -> None:
    """Write a host's private directories and its configuration."""
    for name in PRIVATE_DIRS:
        (paths.root / name).mkdir(parents=True, exist_ok=True)
    (paths.var / "run").symlink_to("/run")
    (paths.var / "lock").symlink_to("/run/lock")
    user = SAME_USER if spec.same_user else "root"
    hosts = "".join(f"{address} {name}\n" for name, address in spec.peers.items())
    contents = {
        "etc/libvirt/libvirtd.conf": LIBVIRTD_CONF.format(
            uuid=spec.uuid, address=spec.address
        ),
        "etc/libvirt/qemu.conf": QEMU_CONF.format(address=spec.address, user=user)
        + spec.qemu_conf,
        "etc/passwd": _with_daemon_user("/etc/passwd", "x:64055:64055::/:/bin/false"),
        "etc/group": _with_daemon_user("/etc/group", "x:64055:"),
        "etc/shadow": "root:*:::::::\n",
        "etc/hosts": f"127.0.0.1 localhost\n{hosts}",
        "run/virtmigrate-lab/id": f"{lab_id} {spec.name}\n",
    }
    for name, text in contents.items():
        (paths.root / name).write_text(text, encoding="utf-8")
    shutil.copyfile(guest, paths.run / "virtmigrate-lab" / "guest.elf")
    _link_rest(paths.etc)


def _link_rest(etc: Path) -> None:
    """Whatever a host has not of its own is the machine's."""
    for entry in Path("/etc").iterdir():
        link = etc / entry.name
        if not os.path.lexists(link):
            # a link of the machine's may lead upwards: it must stand where it stood
            inside = f"{INNER_ETC}/{entry.name}"
            link.symlink_to(entry.readlink() if entry.is_symlink() else inside)


def _with_daemon_user(source: str, rest: str) -> str:
    """The machine's own file, with the user that the qemu driver looks up."""
    text = Path(source).read_text(encoding="utf-8")
    if any(line.startswith(f"{DAEMON_USER}:") for line in text.splitlines()):
        return text
    return f"{text.rstrip()}\n{DAEMON_USER}:{rest}\n"


def start_daemon(
    space: Space, paths: HostPaths, log: Path, lab_id: str, *, tls: bool
) -> Process:
    """Start libvirtd inside a host; it is not ready yet.

    Args:
        space: The host's namespaces.
        paths: Its directories.
        log: Where what it prints is added.
        lab_id: The lab it belongs to.
        tls: Whether it listens on its address too.

    Raises:
        LabError: it could not even be started.
    """
    pid_file = paths.root / "libvirtd.pid"
    pid_file.unlink(missing_ok=True)
    paths.socket.unlink(missing_ok=True)  # a killed daemon's: it must not look ready
    argv = [sys.executable, "-I", "-S", reaper.__file__, str(pid_file)]
    daemon = ["libvirtd", *(["--listen"] if tls else [])]
    parent = spawn([*argv, *space.enter(), *daemon], log, lab_id)
    wait_for(lambda: pid_file.exists() or not parent.alive(), START_TIMEOUT_S)
    started = pid_file.exists() and identify(int(pid_file.read_text(encoding="ascii")))
    if not started:
        raise LabError(f"libvirtd of host {paths.root.name} ended at once: {tail(log)}")
    return started


def uri_of(socket: Path) -> str:
    """The libvirt URI by which anyone who can open the socket reaches the host."""
    return f"qemu+unix:///system?socket={socket}"


def virsh(uri: str, *words: str, timeout_s: float = CALL_TIMEOUT_S) -> str:
    """Run a virsh command on a host, of any kind, and return what it printed."""
    return run(["virsh", "-q", "-c", uri, *words], timeout_s=timeout_s)


def wait_ready(paths: HostPaths, daemon: Process, log: Path) -> None:
    """Wait until a daemon answers.

    Raises:
        LabError: it ended, or did not answer in :data:`READY_TIMEOUT_S` seconds.
    """
    name = paths.root.name
    deadline = time.monotonic() + READY_TIMEOUT_S
    wait_for(lambda: paths.socket.exists() or not daemon.alive(), READY_TIMEOUT_S)
    why = "its socket did not appear"
    while daemon.alive() and paths.socket.exists() and time.monotonic() < deadline:
        left = max(1.0, deadline - time.monotonic())
        try:
            virsh(uri_of(paths.socket), "capabilities", timeout_s=left)
        except CommandFailed as error:
            why = error.stderr
        else:
            return
    state = "does not answer" if daemon.alive() else "ended"
    logs = f"{tail(paths.daemon_log)}; {tail(log)}"
    raise LabError(f"libvirtd of host {name} {state}: {why}: {logs}")


def warm_capabilities(paths: HostPaths, release: str, *, same_user: bool) -> None:
    """Give a new host what an earlier one of its release learnt of its QEMU.

    libvirt checks that it is still true (binary, version, kernel) before it uses it.
    """
    _copy_all(_kept(release, same_user=same_user), paths.capability_cache)


def keep_capabilities(paths: HostPaths, release: str, *, same_user: bool) -> None:
    """Keep what a host learnt of its QEMU for the next one, if we may."""
    with contextlib.suppress(OSError):  # without it the next lab starts more slowly
        _copy_all(paths.capability_cache, _kept(release, same_user=same_user))


def _kept(release: str, *, same_user: bool) -> Path:
    # another user may not open /dev/kvm, and libvirt learns everything anew
    who = ["user"] if same_user else []
    return default_cache_dir() / "-".join(
        ["capabilities", *filter(None, [release]), *who]
    )


def _copy_all(source: Path, target: Path) -> None:
    """Copy files, each all or nothing, as other labs may do the same now."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.xml"):
        draft = target / f"{file.name}.{os.getpid()}"
        shutil.copyfile(file, draft)
        draft.replace(target / file.name)
