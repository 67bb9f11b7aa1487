"""The form `driven`: each hook is one of libvirt's five phases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate.attend import attend
from virtmigrate.errors import HostError, HostUnreachable
from virtmigrate.host import RunState, glance
from virtmigrate.phases import Fate
from virtmigrate.together import together
from virtmigrate_libvirt import aside
from virtmigrate_libvirt.answer import await_answer
from virtmigrate_libvirt.driving import drive_of, forget
from virtmigrate_libvirt.flags import Feature
from virtmigrate_libvirt.guest import LibvirtGuest
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.rules import Reached
from virtmigrate_qemu.documents import refuse_dangers
from virtmigrate_qemu.request import flags_of, lands_paused, params_of
from virtmigrate_qemu.watch import Watch

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate_libvirt.drive import Drive

LANDED = (RunState.RUNNING, RunState.PAUSED)
RETIRED = (RunState.ABSENT, RunState.SHUTOFF)


class Driven:
    """We call each phase over two connections of this migration's own."""

    def begin(self, ctx: Context) -> bytes:
        """Lock the guest's configuration; its XML is what travels.

        The destination's connection is opened meanwhile.
        """
        drive = _drive(ctx)
        known = ctx.plan.workload
        if known and isinstance(ctx.guest, LibvirtGuest) and aside.wanted(ctx):
            ctx.guest.aside.begin(known.memory_bytes, aside.where(ctx))
        has = ours(ctx.source).features([Feature.CHANGE_PROTECTION])
        protects = has.get(Feature.CHANGE_PROTECTION, False)
        cookie, _ = together(
            lambda: drive.begin(protects=protects),
            lambda: drive.destination.wire(ctx.migration),
            apart=True,
        )
        return cookie

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """Start the process that waits for the memory.

        What begin gave may be another document than the pre-flight saw.
        """
        drive = _drive(ctx)
        _refuse_dangers(ctx, drive)
        return drive.prepare(cookie)

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """Transfer; then see that the destination still holds on to it.

        In post-copy there is no way back: then finish finds out.
        """
        drive = _drive(ctx)
        watch = Watch(ctx, drive)
        watched = replace(ctx, engine=watch)
        try:
            given = attend(lambda: drive.perform(cookie), watched, deadline_s=None)
        except HostError as error:
            watch.failed()
            if not watch.gave_up:
                raise
            raise HostUnreachable(
                "the destination's daemon was lost during the transfer, which was "
                "ended for that reason",
                side=ctx.destination.side,
                subject=ctx.destination.uri,
                remedy="look at the libvirt daemon there",
            ) from error
        # Side by side: the guest stands still meanwhile.
        together(lambda: see_held(ctx, drive), watch.complete, apart=watch.stood)
        _refuse_dangers(ctx, drive)
        return given

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """Start the guest there, or have the incoming one cleared away."""
        drive = _drive(ctx)
        if fate is Fate.CANCELLED:
            drive.cancel_destination()
            return b""
        paused, waits = lands_paused(ctx), bool(ctx.options.postcopy)
        return await_answer(
            lambda: drive.finish(cookie, paused=paused, waits=waits),
            ctx,
            over=lambda: _landed(ctx),
            doing="finish",
            side=ctx.destination.side,
            pulse=waits,
        )

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """Retire the source's copy, or let the source go.

        A source that has no such job any more (its connection was lost, its daemon
        restarted) can't be told: then None lets the core's own confirm retire it.
        """
        drive, clean = _drive(ctx), False
        try:
            if fate is Fate.CANCELLED:
                drive.cancel_source()
            else:
                await_answer(
                    lambda: drive.confirm(cookie),
                    ctx,
                    over=lambda: ctx.guest.look().state in RETIRED,
                    doing="confirm",
                    side=ctx.source.side,
                )
                clean = drive.reached is Reached.FINISHED
        except HostUnreachable:
            raise
        except HostError as error:
            if fate is Fate.CANCELLED:
                raise
            ctx.engine.warn(f"the source is retired step by step: {error.message}")
            return None
        finally:
            if isinstance(ctx.guest, LibvirtGuest):
                ctx.guest.passes.hush()
            forget(ctx, clean=clean)
        return True


def _landed(ctx: Context) -> bool:
    """Whether finish is over there: its last act ends the incoming job."""
    seen = ctx.arrival.look()
    return seen.state in LANDED and not seen.job


def see_held(ctx: Context, drive: Drive) -> None:
    """See that the destination holds on to it, while there is a way back.

    In post-copy there is none, and nothing is sent that could be lost: a connection
    that left a question unanswered is used no more, and finish could not find out.
    """
    switched = ctx.options.postcopy and glance(ctx.guest).state.switched
    if not switched:
        drive.check_destination()


def _refuse_dangers(ctx: Context, drive: Drive) -> None:
    """What the source handed over, before the destination acts on it."""
    emulators = ours(ctx.destination).emulators
    refuse_dangers(drive.documents, emulators, ctx.plan.insecure)


def _drive(ctx: Context) -> Drive:
    return drive_of(ctx, flags_of(ctx), params_of(ctx))
