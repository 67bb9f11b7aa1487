"""A plugin that looks at documents on mock hosts as virtmigrate-qemu does on its own.

So the caller's documents go the whole way of the command line, and no daemon is needed.
It also plays the source that hands over a forged cookie.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from virtmigrate import hookimpl
from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt import cookies
from virtmigrate_qemu import documents

if TYPE_CHECKING:
    from collections.abc import Iterator


class Eyes:
    """See the module."""

    __name__ = "the-eyes-of-qemu"

    def __init__(self) -> None:
        self.forged: bytes | None = None

    @contextmanager
    def forging(self, cookie: bytes | None) -> Iterator[None]:
        """Hand this cookie over, for the length of a block."""
        self.forged = cookie
        try:
            yield
        finally:
            self.forged = None

    @hookimpl
    def virtmigrate_preflight(self, request):
        """What qemu's own pre-flight says of documents."""
        actual = request.definitions.live or request.definitions.persistent or ""
        return [
            Finding(
                id=f"bad-{option}",
                level=Level.BLOCKER,
                side=Side.REQUEST,
                subject=option,
                message=message,
                remedy=remedy,
            )
            for option in ("dest_xml", "persist_xml")
            for message, remedy in documents.faults(
                option, getattr(request.options, option), actual
            )
        ]

    @hookimpl(wrapper=True)
    def virtmigrate_begin(self, ctx):
        """Begin, and a cookie that somebody changed; libvirt's are looked at."""
        given = yield
        if self.forged is None:
            return given
        if self.forged.startswith(b"<"):
            cookies.checked(self.forged, ctx.plan.guest.uuid, Side.SOURCE)
        return self.forged


EYES = Eyes()
