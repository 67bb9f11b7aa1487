"""A laboratory of real hosts on one machine."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from virtmigrate_lab import building, network, pools, vz_guests
from virtmigrate_lab.disk_image import ImageReport
from virtmigrate_lab.disks import Disk
from virtmigrate_lab.domain import GuestOptions, GuestSettings
from virtmigrate_lab.errors import LabNotFound, LabRefused
from virtmigrate_lab.guests import Guests
from virtmigrate_lab.host import Host
from virtmigrate_lab.layout import Layout, default_state_dir
from virtmigrate_lab.record import LabRecord
from virtmigrate_lab.report import GuestReport
from virtmigrate_lab.vz_guests import VzGuestOptions, VzGuests
from virtmigrate_lab.vz_host.dispatcher import RATE_MIB_S
from virtmigrate_lab.vz_host.host import VzHost, VzHosts
from virtmigrate_lab.vz_report import VzReport
from virtmigrate_lab.windows import Run, runs

AnyHost = Host | VzHost
AnyGuest = GuestOptions | VzGuestOptions


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
        qemu_conf: str = "",
        ways: Sequence[str] = (),
        releases: Mapping[str, str] | None = None,
    ) -> Self:
        """Start a lab; what a crashed one left in the directory is cleaned up first.

        Args:
            hosts: How many (``"2"``), or of which kinds (``"qemu:2,vz:2"``).
            bandwidth_mib_s: Rate of every host's link, each way (MiB/s of payload).
            state_dir: The lab's directory (see ``layout.default_state_dir``).
            qemu_conf: More lines for the ``qemu.conf`` of every host.
            ways: How qemu hosts are reached beside their sockets: ``tls``, ``ssh``.
            releases: Host to Debian release, fetched before (``releases.fetch``), whose
                libvirtd and QEMU it runs.

        Raises:
            LabUnavailable: this machine can't run a lab; every reason is named.
            LabError: one is up there already, or a host did not start.
        """
        layout = Layout((state_dir or default_state_dir()).absolute())
        wanted = building.Wanted(qemu_conf, ways, releases or {})
        lab = cls(layout, building.build(layout, hosts, wanted))
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
    def qemu(self) -> dict[str, Host]:
        """The hosts in namespaces by name, in order."""
        return {host.name: host for host in self._record.hosts}

    @property
    def vz(self) -> VzHosts:
        """The vz hosts: what can be done with them alone."""
        return VzHosts(self._layout.vz, {host.name: host for host in self._record.vz})

    @property
    def hosts(self) -> dict[str, AnyHost]:
        """All hosts by name, in order."""
        return {**self.qemu, **self.vz.hosts}

    def host(self, name: str) -> AnyHost:
        """A host by its name.

        Raises:
            LabError: there is none of this name.
        """
        try:
            return self.hosts[name]
        except KeyError as error:
            known = ", ".join(self.hosts)
            raise LabRefused(f"no host {name} in this lab (hosts: {known})") from error

    def pool_target(self, host: str, pool: str) -> str:
        """The path of a pool's directory, as a qemu host sees it.

        Args:
            host: The host.
            pool: ``local``, ``shared``, ``remount``, ``lying`` ...: ``pools.POOLS``.

        Raises:
            LabRefused: there is no such host or pool.
        """
        return self._with_pools(host).pool_target(pool)

    def pool_path(self, host: str, pool: str) -> Path:
        """A pool's directory, by a path that is good here; see :meth:`pool_target`.

        Files in it can be made, read and removed; libvirt sees them at its next
        ``pool-refresh``. It is good as long as the lab is up.
        """
        where = self._with_pools(host)
        return where.outside(where.pool_target(pool))

    def _with_pools(self, host: str) -> Host:
        where = self.host(host)
        if isinstance(where, VzHost):
            raise LabRefused(
                f"host {host} is of kind vz: it has no pools", remedy="name a qemu host"
            )
        return where

    @property
    def guests(self) -> Guests:
        """The guests on qemu hosts."""
        return Guests(self._layout, self.qemu)

    @property
    def vz_guests(self) -> VzGuests:
        """The guests on vz hosts."""
        return VzGuests(self.vz, self._layout.vz_guests)

    def guest_names(self) -> list[str]:
        """The guests that were started, on hosts of any kind, and not stopped."""
        return sorted([*self.guests.names(), *self.vz_guests.names()])

    def guest_start(
        self,
        name: str,
        host: str | None = None,
        *,
        persistent: bool = True,
        paused: bool = False,
        container: bool = False,
        disks: Sequence[Disk | str] = (),
        **options: Unpack[GuestSettings],
    ) -> AnyGuest:
        """Boot a guest and wait until its memory is filled.

        Args:
            name: Its name.
            host: Where; None: on the first host.
            persistent: Whether it has a configuration that outlives it.
            paused: Start it with its CPU stopped (it has not booted then).
            container: A container (``exe``), on vz hosts only.
            disks: Its disks, at most two, as ``"local:64:qcow2+base"``: they are made
                in that pool of the host.
            options: ``memory_mib``, ``working_set_mib``, ``dirty_rate_mib_s``,
                ``pattern``, ... see :class:`~virtmigrate_lab.domain.GuestOptions`.

        Raises:
            LabError: an option is out of range, the name is taken, or it is not ready
                in time.
        """
        where = self.host(host or next(iter(self.hosts)))
        if name in self.guest_names():
            raise LabRefused(
                f"guest {name} has been started in this lab",
                remedy="stop it first, or choose another name",
            )
        if isinstance(where, VzHost):
            settings = {**options, "disks": tuple(disks)}
            return self.vz_guests.start(
                vz_guests.asked(name, settings, container=container),
                where.name,
                persistent=persistent,
                paused=paused,
            )
        if container:
            raise LabRefused(
                f"guest {name}: host {where.name} has no containers",
                remedy="name a vz host: --host vz-a",
            )
        chosen = tuple(Disk.parse(d) if isinstance(d, str) else d for d in disks)
        guest = GuestOptions(name, str(uuid.uuid4()), disks=chosen, **options)
        place = where.name
        return self.guests.start(guest, place, persistent=persistent, paused=paused)

    def guest_check(
        self, name: str, *, since: float | None = None, verify: bool = True
    ) -> GuestReport | VzReport:
        """Look at a guest wherever it is; see `check` of :class:`Guests`."""
        if self._on_vz(name):
            return self.vz_guests.check(name, since=since)
        return self.guests.check(name, since=since, verify=verify)

    def disks_check(self, name: str, *, killed: bool = False) -> list[ImageReport]:
        """Judge the images of a guest's disks from outside; it must not run.

        See `check_images` of :class:`Guests`.
        """
        return self.guests.check_images(name, killed=killed)

    def _on_vz(self, name: str) -> bool:
        """Whether a guest was started on a vz host.

        Raises:
            LabRefused: there is no such guest.
        """
        names = self.guest_names()
        if name not in names:
            known = ", ".join(names) or "none"
            raise LabRefused(f"no guest {name} in this lab (guests: {known})")
        return name in self.vz_guests.names()

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
        (self.vz_guests if self._on_vz(name) else self.guests).stop(name)

    @staticmethod
    def now() -> float:
        """This moment on the clock of the heartbeats (seconds)."""
        return time.monotonic()

    def link_rate(self, rate_mib_s: float | None, host: str | None = None) -> None:
        """Shape links, both ways; None lifts the limit.

        Args:
            rate_mib_s: MiB/s of payload; of a vz host the rate of what leaves it.
            host: Whose link; None: every host's.
        """
        for each in self._chosen(host):
            if isinstance(each, VzHost):
                each.control(rate_mib_s=rate_mib_s or RATE_MIB_S)
                continue
            network.shape(each.space, network.DEVICE, rate_mib_s)
            network.shape(self._record.switch, network.port(each.index), rate_mib_s)

    def link_down(self, host: str | None = None) -> None:
        """Cut links: what is sent is lost, and nobody is told."""
        self._links(host, up=False)

    def link_up(self, host: str | None = None) -> None:
        """Mend links."""
        self._links(host, up=True)

    def _links(self, host: str | None, *, up: bool) -> None:
        for each in self._chosen(host):
            if isinstance(each, VzHost):
                each.control(stalled=not up)
                continue
            port = network.port(each.index)
            network.set_up(self._record.switch, port, up=up)

    def daemon_restart(self, host: str) -> None:
        """Start a host's daemon again (after it was killed), and wait for it."""
        where = self.host(host)
        if isinstance(where, VzHost):
            where.kill()
            self._record = self._record.with_vz(where.up())
        else:
            again = building.restart_daemons(self._layout, self._record, where)
            self._record = self._record.with_host(again)
        self._record.save(self._layout)

    def tcp_buffers(self, name: str, host: str | None = None) -> None:
        """Set the TCP buffers of qemu hosts: ``deep`` (the kernel's) or ``shallow``.

        With ``shallow`` a page that post-copy waits for is not stuck behind megabytes.
        It holds for connections that are opened afterwards. Vz hosts use no TCP.
        """
        if name not in network.BUFFERS:
            raise LabRefused(f"buffers {name!r}: {', '.join(network.BUFFERS)}")
        for each in self._chosen(host):
            if isinstance(each, Host):
                network.buffers(each.space, name)

    def tidy(self) -> None:
        """Make the hosts as good as new: no guests, free links, daemons that answer.

        Domains that were defined in another way than by :meth:`guest_start` go too, and
        so does all that is in the pools, and pools that are not the lab's.
        """
        for host in self.hosts.values():
            for process in host.processes():
                process.kill(signal.SIGCONT)
            if not host.alive():
                self.daemon_restart(host.name)
        self.link_up()
        self.link_rate(None)
        self.tcp_buffers("deep")
        self.guests.clear()
        self.vz_guests.clear()
        self._tidy_pools()

    def _tidy_pools(self) -> None:
        hosts = self.qemu
        found = [
            pools.empty(self.pool_path(host, pool))
            for host in hosts
            for pool in pools.POOLS
        ]
        for host in hosts.values():
            pools.renew(host.virsh, changed=any(found))

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

    def _chosen(self, host: str | None) -> Iterable[AnyHost]:
        return self.hosts.values() if host is None else [self.host(host)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()
