"""Opening hosts: every URI is checked before any host is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import Side, VirtmigrateError
from virtmigrate.uri import parse_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.clock import Clock
    from virtmigrate.host import Host
    from virtmigrate.manager import Manager
    from virtmigrate.uri import HostURI


@dataclass(frozen=True, slots=True)
class Doors:
    """The way to hosts.

    Attributes:
        manager: Which hypervisor opens which URI.
        clock: The time that hosts go by.
    """

    manager: Manager
    clock: Clock

    @contextmanager
    def one(self, uri: str, side: Side) -> Iterator[Host]:
        """An open host, closed at the end of the block.

        Raises:
            BadInput: The URI is not allowed.
            UnknownHypervisor: No plugin serves it.
            HostUnreachable: Nobody answers.
        """
        with self._open(self._checked(uri, side), side) as host:
            yield host

    @contextmanager
    def pair(self, source: str, destination: str) -> Iterator[tuple[Host, Host]]:
        """Both hosts; both URIs are checked before either is opened.

        Raises:
            ExceptionGroup: Of all that is wrong with the URIs.
            HostUnreachable: A host does not answer.
        """
        refused: list[Exception] = []
        parsed: list[HostURI] = []
        for uri, side in ((source, Side.SOURCE), (destination, Side.DESTINATION)):
            try:
                parsed.append(self._checked(uri, side))
            except VirtmigrateError as error:
                refused.append(error)
        if refused:
            msg = "the request is malformed"
            raise ExceptionGroup(msg, refused)
        with (
            self._open(parsed[0], Side.SOURCE) as here,
            self._open(parsed[1], Side.DESTINATION) as there,
        ):
            yield here, there

    def _checked(self, uri: str, side: Side) -> HostURI:
        parsed = parse_uri(uri, side)
        self.manager.hypervisor_for(parsed).check_uri(parsed)
        return parsed

    @contextmanager
    def _open(self, uri: HostURI, side: Side) -> Iterator[Host]:
        host = self.manager.hypervisor_for(uri).connect(uri, side, self.clock)
        try:
            yield host
        finally:
            host.close()
