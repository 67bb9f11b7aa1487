"""What a guest writes while its move is prepared: measured, and waited for by nobody.

Starting the process at the destination takes about as long as QEMU's shortest
measurement. So it is begun with the move, and read once the transfer runs: it says in
the first pass what would else be seen in the second, or third. By sampling pages only,
for the reason that `gauge.py` gives. Where differences (xbzrle) are armed, a few pages
are looked at as well, twice, while the first pass runs: else only a whole third pass
shows whether they help.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from virtmigrate.errors import HostError
from virtmigrate.host import RunState, Written
from virtmigrate_libvirt.gauge import GIB, MIB, PAGES_PER_GIB, rate_of, start, stats
from virtmigrate_libvirt.peeks import Peeks, places, reader
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.context import Context
    from virtmigrate.pages import Pages
    from virtmigrate_libvirt.control import Control
    from virtmigrate_libvirt.protocol import Connection

logger = logging.getLogger(__name__)
SECONDS = 1
"""The shortest that QEMU does (`MIN_FETCH_DIRTYRATE_TIME_SEC`)."""
SMALLEST = 128 << 20
"""Bytes. Of a smaller guest hardly any pages are looked at, and it moves at once."""
LOOKS_MOST = 50
"""A measurement that is not there after so many looks does not come."""
PLACES = 8
"""So many places are looked at, one at each sample."""
APART = 10
"""So many samples lie between the two looks at one: a second, as QEMU's measurement."""


def wanted(ctx: Context) -> bool:
    """Whether the policy predicts, of a guest that runs, and nothing is known yet."""
    plan = ctx.plan
    known = plan.workload
    if known is None or known.curve or known.memory_bytes < SMALLEST:
        return False
    runs = plan.guest.state is RunState.RUNNING and ctx.options.live is True
    return runs and plan.policy.foresees


def where(ctx: Context) -> list[int]:
    """Addresses at which to look whether differences help; none where none are sent."""
    live = ctx.captured and ctx.captured.definitions.live
    if not live or "xbzrle" not in (ctx.options.compression_methods or ()):
        return []
    return places(parse(live), PLACES)


class Aside:
    """One guest's measurement; a host that can't measure costs nothing but the try."""

    def __init__(self, control: Control, uuid: str) -> None:
        """Measure nothing yet.

        Args:
            control: The way to the guest's host.
            uuid: The guest.
        """
        self._control = control
        self._uuid = uuid
        self._looks = self._pages = 0
        self._found: Written | None = None
        self._peeks: Peeks | None = None
        self._peeked = 0

    def begin(self, memory_bytes: int, addresses: Sequence[int] = ()) -> None:
        """Begin to measure; before the host's own job for the move, which bars it.

        Args:
            memory_bytes: Of the guest.
            addresses: Where to look at its pages; see `where`.
        """
        self._pages = max(1, memory_bytes * PAGES_PER_GIB // GIB)
        self._peeks = Peeks(addresses, reader(self._control.ask, self._uuid))

        def order(connection: Connection) -> None:
            start(connection, self._uuid, SECONDS)

        try:
            self._control.ask("measuring what the guest writes", order)
        except HostError as error:
            logger.debug("what the guest writes is not measured: %s", error)
            return
        self._looks = LOOKS_MOST

    def look(self) -> Written | None:
        """What was found; None = nothing yet, or ever."""
        if self._looks <= 0:
            return self._found
        self._looks -= 1
        try:
            found = self._control.ask(
                "reading what the guest writes",
                lambda connection: stats(connection, self._uuid),
            )
        except HostError as error:
            logger.debug("what the guest writes can't be read: %s", error)
            self._looks = 0
            return None
        over, rate = rate_of(found)
        if over:
            self._looks = 0
        if rate is not None:
            self._found = Written(float(SECONDS), rate * SECONDS * MIB, self._pages)
        return self._found

    def peek(self) -> Pages | None:
        """Look at one more place; what was seen, once all were seen twice.

        Whoever asks does so ten times a second.
        """
        if self._peeks is None:
            return None
        self._peeked += 1
        if self._peeks.turned and self._peeked <= APART:
            return None
        try:
            if self._peeks.step():
                return None
            found = self._peeks.found
        except HostError as error:
            logger.debug("what writes change of a page is not known: %s", error)
            found = None
        self._peeks = None
        return found
