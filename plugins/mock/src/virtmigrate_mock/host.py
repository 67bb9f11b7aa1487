"""`Hypervisor` and `Host` of the contract, for mock worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import (
    BadInput,
    GuestNotFound,
    HostUnreachable,
    PluginError,
    Side,
)
from virtmigrate.host import CONTRACT
from virtmigrate_mock import domxml, primitives
from virtmigrate_mock.connection import Connection, nothing
from virtmigrate_mock.guest import MockGuest
from virtmigrate_mock.storage import MockStorage
from virtmigrate_mock.styles import Style, style_named
from virtmigrate_mock.world import World

if TYPE_CHECKING:
    from virtmigrate.capabilities import Capabilities
    from virtmigrate.clock import Clock
    from virtmigrate.host import Host
    from virtmigrate.uri import HostURI
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import GuestState, HostState


def _wrong(uri: HostURI) -> str:
    """What is wrong with a URI, "" if nothing is."""
    keys, host = dict(uri.query), uri.host
    table = (
        (uri.transport is not None, "it has a transport"),
        (uri.user is not None, "it has a user"),
        (uri.port is not None, "it has a port"),
        (keys.keys() != {"host"}, "the only key is host"),
        (not keys.get("host"), "it names no host"),
        (not host and len(uri.path) <= 1, "it names neither a world nor a file"),
        (host and uri.path not in ("", "/"), "a world has no path"),
    )
    for holds, words in table:
        if holds:
            return words
    return ""


class MockHypervisor:
    """What `virtmigrate_hypervisors` hands over."""

    name = "mock"
    schemes = frozenset(("mock",))
    contract = CONTRACT

    def check_uri(self, uri: HostURI) -> None:
        """Refuse everything but `mock://WORLD?host=A` and `mock:///FILE?host=A`.

        Raises:
            BadInput: A transport, user, port, unknown key, or no host.
        """
        if wrong := _wrong(uri):
            raise BadInput(
                f"bad mock URI {uri.shown}: {wrong}",
                subject="uri",
                remedy="write mock://WORLD?host=NAME or mock:///FILE?host=NAME",
            )

    def connect(self, uri: HostURI, side: Side, clock: Clock) -> MockHost:
        """Open a host; its time is the world's, whatever `clock` says.

        Raises:
            BadInput: As `check_uri`.
            HostUnreachable: No such world or host, or the host is down.
        """
        self.check_uri(uri)
        try:
            world = World.open(uri.host or uri.path)
        except HostUnreachable as error:
            error.side = side
            raise
        return MockHost(uri.shown, world, uri.get("host") or "", side)


class MockHost:
    """One connected host of a world."""

    hypervisor = "mock"

    def __init__(self, uri: str, world: World, name: str, side: Side) -> None:
        """Connect.

        Raises:
            HostUnreachable: There is no such host, or it is down.
        """
        self.uri = uri
        self.world = world
        self.name = name
        self.side = side
        with world.store as state:
            if name not in state.hosts:
                raise HostUnreachable(
                    f"no host {name} in world {world.label}",
                    side=side,
                    subject=name,
                    remedy=f"hosts there: {', '.join(state.hosts) or 'none'}",
                )
            self.uuid = state.hosts[name].uuid
            self.style: Style = style_named(state.hosts[name].style)
        self.storage = MockStorage(self)
        self.connection = Connection(world, name, side)
        self.connection.call("connect", nothing)

    def declared(self) -> Capabilities:
        """What it can do, by its style."""
        return self.connection.call(
            "capabilities", lambda machine, host: self.style.capabilities(host)
        )

    def guest(self, ref: str) -> MockGuest:
        """The guest of this name or UUID.

        Raises:
            GuestNotFound: There is none.
        """

        def find(machine: Machine, host: HostState) -> GuestState | None:
            return host.guests.get(ref) or primitives.by_name(host, ref)

        found = self.connection.call("guest", find)
        if found is None:
            raise GuestNotFound(
                f"there is no guest {ref[:64]} on {self.name}",
                side=self.side,
                subject=ref[:64],
                remedy="name one that is there",
            )
        return MockGuest(self, found.uuid, found.name)

    def guest_by_uuid(self, uuid: str) -> MockGuest:
        """The guest of this identity, there or not."""
        return MockGuest(self, uuid, "")

    def name_taken_by(self, name: str) -> str | None:
        """UUID of the guest that bears this name here."""

        def find(machine: Machine, host: HostState) -> str | None:
            found = primitives.by_name(host, name)
            return found.uuid if found else None

        return self.connection.call("name_taken_by", find)

    def define(self, xml: str) -> MockGuest:
        """Make or replace a persistent definition.

        Raises:
            BadInput: It can't be read.
            HostError: The name is taken, or a migration locks the guest.
        """
        domain = domxml.read(xml, self.side)
        self.connection.call(
            "define",
            lambda machine, host: primitives.define(
                machine, host, domain, xml, self.side
            ),
            domain.uuid,
        )
        return MockGuest(self, domain.uuid, domain.name)

    @property
    def reusable(self) -> bool:
        """Whether another migration may use it."""
        return self.connection.idle

    def close(self) -> None:
        """Let go; harmless twice."""
        self.connection.close()


def mock_host(host: Host) -> MockHost:
    """The host as this plugin's own.

    Raises:
        PluginError: It is another plugin's.
    """
    if not isinstance(host, MockHost):
        raise PluginError(
            f"{host.hypervisor} is no mock host", side=host.side, subject=host.name
        )
    return host
