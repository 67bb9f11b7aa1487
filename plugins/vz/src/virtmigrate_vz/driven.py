"""The form `driven`: libvirt's five phases, as its vz driver has them.

Perform is all of it: afterwards the guest is at the destination and gone from the
source. Begin and prepare lock and reserve nothing; confirm does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.attend import attend
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_libvirt.answer import await_answer
from virtmigrate_libvirt.driving import drive_of, forget
from virtmigrate_vz.request import flags_of, params_of

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate_libvirt.drive import Drive

LANDED = (RunState.RUNNING, RunState.PAUSED, RunState.SHUTOFF)


class Driven:
    """We call each phase over two connections of this migration's own."""

    def begin(self, ctx: Context) -> bytes:
        """Ask what travels."""
        return _drive(ctx).begin(protects=False)

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """Get let in; the images that must be there are made by now."""
        return _drive(ctx).prepare(cookie)

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """Everything."""
        drive = _drive(ctx)
        return attend(lambda: drive.perform(cookie), ctx, deadline_s=None)

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """See it there; or say that it does not come."""
        drive = _drive(ctx)
        if fate is Fate.CANCELLED:
            drive.cancel_destination()
            return b""
        await_answer(
            lambda: drive.finish(cookie, paused=ctx.landing is RunState.PAUSED),
            ctx,
            over=lambda: ctx.arrival.look().state in LANDED,
            doing="finish",
            side=ctx.destination.side,
        )
        stay_paused(ctx)
        return b""

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """Nothing to say: the source has neither a job nor, after perform, a guest."""
        forget(ctx)
        return True


def stay_paused(ctx: Context) -> None:
    """Virtuozzo's DONT_RESUME is a wish: see that it was heeded."""
    wanted = ctx.landing is RunState.PAUSED
    if wanted and ctx.arrival.look().state is RunState.RUNNING:
        ctx.arrival.suspend()
        ctx.engine.warn("the guest ran at the destination for a moment: paused again")


def _drive(ctx: Context) -> Drive:
    return drive_of(ctx, flags_of(ctx), params_of(ctx))
