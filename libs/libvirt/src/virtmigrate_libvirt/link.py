"""One libvirt connection: keepalive on, and every call under a deadline.

Each call that has a deadline runs in a daemon thread, so that a host which never
answers costs its caller the deadline and nothing else. A `libvirtError` never leaves
this file untranslated.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import libvirt

from virtmigrate.threads import Job
from virtmigrate_libvirt import faults, loop
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.deadlines import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from virtmigrate.errors import Side
    from virtmigrate.uri import HostURI
    from virtmigrate_libvirt.protocol import Connection

T = TypeVar("T")
logger = logging.getLogger(__name__)

CLOSED = "the connection is closed"
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 5
"""A dead host is noticed after interval x (count + 1) = 18 s, whatever is running."""


class Link:
    """A connection to one host, used by one purpose (control, or one migration).

    libvirt keeps a connection, and its descriptors, as long as a callback is registered
    on it, dead or not: so a link knows of them, and takes them back when it is closed.
    """

    def __init__(self, connection: Connection, host: str, side: Side) -> None:
        """Wrap an open connection.

        Args:
            connection: It, with keepalive set.
            host: The URI without secrets, for errors.
            side: Whose host it is.
        """
        self._connection: Connection | None = connection
        self._wedged = False
        self._lock = threading.Lock()
        self._holders = 0
        self._closing: Connection | None = None
        self._callbacks: set[int] = set()
        self.host = host
        self.side = side

    @property
    def alive(self) -> bool:
        """Whether calls can still be sent: open, and no call stuck on it."""
        connection = self._connection
        if connection is None or self._wedged:
            return False
        try:
            return connection.isAlive() == 1
        except libvirt.libvirtError:
            return False

    @property
    def busy(self) -> bool:
        """Whether a call is under way on it."""
        with self._lock:
            return self._holders > 0

    def call(
        self,
        doing: str,
        function: Callable[[Connection], T],
        *,
        deadline_s: float | None,
        lookup: bool = False,
    ) -> T:
        """Run a libvirt call (or a few) and wait for it, within limits.

        Args:
            doing: The call in words, for errors.
            function: Gets the connection; what it makes of libvirt's objects must
                not leave it.
            deadline_s: Longest wait; None = until the connection is found dead.
            lookup: Whether "no such guest" is raised as `GuestNotFound`.

        Raises:
            HostUnreachable: The connection was dead already; nothing was sent.
            AnswerLost: The deadline passed, or the connection died meanwhile.
            HostError: The host answered with an error.
            GuestNotFound: See `lookup`.
        """
        about = faults.About(self.side, self.host, doing, lookup)
        if not self.alive:
            raise faults.never_sent(about, CLOSED)
        try:
            if deadline_s is None:
                return self._within(doing, function)  # nobody would give up on it
            job = Job(lambda: self._within(doing, function))
            if not job.wait(deadline_s):
                self._wedged = True
                raise faults.silent(about, deadline_s)
            return job.result()
        except libvirt.libvirtError as error:
            # Its frames hold libvirt's objects, and those the connection.
            bare = error.with_traceback(None)
            raise faults.translate(faults.fault_of(error), about) from bare

    @contextmanager
    def held(self, doing: str) -> Iterator[Connection]:
        """The connection, kept open for the length of a block.

        Args:
            doing: What for, for the error.

        Raises:
            HostUnreachable: It is closed.
        """
        with self._lock:
            connection = self._connection
            if connection is None:
                about = faults.About(self.side, self.host, doing)
                raise faults.never_sent(about, CLOSED)
            self._holders += 1
        try:
            yield connection
        finally:
            with self._lock:
                self._holders -= 1
                last = None if self._holders else self._closing
                if last is not None:
                    self._closing = None
            if last is not None:
                self._let_go(last)

    def _within(self, doing: str, function: Callable[[Connection], T]) -> T:
        with self.held(doing) as connection:
            made = function(connection)
            if isinstance(made, Iterator):
                # It would ask later: under no deadline, its errors untranslated.
                msg = f"{doing}: an iterator must not leave its call"
                raise TypeError(msg)
            return made

    def listen(self, doing: str, register: Callable[[Connection], int]) -> int:
        """Register a callback for events; its number, for `hush`.

        Args:
            doing: What for, for errors.
            register: Does it, and gives libvirt's number of it.

        Raises:
            HostError: As `call` has it.
        """
        token = self.call(doing, register, deadline_s=SECONDS.tell)
        self._callbacks.add(token)
        return token

    def hush(self, doing: str, token: int) -> None:
        """Take a callback back; harmless where the link has been closed.

        Raises:
            HostError: As `call` has it; then `close` takes it back.
        """
        if self._connection is None or token not in self._callbacks:
            return
        self.call(
            doing,
            lambda connection: connection.domainEventDeregisterAny(token),
            deadline_s=SECONDS.tell,
        )
        self._callbacks.discard(token)

    def close(self) -> None:
        """Let go of the connection without waiting for the host.

        A call that is still under way keeps it: libvirt frees a connection that is
        closed under a call's feet. The last call to end closes it then.
        """
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            if self._holders:
                self._closing = connection
                return
        Job(lambda: self._let_go(connection)).wait(SECONDS.close)

    def _let_go(self, connection: Connection) -> None:
        while self._callbacks:
            try:
                connection.domainEventDeregisterAny(self._callbacks.pop())
            except libvirt.libvirtError as error:
                # Here it is gone; the host, which may be dead, could not be told.
                logger.debug("a callback ends with its connection: %s", error)
        connection.close()


def open_link(uri: HostURI, text: str, side: Side, *, deadline_s: float) -> Link:
    """Open a connection.

    Args:
        uri: What the caller asked for, for errors.
        text: What libvirt is given (see `uri.checked`).
        side: Whose host it is.
        deadline_s: Longest wait.

    Raises:
        HostUnreachable: Nobody answers there, or not in time.
    """
    loop.ensure()
    about = faults.About(side, uri.shown, "connecting")

    def connect() -> Connection:
        connection = cast("Connection", libvirt.open(text))
        try:
            connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
        except libvirt.libvirtError as error:
            # A driver inside this process has no wire to keep alive.
            if error.get_error_code() != Code.NO_SUPPORT:
                raise
        return connection

    job = Job(connect)
    if not job.wait(deadline_s):
        raise faults.never_sent(about, f"no connection within {deadline_s:g} s")
    try:
        return Link(job.result(), uri.shown, side)
    except libvirt.libvirtError as error:
        raise faults.unopened(faults.fault_of(error), about) from error


def found(ask: Callable[[], T], nothing: Collection[int]) -> T | None:
    """What libvirt answers inside a call; None where it says that there is none.

    Args:
        ask: Asks it.
        nothing: libvirt's numbers for that.
    """
    try:
        return ask()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in nothing:
            raise
        return None


def code_of(error: BaseException) -> int:
    """libvirt's number behind an error of our tree, 0 where there is none."""
    cause = error.__cause__
    if not isinstance(cause, libvirt.libvirtError):
        return 0
    return cause.get_error_code() or 0
