"""Opening hosts: every URI is checked before any host is, and an open one is kept."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from virtmigrate.errors import HostUnreachable, Side, VirtmigrateError
from virtmigrate.sharing import Known
from virtmigrate.together import remote, together
from virtmigrate.uri import parse_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate.clock import Clock
    from virtmigrate.host import Host, Hypervisor
    from virtmigrate.manager import Manager
    from virtmigrate.uri import HostURI

    Otherwise = Callable[[Side, str], Host]
    """From a side, and why its host does not answer."""

log = logging.getLogger(__name__)
KEPT_MOST = 16
KEPT_S = 60.0
"""A host that nobody used for so long is opened anew."""


class Door(NamedTuple):
    """The way to one host, in one role."""

    uri: HostURI
    side: Side
    kind: Hypervisor


class Doors:
    """The way to hosts.

    A host that says of itself that it may be used again (its attribute `reusable`) is
    kept after use for whoever asks for it next, since to connect takes longer than to
    ask. It never serves two at a time.

    Attributes:
        known: What was proven of the storage of pairs of hosts.
    """

    def __init__(
        self, manager: Manager, clock: Clock, insecure: frozenset[str] = frozenset()
    ) -> None:
        """Nothing is opened yet.

        Args:
            manager: Which hypervisor opens which URI.
            clock: The time that hosts go by.
            insecure: Checks of URIs that the caller has switched off.
        """
        self._insecure = insecure
        self._manager = manager
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Door, tuple[float, Host]] = {}
        self.known = Known(clock)

    @contextmanager
    def one(self, uri: str, side: Side) -> Iterator[Host]:
        """An open host, let go at the end of the block.

        Raises:
            BadInput: The URI is not allowed.
            UnknownHypervisor: No plugin serves it.
            HostUnreachable: Nobody answers.
        """
        door = self._checked(uri, side)
        with self._let_go(door, self._open(door)) as host:
            yield host

    @contextmanager
    def pair(
        self, source: str, destination: str, otherwise: Otherwise | None = None
    ) -> Iterator[tuple[Host, Host]]:
        """Both hosts; both URIs are checked before either is opened.

        Args:
            source: Its URI.
            destination: Its URI.
            otherwise: Makes what stands in for a host that does not answer.

        Raises:
            ExceptionGroup: Of all that is wrong with the URIs.
            HostUnreachable: A host does not answer, and nothing stands in for it.
        """
        refused: list[Exception] = []
        doors: list[Door] = []
        for text, side in ((source, Side.SOURCE), (destination, Side.DESTINATION)):
            try:
                doors.append(self._checked(text, side))
            except VirtmigrateError as error:
                refused.append(error)
        if refused:
            msg = "the request is malformed"
            raise ExceptionGroup(msg, refused)
        first, second = doors
        here, there = together(
            lambda: self._open_or(first, otherwise),
            lambda: self._open_or(second, otherwise),
            apart=remote(first.kind, second.kind),
            discard=lambda host: host.close(),
        )
        with self._let_go(first, here), self._let_go(second, there):
            yield here, there

    def shut(self) -> None:
        """Let go of every host that is kept. Harmless twice."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for _, host in kept.values():
            host.close()

    def abandoned(self) -> None:
        """Nobody needs them any more; called by a garbage collection.

        That comes in the middle of anything: in this thread somebody may hold the very
        lock that a host needs to be closed. So a thread of its own closes them, except
        at the end of the program, where no other runs.
        """
        if not self._kept:
            return
        if threading.main_thread().is_alive():
            threading.Thread(target=self._shut_quietly, daemon=True).start()
        else:
            self._shut_quietly()

    def _shut_quietly(self) -> None:
        try:
            self.shut()
        except VirtmigrateError as error:
            log.debug("a host that was kept could not be closed: %s", error)

    def _checked(self, uri: str, side: Side) -> Door:
        parsed = parse_uri(uri, side, self._insecure)
        kind = self._manager.hypervisor_for(parsed)
        kind.check_uri(parsed)
        return Door(parsed, side, kind)

    def _open(self, door: Door) -> Host:
        """The host that is kept, if it still serves; else a fresh one."""
        with self._lock:
            left, host = self._kept.pop(door, (0.0, None))
        if host is not None:
            if time.monotonic() - left < KEPT_S and _reusable(host):
                return host
            host.close()
        return door.kind.connect(door.uri, door.side, self._clock)

    def _open_or(self, door: Door, otherwise: Otherwise | None) -> Host:
        try:
            return self._open(door)
        except HostUnreachable as error:
            if otherwise is None:
                raise
            return otherwise(door.side, error.message)

    @contextmanager
    def _let_go(self, door: Door, host: Host) -> Iterator[Host]:
        """Keep it at the end of a block that went well, else close it."""
        try:
            yield host
        except BaseException:
            host.close()
            raise
        for spare in self._keep(door, host) if _reusable(host) else [host]:
            spare.close()

    def _keep(self, door: Door, host: Host) -> list[Host]:
        """Those that had to go for it: the one before it, and the oldest."""
        with self._lock:
            gone = [self._kept.pop(door)] if door in self._kept else []
            self._kept[door] = time.monotonic(), host
            if len(self._kept) > KEPT_MOST:
                gone.append(self._kept.pop(next(iter(self._kept))))
        return [host for _, host in gone]


def _reusable(host: Host) -> bool:
    """Whether it says so; one that breaks at the question is not."""
    try:
        return bool(getattr(host, "reusable", False))
    except Exception:  # noqa: BLE001 - a plugin's Host may raise anything
        return False
