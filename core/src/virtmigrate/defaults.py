"""The core's own plugin: what holds unless a hypervisor brings its own.

Registered like any other plugin, at the lowest priority, and written with `host.py`
alone: coma, configuration undo, disks, a plain begin, prepare, finish and confirm, and
the pre-flight that every hypervisor needs. Perform has no default: moving is theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate import images
from virtmigrate.capabilities import How
from virtmigrate.errors import PluginError
from virtmigrate.hookspecs import hookimpl
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate.preflight import blockers

if TYPE_CHECKING:
    from virtmigrate.context import Captured, Context, PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.plan import Finding


@hookimpl
def virtmigrate_gauge() -> None:
    """Nothing is known of the guest's memory."""


@hookimpl
def virtmigrate_disks() -> list[Disk]:
    """None that anybody knows of."""
    return []


@hookimpl
def virtmigrate_make_disks(ctx: Context) -> bool:
    """Through the destination's storage."""
    images.make(ctx)
    return True


@hookimpl
def virtmigrate_delete_disks(ctx: Context) -> bool:
    """Through the destination's storage, what is noted as made."""
    images.delete(ctx)
    return True


@hookimpl
def virtmigrate_remove_source_disks(ctx: Context) -> bool:
    """Through the source's storage, once the guest is seen to live on its copies."""
    images.remove_source(ctx)
    return True


@hookimpl
def virtmigrate_begin(ctx: Context) -> bytes:
    """Nothing to lock: an empty cookie."""
    del ctx
    return b""


@hookimpl
def virtmigrate_prepare(ctx: Context, cookie: bytes) -> bytes:
    """Nothing to make ready: the cookie goes on."""
    del ctx
    return cookie


@hookimpl
def virtmigrate_finish(ctx: Context, cookie: bytes, fate: Fate) -> bytes:
    """Bring the landed guest to its run state, or clear an incoming copy away."""
    state = ctx.arrival.look().state
    if fate is Fate.CANCELLED:
        if state is RunState.PAUSED_MIGRATION:
            ctx.arrival.destroy()
    elif state is RunState.PAUSED and ctx.landing is RunState.RUNNING:
        ctx.arrival.resume()
    return cookie if fate is Fate.GO else b""


@hookimpl
def virtmigrate_confirm(ctx: Context, fate: Fate) -> bool:
    """Retire the source's copy and, where asked, its definition.

    One that runs was resumed by somebody since COMMIT: that is not ours to end.
    """
    if fate is Fate.GO:
        state = ctx.guest.look().state
        if state.active and state is not RunState.RUNNING:
            ctx.guest.destroy()
        if ctx.options.undefine_source and ctx.guest.look().persistent:
            ctx.guest.undefine()
    return True


@hookimpl
def virtmigrate_enter_coma(ctx: Context) -> bool:
    """Suspend the guest at the source."""
    ctx.guest.suspend()
    return True


@hookimpl
def virtmigrate_leave_coma(ctx: Context) -> bool:
    """Resume it there."""
    ctx.guest.resume()
    return True


@hookimpl
def virtmigrate_restore_run_state(ctx: Context, landing: RunState) -> bool:
    """Resume it at the destination, or leave it paused."""
    if landing is RunState.RUNNING:
        ctx.arrival.resume()
    return True


@hookimpl
def virtmigrate_undo_persist(ctx: Context) -> bool:
    """Put the destination's definition back as it was; owe it where it must wait.

    Where it is deferred, undefining a running guest would end it: so it waits unless
    the guest was *seen* to be stopped. "Not seen to run" is not enough.
    """
    before = _captured(ctx).destination_definitions.persistent
    stopped = ctx.arrival.look().state is RunState.SHUTOFF
    if ctx.plan.settlement["persist_dest"].how is How.DEFERRED and not stopped:
        ctx.engine.owe("undo_persist")
        ctx.engine.warn(
            "the destination's definition goes when the guest stops: `settle` does it"
        )
    elif before is not None:
        ctx.destination.define(before)
    else:
        ctx.arrival.undefine()
    return True


@hookimpl
def virtmigrate_restore_source(ctx: Context) -> bool:
    """Define the guest at the source again, from what was captured."""
    xml = _captured(ctx).definitions.persistent
    if xml is not None and not ctx.guest.look().persistent:
        ctx.source.define(xml)
        ctx.engine.warn(
            "the source's definition was made again from its XML; disks that the "
            "hypervisor moved away are not there any more"
        )
    return True


def _captured(ctx: Context) -> Captured:
    if ctx.captured is None:
        msg = "a hook that needs the captured definitions ran before capture"
        raise PluginError(msg, subject=ctx.plan.guest.name)
    return ctx.captured


@hookimpl
def virtmigrate_preflight(request: PlanContext) -> list[Finding]:
    """Same host twice, names and identities taken, a job already running."""
    return blockers(request)
