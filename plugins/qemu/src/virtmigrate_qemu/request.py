"""A plan's options as libvirt's flag word and typed parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_libvirt.flags import PAUSED, PEER2PEER, TUNNELLED
from virtmigrate_qemu import copying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.context import Context
    from virtmigrate_libvirt.typed import ParamValue

LATER = "restore_run_state"
"""The plan's step that gives a guest its run state after it landed paused."""


def flags_of(ctx: Context, *, peer: bool = False) -> int:
    """The flag word of what is in effect.

    Args:
        ctx: The migration.
        peer: Whether the source's daemon drives.
    """
    word = copying.flags_for(ctx.options.to_libvirt_flags(), ctx.plan.disks)
    return word | PEER2PEER if peer else word & ~(PEER2PEER | TUNNELLED)


def params_of(ctx: Context) -> Mapping[str, ParamValue]:
    """The typed parameters of what is in effect."""
    found = ctx.captured.definitions if ctx.captured else None
    return copying.params_for(
        ctx.options.to_libvirt_params(),
        ctx.plan.disks,
        (found.live, found.persistent) if found else (None, None),
    )


def lands_paused(ctx: Context) -> bool:
    """Whether finish leaves the guest paused: for good, or for a later step."""
    later = any(step.hook == LATER for step in ctx.plan.steps)
    return later or ctx.landing is RunState.PAUSED


def whole_flags(ctx: Context, *, peer: bool) -> int:
    """The word for libvirt's own call: it lands paused where COMMIT is ours."""
    word = flags_of(ctx, peer=peer)
    return word | PAUSED if ctx.plan.two_step and lands_paused(ctx) else word
