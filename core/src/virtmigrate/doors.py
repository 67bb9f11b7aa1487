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
        parsed = self._checked(uri, side)
        opened = self.manager.hypervisor_for(parsed).connect(parsed, side, self.clock)
        with closing(opened) as host:
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
        kinds = [self.manager.hypervisor_for(uri) for uri in parsed]
        here, there = together(
            lambda: kinds[0].connect(parsed[0], Side.SOURCE, self.clock),
            lambda: kinds[1].connect(parsed[1], Side.DESTINATION, self.clock),
            apart=remote(*kinds),
            discard=lambda host: host.close(),
        )
        with closing(here), closing(there):
            yield here, there

    def _checked(self, uri: str, side: Side) -> HostURI:
        parsed = parse_uri(uri, side)
        self.manager.hypervisor_for(parsed).check_uri(parsed)
        return parsed
