"""A host of a lab, as its users see it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab import pools, qemu_host
from virtmigrate_lab.layout import HostPaths
from virtmigrate_lab.namespaces import Space
from virtmigrate_lab.processes import Process, end, marked
from virtmigrate_lab.ways import WAYS


@dataclass(frozen=True)
class Host:
    """A host of a lab.

    Args:
        name: ``a``, ``b`` ...
        kind: ``qemu``.
        address: Its address on the lab's network.
        index: Its place among the hosts, 0 for the first.
        lab_id: The lab it belongs to.
        space: Its namespaces.
        daemon: Its libvirtd.
        paths: Its private directories.
        ways: How it is reached beside its socket (``ways.WAYS``).
        sshd: Its ssh daemon, if it has one.
        release: The Debian release whose programs it runs; "": the machine's own.
    """

    name: str
    kind: str
    address: str
    index: int
    lab_id: str
    space: Space
    daemon: Process
    paths: HostPaths
    ways: tuple[str, ...] = ()
    sshd: Process | None = None
    release: str = ""

    @property
    def socket(self) -> Path:
        """The daemon's UNIX socket."""
        return self.paths.socket

    @property
    def uri(self) -> str:
        """The libvirt URI, good on this machine and on every host of the lab."""
        return qemu_host.uri_of(self.socket)

    @property
    def uris(self) -> dict[str, str]:
        """Its URIs by transport; all but ``unix`` are good on hosts of the lab only.

        See :meth:`command`.
        """
        return {"unix": self.uri} | {way: WAYS[way].uri(self.name) for way in self.ways}

    @property
    def migrate_uri(self) -> str:
        """The migration URI of this host (libvirt chooses the port)."""
        return f"tcp://{self.address}"

    @property
    def pid(self) -> int:
        """Process id of its libvirtd."""
        return self.daemon.pid

    def alive(self) -> bool:
        """Whether its libvirtd runs."""
        return self.daemon.alive()

    def processes(self) -> list[Process]:
        """Everything that runs on this host: libvirtd, QEMUs, the namespace holder."""
        return marked(self.lab_id, self.name)

    def qemu(self, uuid: str) -> Process | None:
        """The QEMU that runs a domain here, if there is one."""
        for process in self.processes():
            words = Path(f"/proc/{process.pid}/cmdline")
            with contextlib.suppress(OSError):  # it ended while we looked
                if uuid.encode("ascii") in words.read_bytes().split(b"\0"):
                    return process
        return None

    def pool_target(self, pool: str) -> str:
        """The path of a pool's directory, as this host sees it.

        Raises:
            LabRefused: there is no such pool (``pools.POOLS``).
        """
        return pools.named(pool).target(self.name)

    def outside(self, path: str) -> Path:
        """A file of this host, by a path that is good outside of it.

        Links to absolute paths on the way lead to the machine's files, not the host's.
        """
        return Path(f"/proc/{self.space.holder.pid}/root") / path.lstrip("/")

    def crash(self) -> None:
        """End everything that runs here at once, as a power cut would.

        What was on disk stays; the namespaces and the address stay too.
        """
        end(process for process in self.processes() if process != self.space.holder)

    def command(self, *argv: str) -> list[str]:
        """The words that run a command on this host, as its root.

        It sees the host's ``/etc``, ``/run`` and ``/var``, else the machine's files.
        """
        return [*self.space.enter(), *argv]

    def virsh(self, *words: str, timeout_s: float = qemu_host.CALL_TIMEOUT_S) -> str:
        """Run a virsh command on this host and return what it printed."""
        return qemu_host.virsh(self.uri, *words, timeout_s=timeout_s)
