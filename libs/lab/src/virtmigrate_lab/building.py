"""Builds a lab and takes it down again, whatever became of it in between."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.resources import as_file, files

from virtmigrate_lab import network, pools, qemu_host, record, releases, ssh, ways
from virtmigrate_lab.commands import spawn, tail
from virtmigrate_lab.errors import LabError, LabRefused, LabUnavailable
from virtmigrate_lab.host import Host
from virtmigrate_lab.kinds import parse_hosts
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.namespaces import Space, can_change_groups, open_host, open_switch
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.processes import Process, end, marked, wait_for
from virtmigrate_lab.record import Ground, LabRecord
from virtmigrate_lab.vz_host.host import VzHost, VzHosts
from virtmigrate_lab.ways import WAYS

LOCK_TIMEOUT_S = 120.0
OBSERVER_TIMEOUT_S = 10.0
SWEEPS = 20


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Be the only one who starts or ends a lab in this directory."""
    layout.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with layout.lock.open("w", encoding="utf-8") as file:

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_for(taken, LOCK_TIMEOUT_S, poll_s=0.1):
            raise LabError(f"{layout.lock} is held by another command")
        yield


@dataclass(frozen=True)
class Wanted:
    """What qemu hosts are to be like.

    Args:
        qemu_conf: More lines for each ``qemu.conf``.
        ways: How they are reached beside their sockets.
        releases: Host to Debian release, where it is not the machine's.
    """

    qemu_conf: str = ""
    ways: Sequence[str] = ()
    releases: Mapping[str, str] = field(default_factory=dict)


def build(layout: Layout, hosts: str, wanted: Wanted) -> LabRecord:
    """Start everything, or nothing.

    Args:
        layout: Where.
        hosts: See :func:`~virtmigrate_lab.kinds.parse_hosts`.
        wanted: What qemu hosts are to be like.

    Raises:
        LabUnavailable: this machine can't.
        LabError: a lab is up there, or a part of it did not start.
    """
    named = parse_hosts(hosts)
    missing = obstacles() if named["qemu"] else []
    if missing:
        raise LabUnavailable(missing)
    chosen = ways.check(wanted.ways) if named["qemu"] else ()
    releases.trees(wanted.releases, named["qemu"])
    if wanted.releases and "ssh" in chosen:
        raise LabRefused("hosts of another release have no ssh daemon")
    wanted = replace(wanted, ways=chosen)
    with locked(layout):
        before = LabRecord.load(layout)
        if before is not None and before.whole():
            raise LabRefused(
                f"a lab is up in {layout.state_dir}",
                remedy="take it down first: virtmigrate lab down",
            )
        _clear(layout)
        _refuse_foreign(layout)
        try:
            built = _build(layout, named, wanted)
        except BaseException:
            _clear(layout)
            raise
        built.save(layout)
        return built


def _refuse_foreign(layout: Layout) -> None:
    """What is in the directory now is not ours: never write over it."""
    foreign = {path.name for path in layout.state_dir.iterdir()} - {layout.lock.name}
    owner = layout.state_dir.stat().st_uid
    if foreign or owner != os.geteuid():
        why = f"holds {min(foreign)}" if foreign else f"belongs to user {owner}"
        raise LabRefused(
            f"{layout.state_dir} {why}: not a lab's directory",
            remedy="name a directory that does not exist or is empty",
        )


def _build(layout: Layout, named: dict[str, list[str]], wanted: Wanted) -> LabRecord:
    lab_id = str(uuid.uuid4())
    # from here on a crash leaves enough behind to be cleaned up by
    data = {"version": record.VERSION, "id": lab_id, "names": named["qemu"]}
    record.write(layout, data)
    for directory in (layout.beats, layout.guests, layout.vz, layout.vz_guests):
        directory.mkdir()
    vz = build_vz(layout, named["vz"], lab_id)
    if not named["qemu"]:
        return LabRecord(lab_id, None, (), vz)
    ground, hosts = build_qemu(layout, named["qemu"], lab_id, wanted)
    return LabRecord(lab_id, ground, hosts, vz)


def build_vz(layout: Layout, names: list[str], lab_id: str) -> tuple[VzHost, ...]:
    """Start vz hosts: plain processes, that need no privilege."""
    return tuple(VzHosts.up(layout.vz, names, lab_id=lab_id))


def build_qemu(
    layout: Layout, names: list[str], lab_id: str, wanted: Wanted
) -> tuple[Ground, tuple[Host, ...]]:
    """Start hosts in namespaces, and what they share."""
    chosen, trees = tuple(wanted.ways), releases.trees(wanted.releases, names)
    switch = open_switch(layout, lab_id, network.MTU)
    same_user = not can_change_groups()
    spaces = {}
    peers = {name: network.address(index) for index, name in enumerate(names)}
    for index, name in enumerate(peers):
        paths = layout.host(name)
        spec = qemu_host.HostSpec(
            *(name, uuid.uuid4(), peers[name], peers), same_user, wanted.qemu_conf
        )
        with as_file(files("virtmigrate_lab") / "guest" / "guest.elf") as guest:
            qemu_host.write_files(paths, spec, lab_id, guest)
        pools.furnish(layout, paths, name)
        release = wanted.releases.get(name, "")
        qemu_host.warm_capabilities(paths, release, same_user=same_user)
        spaces[name] = open_host(switch, layout, paths, lab_id, trees.get(name))
        network.plug(switch, spaces[name], index)
    etc = {name: layout.host(name).etc for name in names}
    for way in chosen:
        WAYS[way].furnish(layout, peers, etc)
    observer = start_observer(layout, list(peers), lab_id)
    daemons = start_daemons(layout, spaces, lab_id, tls="tls" in chosen)
    for name in names:
        release = wanted.releases.get(name, "")
        qemu_host.keep_capabilities(layout.host(name), release, same_user=same_user)
    made = tuple(
        Host(
            *(name, "qemu", peers[name], index, lab_id),
            *(spaces[name], daemons[name], layout.host(name), chosen),
            start_sshd(layout, spaces[name], name, lab_id) if "ssh" in chosen else None,
            wanted.releases.get(name, ""),
        )
        for index, name in enumerate(names)
    )
    return Ground(switch, observer), made


def start_observer(layout: Layout, hosts: list[str], lab_id: str) -> Process:
    """Start the process that hears heartbeats, and wait until it does."""
    argv = [sys.executable, "-m", "virtmigrate_lab.observer", str(layout.state_dir)]
    observer = spawn([*argv, *hosts], layout.log, lab_id)
    wait_for(
        lambda: layout.control.exists() or not observer.alive(), OBSERVER_TIMEOUT_S
    )
    if not layout.control.exists() or not observer.alive():
        raise LabError(f"the lab's observer did not start: {tail(layout.log)}")
    return observer


def start_sshd(layout: Layout, space: Space, name: str, lab_id: str) -> Process:
    """Start the ssh daemon of a host."""
    return ssh.start(space, layout.host(name), layout.log, lab_id)


def start_daemons(
    layout: Layout, spaces: dict[str, Space], lab_id: str, *, tls: bool
) -> dict[str, Process]:
    """Start libvirtd on hosts, all at once, and wait until each answers."""
    daemons = {
        name: qemu_host.start_daemon(
            space, layout.host(name), layout.log, lab_id, tls=tls
        )
        for name, space in spaces.items()
    }

    def ready(name: str) -> None:
        qemu_host.wait_ready(layout.host(name), daemons[name], layout.log)

    with ThreadPoolExecutor(len(daemons)) as pool:
        list(pool.map(ready, daemons))
    return daemons


def restart_daemons(layout: Layout, lab: LabRecord, host: Host) -> Host:
    """Start a host's libvirtd again; what is left of the old one is ended first.

    Its ssh daemon is started only if it has ended: logins outlive a libvirtd.
    """
    end([host.daemon])
    spaces = {host.name: host.space}
    daemons = start_daemons(layout, spaces, lab.id, tls="tls" in host.ways)
    sshd = host.sshd
    if sshd is not None and not sshd.alive():
        sshd = start_sshd(layout, host.space, host.name, lab.id)
    return replace(host, daemon=daemons[host.name], sshd=sshd)


def clear(layout: Layout) -> None:
    """End everything that belongs to the lab in a directory and remove its files."""
    with locked(layout):
        _clear(layout)
    layout.lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not ours, if something else is in it
        layout.state_dir.rmdir()


def _clear(layout: Layout) -> None:
    data = record.read(layout)
    if data is None:
        return
    left: list[Process] = []
    for _ in range(SWEEPS):  # a daemon may start a process while we look
        left = marked(data["id"])
        if not left:
            break
        end(left)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise LabError(f"processes of the lab can't be ended: {pids}")
    for directory in (
        *(layout.host(name).root for name in data["names"]),
        layout.beats,
        layout.guests,
        layout.vz,
        layout.pki,
        layout.storage,
    ):
        shutil.rmtree(directory, ignore_errors=True)
    for path in (layout.control, layout.log, layout.state_dir / "switch.ready"):
        path.unlink(missing_ok=True)
    layout.record.unlink()
