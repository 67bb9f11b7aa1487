"""One libvirt connection: keepalive on, and every call under a deadline.

Each call runs in a daemon thread of its own, so that a host which never answers costs
its caller the deadline and nothing else. A `libvirtError` never leaves this file
untranslated.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import libvirt

from virtmigrate_libvirt import faults, loop
from virtmigrate_libvirt.codes import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.errors import Side
    from virtmigrate.uri import HostURI
    from virtmigrate_libvirt.protocol import Connection

T = TypeVar("T")

OPEN_S = 20.0
CALL_S = 30.0
CLOSE_S = 2.0
KEEPALIVE_INTERVAL_S = 3
KEEPALIVE_COUNT = 5
"""A dead host is noticed after interval x (count + 1) = 18 s, whatever is running."""


class Link:
    """A connection to one host, used by one purpose (control, or one migration)."""

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
        self._running = 0
        self._closing: Connection | None = None
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

    def call(
        self,
        doing: str,
        function: Callable[[Connection], T],
        *,
        deadline_s: float | None = CALL_S,
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
        alive = self.alive
        with self._lock:
            connection = self._connection if alive else None
            if connection is None:
                raise faults.never_sent(about, "the connection is closed")
            self._running += 1
        job = _Job(lambda: self._run(function, connection))
        if not job.wait(deadline_s):
            self._wedged = True
            raise faults.silent(about, deadline_s or 0.0)
        try:
            return job.result()
        except libvirt.libvirtError as error:
            # Its frames hold libvirt's objects, and those the connection.
            bare = error.with_traceback(None)
            raise faults.translate(faults.fault_of(error), about) from bare

    def connection(self) -> Connection:
        """The connection itself, for the one call that spans two of them.

        Raises:
            HostUnreachable: It is dead.
        """
        if self._connection is None or not self.alive:
            about = faults.About(self.side, self.host, "using the connection")
            raise faults.never_sent(about, "the connection is closed")
        return self._connection

    def close(self) -> None:
        """Let go of the connection without waiting for the host.

        A call that is still under way keeps it: libvirt frees a connection that is
        closed under a call's feet. The last call to end closes it then.
        """
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            if self._running:
                self._closing = connection
                return
        _Job(connection.close).wait(CLOSE_S)

    def _run(self, function: Callable[[Connection], T], connection: Connection) -> T:
        try:
            return function(connection)
        finally:
            with self._lock:
                self._running -= 1
                last = None if self._running else self._closing
                if last is not None:
                    self._closing = None
            if last is not None:
                last.close()


def open_link(
    uri: HostURI, text: str, side: Side, *, deadline_s: float = OPEN_S
) -> Link:
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

    job = _Job(connect)
    if not job.wait(deadline_s):
        raise faults.never_sent(about, f"no connection within {deadline_s:g} s")
    try:
        return Link(job.result(), uri.shown, side)
    except libvirt.libvirtError as error:
        raise faults.unopened(faults.fault_of(error), about) from error


def code_of(error: BaseException) -> int:
    """libvirt's number behind an error of our tree, 0 where there is none."""
    cause = error.__cause__
    if not isinstance(cause, libvirt.libvirtError):
        return 0
    return cause.get_error_code() or 0


class _Job(Generic[T]):
    """A call in a daemon thread; libvirt's error is built in that thread."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._done = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="libvirt-call", daemon=True).start()

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised in the caller
            self._error = error
        finally:
            self._done.set()

    def wait(self, deadline_s: float | None) -> bool:
        return self._done.wait(deadline_s)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]
