"""The forms `peer-to-peer` and `call`: libvirt's own call does all phases.

It lands the guest paused (unless the caller consented to one step), so that COMMIT
still decides; the perform hook is that call, the other hooks only look.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_libvirt import whole
from virtmigrate_libvirt.answer import await_answer
from virtmigrate_libvirt.deadlines import SECONDS
from virtmigrate_libvirt.host import ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from virtmigrate.context import Context
    from virtmigrate_libvirt.protocol import Domain
    from virtmigrate_libvirt.typed import ParamValue

    Request = Callable[[Context], tuple[int, Mapping[str, ParamValue]]]

LANDED = (RunState.PAUSED, RunState.RUNNING, RunState.SHUTOFF)


class OneCall(ABC):
    """What both forms share."""

    def __init__(self, request: Request) -> None:
        """Say what is sent.

        Args:
            request: A migration's flag word and typed parameters, by libvirt's names.
        """
        self.request = request

    def begin(self, ctx: Context) -> bytes:
        """Nothing: the call does it."""
        return b""

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """Nothing: the call does it."""
        return cookie

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """The whole call. Once its job is over, an answer that still lacks is lost."""
        source = ours(ctx.source)
        link = source.wire(ctx.migration)
        migrate = self._migrate(ctx)
        uuid = ctx.plan.guest.uuid
        try:
            await_answer(
                lambda: link.call(
                    "perform",
                    lambda connection: migrate(connection.lookupByUUIDString(uuid)),
                    deadline_s=None,
                ),
                ctx,
                over=Over(ctx),
                doing="perform",
                side=ctx.source.side,
                pulse=True,
            )
        finally:
            source.unwire(ctx.migration)
            ours(ctx.destination).unwire(ctx.migration)
        return b""

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """See that it is there; what a cancelled call left is libvirt's to clear."""
        if fate is Fate.CANCELLED:
            return b""
        seen = ctx.arrival.look()
        if seen.state not in LANDED:
            raise HostError(
                f"the guest is {seen.state} at the destination: {seen.why}",
                side=ctx.destination.side,
                subject=ctx.plan.guest.name,
                remedy="look at both hosts' libvirt logs",
            )
        return b""

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """None: the call did it, and the core's own retires what it may have left."""
        return None

    @abstractmethod
    def _migrate(self, ctx: Context) -> Callable[[Domain], None]:
        """The one call, for a domain of the source's own connection."""


class Over:
    """Whether the source shows that a call's job is over, or was never begun.

    The daemon begins the job before it connects anywhere, so it shows at once; yet a
    call that was not begun may only be late, and is waited for as an order is.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._was = ctx.plan.guest.state
        self._until = ctx.clock.now() + SECONDS.tell
        self._came = False

    def __call__(self) -> bool:
        """Look now."""
        seen = self._ctx.guest.look()
        if seen.state is RunState.UNREACHABLE:
            return False
        self._came |= seen.job or seen.state is not self._was
        return not seen.job and (self._came or self._ctx.clock.now() > self._until)


class PeerToPeer(OneCall):
    """The source's daemon drives, and goes on when we die."""

    def _migrate(self, ctx: Context) -> Callable[[Domain], None]:
        flags, params = self.request(ctx)
        uri = ours(ctx.destination).control.text
        return lambda domain: whole.to_uri(domain, uri, params, flags)


class Call(OneCall):
    """The client library's call, where it lacks the phases."""

    def _migrate(self, ctx: Context) -> Callable[[Domain], None]:
        flags, params = self.request(ctx)
        there = ours(ctx.destination).wire(ctx.migration)

        def migrate(domain: Domain) -> None:
            with there.held("perform") as destination:
                whole.migrate(domain, destination, params, flags)

        return migrate
