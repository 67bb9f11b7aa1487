"""A libvirt host: the core's `Host`, for every libvirt hypervisor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import UUID

from virtmigrate.capabilities import Progress
from virtmigrate.errors import GuestNotFound, HostUnreachable, PluginError, Side
from virtmigrate_libvirt import phases, xml
from virtmigrate_libvirt.control import Control
from virtmigrate_libvirt.facts import host_facts
from virtmigrate_libvirt.flags import Feature
from virtmigrate_libvirt.guest import LibvirtGuest
from virtmigrate_libvirt.storage import LibvirtStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from virtmigrate.host import Host
    from virtmigrate.uri import HostURI
    from virtmigrate_libvirt.drive import Drive
    from virtmigrate_libvirt.facts import HostFacts
    from virtmigrate_libvirt.link import Link
    from virtmigrate_libvirt.protocol import Connection

    T = TypeVar("T")


class LibvirtHost:
    """One connected host: a connection for control, and one for each migration.

    Attributes:
        control: The control connection.
        drives: Migrations whose phases we drive with this host as the source, by id.
        kept: Answers that stay true while it is connected (`questions.py`).
    """

    remote = True

    def __init__(
        self,
        uri: HostURI,
        side: Side,
        hypervisor: str,
        counts: Progress = Progress.BYTES,
    ) -> None:
        """Connect and learn who it is.

        Args:
            uri: A URI that `virtmigrate_libvirt.uri.check` has passed.
            side: Whose host it is.
            hypervisor: Name of the `Hypervisor` that opens it.
            counts: What the driver's job figures count.

        Raises:
            HostUnreachable: Nobody answers there, or not in time.
        """
        self.control = Control(uri, side)
        self.drives: dict[str, Drive] = {}
        self._hypervisor = hypervisor
        self._counts = counts
        self._lock = threading.Lock()
        self._wires: dict[str, Link] = {}
        self._spare: Link | None = None
        self._features: dict[Feature, bool] = {}
        kind, name, capabilities = self.ask("connecting", _who)
        self.driver: str = kind
        self._name: str = name
        self._facts = host_facts(capabilities, side=side)
        self.kept: dict[str, object] = {}

    @property
    def uri(self) -> str:
        """How it was reached, without secrets."""
        return self.control.uri.shown

    @property
    def name(self) -> str:
        """Its own hostname."""
        return self._name

    @property
    def uuid(self) -> str:
        """Its identity."""
        return self._facts.uuid

    @property
    def facts(self) -> HostFacts:
        """What it said of itself when it was connected."""
        return self._facts

    @property
    def emulators(self) -> frozenset[str]:
        """The programs that it says it runs guests with."""
        return self._facts.emulators

    @property
    def storage(self) -> LibvirtStorage:
        """Its storage pools and their images."""
        return LibvirtStorage(self.control)

    @property
    def hypervisor(self) -> str:
        """Name of the `Hypervisor` that opened it."""
        return self._hypervisor

    @property
    def side(self) -> Side:
        """Which side of the migration it is."""
        return self.control.side

    def ask(self, doing: str, function: Callable[[Connection], T]) -> T:
        """Ask the daemon something that changes nothing (see `Control.ask`)."""
        return self.control.ask(doing, function)

    def guest(self, ref: str) -> LibvirtGuest:
        """The guest of this name or UUID; a UUID is tried first."""
        uuid = _as_uuid(ref)

        def find(connection: Connection) -> tuple[str, str]:
            if uuid is not None:
                found = connection.lookupByUUIDString(uuid)
            else:
                found = connection.lookupByName(ref)
            return found.UUIDString(), found.name()

        found, name = self.control.ask("looking the guest up", find, lookup=True)
        return LibvirtGuest(self.control, found, name, self._counts)

    def guest_by_uuid(self, uuid: str) -> LibvirtGuest:
        """The guest of this identity, there or not."""
        return LibvirtGuest(self.control, uuid, counts=self._counts)

    def name_taken_by(self, name: str) -> str | None:
        """UUID of the guest that bears this name here."""
        try:
            return self.control.ask(
                "looking the name up",
                lambda connection: connection.lookupByName(name).UUIDString().lower(),
                lookup=True,
            )
        except GuestNotFound:
            return None

    def define(self, text: str) -> LibvirtGuest:
        """Make or replace a persistent definition.

        Raises:
            BadInput: It is no domain document.
        """
        document = xml.parse(text, side=self.side, subject="definition")
        self.control.tell(
            "defining the guest",
            lambda connection: connection.defineXMLFlags(text, 0).UUIDString(),
        )
        return LibvirtGuest(self.control, document.uuid, document.name, self._counts)

    def features(self, features: Iterable[Feature]) -> dict[Feature, bool]:
        """Features of the daemon's driver, asked once; empty if libvirt can't ask."""
        wanted = [f for f in features if f not in self._features]
        if not phases.available():
            return {}
        if wanted:
            self._features |= self.ask(
                "asking for the driver's features",
                lambda connection: {
                    feature: phases.supports(connection, feature) for feature in wanted
                },
            )
        return dict(self._features)

    def wire(self, migration: str, *, reopen: bool = True) -> Link:
        """The connection of one migration, opened when first needed.

        The daemons tie a migration to the connection that drives it: it is used for
        nothing else until that migration is over.

        Args:
            migration: Its id.
            reopen: Whether a fresh one may take the place of a dead one.

        Raises:
            HostUnreachable: It is dead, or can't be opened.
        """
        with self._lock:
            link = self._wires.get(migration)
        if link is not None and link.alive:
            return link
        if link is not None and not reopen:
            msg = "the connection of this migration is dead"
            raise HostUnreachable(msg, side=self.side, subject=self.uri)
        fresh = self._unused()
        with self._lock:
            self._wires[migration] = fresh
        if link is not None:
            link.close()
        return fresh

    def _unused(self) -> Link:
        """The connection that an earlier migration left clean, or a new one."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            return spare
        if spare is not None:
            spare.close()
        return self.control.open()

    def wired(self, migration: str) -> bool:
        """Whether the connection of this migration lives (nothing is sent)."""
        with self._lock:
            link = self._wires.get(migration)
        return link is not None and link.alive

    def waited_on(self, migration: str) -> bool:
        """Whether the connection of this migration lives, and a call waits on it."""
        with self._lock:
            link = self._wires.get(migration)
        return link is not None and link.alive and link.busy

    def unwire(self, migration: str, *, clean: bool = False) -> None:
        """Let go of the connection of one migration. Harmless when there is none.

        Args:
            migration: Its id.
            clean: Whether both daemons have answered to its end, so that nothing ties
                them to it: then the next migration may have the connection.
        """
        with self._lock:
            link = self._wires.pop(migration, None)
        if link is None:
            return
        if clean and link.alive and not link.busy:
            with self._lock:
                link, self._spare = self._spare, link
        if link is not None:
            link.close()

    @property
    def reusable(self) -> bool:
        """Whether another may use it: it answers, and no migration is left on it."""
        with self._lock:
            busy = bool(self._wires)
        return not busy and not self.drives and self.control.alive

    def close(self) -> None:
        """Let go of every connection. Harmless twice."""
        self.drives.clear()
        for migration in list(self._wires):
            self.unwire(migration)
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()
        self.control.drop()


def _who(connection: Connection) -> tuple[str, str, str]:
    return (
        connection.getType(),
        connection.getHostname(),
        connection.getCapabilities(),
    )


def _as_uuid(ref: str) -> str | None:
    try:
        return str(UUID(ref)) if "-" in ref else None
    except ValueError:
        return None


def ours(host: Host) -> LibvirtHost:
    """The host as one of ours.

    Raises:
        PluginError: It is not.
    """
    if isinstance(host, LibvirtHost):
        return host
    msg = f"a libvirt phase was asked of a {type(host).__name__}"
    raise PluginError(msg, side=host.side)
