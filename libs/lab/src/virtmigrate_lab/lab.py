"""A laboratory of real hosts on one machine."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from virtmigrate_lab import building, network
from virtmigrate_lab.domain import GuestOptions, GuestSettings
from virtmigrate_lab.errors import LabNotFound, LabRefused
from virtmigrate_lab.guests import Guests
from virtmigrate_lab.host import Host
from virtmigrate_lab.layout import Layout, default_state_dir
from virtmigrate_lab.record import LabRecord
from virtmigrate_lab.report import GuestReport
from virtmigrate_lab.windows import Run, runs


class Lab:
    """Real hosts that are up, and what can be done with them.

    Made by :meth:`up` (which starts one) or :meth:`attach` (which finds one that was
    started elsewhere). As a context manager it is taken down at the end.

    Example:
        >>> from virtmigrate_lab import Lab
        >>> with Lab.up(hosts="2") as lab:                      # doctest: +SKIP
        ...     lab.guest_start("g", host="a", working_set_mib=16)
        ...     lab.hosts["a"].virsh("migrate", "--live", "g", lab.hosts["b"].uri)
        ...     assert lab.guest_check("g").ok
    """

    def __init__(self, layout: Layout, record: LabRecord) -> None:
        self._layout = layout
        self._record = record

    @classmethod
    def up(
        cls,
        hosts: str = "2",
        *,
        bandwidth_mib_s: float | None = None,
        state_dir: Path | None = None,
    ) -> Self:
        """Start a lab; what a crashed one left in the directory is cleaned up first.

        Args:
            hosts: How many (``"2"``), or of which kind (``"qemu:2"``).
            bandwidth_mib_s: Rate of every host's link, each way (MiB/s of payload).
            state_dir: The lab's directory (see ``layout.default_state_dir``).

        Raises:
            LabUnavailable: this machine can't run a lab; every reason is named.
            LabError: one is up there already, or a host did not start.
        """
        layout = Layout((state_dir or default_state_dir()).absolute())
        lab = cls(layout, building.build(layout, hosts))
        if bandwidth_mib_s is not None:
            lab.link_rate(bandwidth_mib_s)
        return lab

    @classmethod
    def attach(cls, state_dir: Path | None = None) -> Self:
        """Find a lab that is up.

        Raises:
            LabNotFound: there is none in this directory.
        """
        layout = Layout((state_dir or default_state_dir()).absolute())
        record = LabRecord.load(layout)
        if record is None:
            raise LabNotFound(
                f"no lab is up in {layout.state_dir}", remedy="virtmigrate lab up"
            )
        return cls(layout, record)

    @property
    def state_dir(self) -> Path:
        """The lab's directory."""
        return self._layout.state_dir

    @property
    def id(self) -> str:
        """Unique to this lab."""
        return self._record.id

    @property
    def hosts(self) -> dict[str, Host]:
        """The hosts by name, in order."""
        return {host.name: host for host in self._record.hosts}

    def host(self, name: str) -> Host:
        """A host by its name.

        Raises:
            LabError: there is none of this name.
        """
        try:
            return self.hosts[name]
        except KeyError as error:
            known = ", ".join(self.hosts)
            raise LabRefused(f"no host {name} in this lab (hosts: {known})") from error

    @property
    def guests(self) -> Guests:
        """The guests of this lab."""
        return Guests(self._layout, {h.name: h.socket for h in self._record.hosts})

    def guest_start(
        self,
        name: str,
        host: str = "a",
        *,
        persistent: bool = True,
        paused: bool = False,
        **options: Unpack[GuestSettings],
    ) -> GuestOptions:
        """Boot a guest and wait until its memory is filled.

        Args:
            name: Its name.
            host: Where.
            persistent: Whether it has a configuration that outlives it.
            paused: Start it with its CPU stopped (it has not booted then).
            options: ``memory_mib``, ``working_set_mib``, ``dirty_rate_mib_s``,
                ``pattern``, ... see :class:`~virtmigrate_lab.domain.GuestOptions`.

        Raises:
            LabError: an option is out of range, the name is taken, or it is not ready
                in time.
        """
        where = self.host(host).name
        guest = GuestOptions(name, str(uuid.uuid4()), **options)
        return self.guests.start(guest, where, persistent=persistent, paused=paused)

    def guest_check(
        self, name: str, *, since: float | None = None, verify: bool = True
    ) -> GuestReport:
        """Look at a guest wherever it is; see :meth:`Guests.check`."""
        return self.guests.check(name, since=since, verify=verify)

    def guest_runs(
        self, name: str, *, since: float = 0.0, silence_s: float = 0.5
    ) -> list[Run]:
        """Where a guest ran when: stretches on one host without a silence.

        Args:
            name: The guest.
            since: From when on (monotonic seconds).
            silence_s: A silence this long ends a stretch.
        """
        found = runs(self.guests.heartbeat(name).windows(), silence_s)
        return [run for run in found if run.last > since]

    def guest_ramp(self, name: str) -> None:
        """Have a guest begin to change its rate: see ``GuestOptions.ramp_ms``.

        Again from the beginning if it has done so before.

        Raises:
            LabError: it was started without a ramp, or does not listen.
        """
        self.guests.ramp(name)

    def guest_stop(self, name: str) -> None:
        """Destroy and undefine a guest wherever it is."""
        self.guests.stop(name)

    @staticmethod
    def now() -> float:
        """This moment on the clock of the heartbeats (seconds)."""
        return time.monotonic()

    def link_rate(self, rate_mib_s: float | None, host: str | None = None) -> None:
        """Shape links, both ways; None lifts the limit.

        Args:
            rate_mib_s: MiB/s of payload.
            host: Whose link; None: every host's.
        """
        for each in self._chosen(host):
            network.shape(each.space, network.DEVICE, rate_mib_s)
            network.shape(self._record.switch, network.port(each.index), rate_mib_s)

    def link_down(self, host: str | None = None) -> None:
        """Cut links: what is sent is lost, and nobody is told."""
        for each in self._chosen(host):
            port = network.port(each.index)
            network.set_up(self._record.switch, port, up=False)

    def link_up(self, host: str | None = None) -> None:
        """Mend links."""
        for each in self._chosen(host):
            network.set_up(self._record.switch, network.port(each.index), up=True)

    def daemon_restart(self, host: str) -> None:
        """Start a host's libvirtd again (after it was killed), and wait for it."""
        daemon = building.restart_daemon(self._layout, self._record, self.host(host))
        self._record = self._record.with_daemon(host, daemon)
        self._record.save(self._layout)

    def tcp_buffers(self, name: str, host: str | None = None) -> None:
        """Set the TCP buffers of hosts: ``deep`` (the kernel's default) or ``shallow``.

        With ``shallow`` a page that post-copy waits for is not stuck behind megabytes.
        It holds for connections that are opened afterwards.
        """
        if name not in network.BUFFERS:
            raise LabRefused(f"buffers {name!r}: {', '.join(network.BUFFERS)}")
        for each in self._chosen(host):
            network.buffers(each.space, name)

    def tidy(self) -> None:
        """Make the hosts as good as new: no guests, free links, daemons that answer.

        Domains that were defined in another way than by :meth:`guest_start` go too.
        """
        self.link_up()
        self.link_rate(None)
        self.tcp_buffers("deep")
        for host in self.hosts.values():
            for process in host.processes():
                process.kill(signal.SIGCONT)
            if not host.daemon.alive():
                self.daemon_restart(host.name)
        self.guests.clear()

    def down(self) -> None:
        """End everything that belongs to the lab and remove its files."""
        building.clear(self._layout)

    @classmethod
    def clear(cls, state_dir: Path | None = None) -> Path:
        """Take down whatever is in a directory, a crashed lab too; fine if nothing is.

        Returns:
            The directory.
        """
        layout = Layout((state_dir or default_state_dir()).absolute())
        building.clear(layout)
        return layout.state_dir

    def _chosen(self, host: str | None) -> Iterable[Host]:
        return self._record.hosts if host is None else [self.host(host)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()
