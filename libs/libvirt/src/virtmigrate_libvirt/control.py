"""The control connection of a host: replaced when it is dead, asked within limits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from virtmigrate.errors import AnswerLost, HostUnreachable
from virtmigrate_libvirt.deadlines import SECONDS
from virtmigrate_libvirt.link import Link, open_link
from virtmigrate_libvirt.uri import opened_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.errors import Side
    from virtmigrate.uri import HostURI
    from virtmigrate_libvirt.protocol import Connection

T = TypeVar("T")


class Control:
    """Opens connections to one host, and keeps one for questions and orders."""

    def __init__(self, uri: HostURI, side: Side) -> None:
        """Remember the way; `ask` or `open` opens.

        Args:
            uri: A URI that `virtmigrate_libvirt.uri.check` has passed.
            side: Whose host it is.
        """
        self.uri = uri
        self.side = side
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._opened = False

    @property
    def text(self) -> str:
        """What libvirt is given, ours or another daemon's: it never asks questions."""
        return opened_as(self.uri)

    @property
    def alive(self) -> bool:
        """Whether its connection lives, as far as is known without asking."""
        link = self._link
        return link is not None and link.alive

    def open(self, deadline_s: float | None = None) -> Link:
        """A connection of one's own.

        Args:
            deadline_s: Longest wait; None = as the table of deadlines has it.

        Raises:
            HostUnreachable: Nobody answers there, or not in time.
        """
        longest = SECONDS.open if deadline_s is None else deadline_s
        return open_link(self.uri, self.text, self.side, deadline_s=longest)

    def ask(
        self,
        doing: str,
        function: Callable[[Connection], T],
        *,
        deadline_s: float | None = None,
        lookup: bool = False,
    ) -> T:
        """Ask something that changes nothing: repeated once over a fresh connection.

        So a host that has fallen silent costs the deadlines `ask` and then `reopen`,
        and only `reopen` from then on.

        Raises:
            HostUnreachable: The host can't be reached.
            AnswerLost: It did not answer twice.
            HostError: It answered with an error.
            GuestNotFound: With `lookup`: no such guest.
        """
        link, deadline_s = self._link, deadline_s or SECONDS.ask
        try:
            return self._sent(doing, function, deadline_s, lookup=lookup)
        except (AnswerLost, HostUnreachable):
            self.drop()
            if link is None:
                raise
            return self._sent(doing, function, deadline_s, lookup=lookup)

    def tell(
        self,
        doing: str,
        function: Callable[[Connection], T],
        *,
        deadline_s: float | None = None,
    ) -> T:
        """Send something once, over a connection that lives.

        Raises:
            HostUnreachable: It was never sent.
            AnswerLost: It may have been carried out.
            HostError: The host answered with an error.
        """
        return self._sent(doing, function, deadline_s or SECONDS.tell, lookup=False)

    def listen(
        self, doing: str, register: Callable[[Connection], int]
    ) -> tuple[Link, int]:
        """Register a callback; the link that has it, and its number.

        Raises:
            HostError: As `tell` has it.
        """
        link = self._living()
        return link, link.listen(doing, register)

    def drop(self) -> None:
        """Forget the connection; the next call opens a fresh one."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _sent(
        self,
        doing: str,
        function: Callable[[Connection], T],
        deadline_s: float,
        *,
        lookup: bool,
    ) -> T:
        return self._living().call(
            doing, function, deadline_s=deadline_s, lookup=lookup
        )

    def _living(self) -> Link:
        """The link, or a fresh one; callers that meet here wait for one opening."""
        with self._lock:
            link = self._link
            if link is not None and link.alive:
                return link
            if link is not None:
                link.close()
            self._link = None
            fresh = self.open(SECONDS.reopen if self._opened else SECONDS.open)
            self._opened = True
            self._link = fresh
            return fresh
