"""Opening hosts: every URI is checked before any host is."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import Side, VirtmigrateError
from virtmigrate.together import remote, together
from virtmigrate.uri import parse_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.clock import Clock
    from virtmigrate.host import Host, Hypervisor
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
        parsed, kind = self._checked(uri, side)
        with closing(kind.connect(parsed, side, self.clock)) as host:
            yield host

    @contextmanager
    def pair(self, source: str, destination: str) -> Iterator[tuple[Host, Host]]:
        """Both hosts; both URIs are checked before either is opened.

        Raises:
            ExceptionGroup: Of all that is wrong with the URIs.
            HostUnreachable: A host does not answer.
        """
        refused: list[Exception] = []
        parsed: list[tuple[HostURI, Hypervisor]] = []
        for text, side in ((source, Side.SOURCE), (destination, Side.DESTINATION)):
            try:
                parsed.append(self._checked(text, side))
            except VirtmigrateError as error:
                refused.append(error)
        if refused:
            msg = "the request is malformed"
            raise ExceptionGroup(msg, refused)
        (uri, kind), (uri_there, kind_there) = parsed
        here, there = together(
            lambda: kind.connect(uri, Side.SOURCE, self.clock),
            lambda: kind_there.connect(uri_there, Side.DESTINATION, self.clock),
            apart=remote(kind, kind_there),
            discard=lambda host: host.close(),
        )
        with closing(here), closing(there):
            yield here, there

    def _checked(self, uri: str, side: Side) -> tuple[HostURI, Hypervisor]:
        parsed = parse_uri(uri, side)
        kind = self.manager.hypervisor_for(parsed)
        kind.check_uri(parsed)
        return parsed, kind
