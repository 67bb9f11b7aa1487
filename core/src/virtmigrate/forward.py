"""Around COMMIT: in which state the guest is to land, and what a lost answer meant."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate.settle import see

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.context import Context
    from virtmigrate.host import Guest, Sighting

SEEK_S = 30.0
"""Longest search for a guest whose finish was not answered, seconds."""
STABLE_S = 1.0
"""So long one answer must hold before it counts, where it could still change."""
LOOK_S = 0.1
STOPPED = (RunState.SHUTOFF, RunState.ABSENT)


class Missing(StrEnum):
    """What became of a guest whose finish failed or was not answered."""

    THERE = "there"
    NEVER_STARTED = "never started"
    UNKNOWN = "unknown"


def decide_landing(ctx: Context, source: Sighting) -> RunState:
    """The state in which the guest is to be left at the destination.

    Args:
        ctx: The migration.
        source: The latest look at the source.
    """
    state = ctx.plan.guest.state
    paused = ctx.plan.settlement["paused"]
    if state in STOPPED:
        return RunState.SHUTOFF
    if paused.effective:
        return RunState.PAUSED
    by_somebody = source.state is RunState.PAUSED and not ctx.suspended
    if by_somebody and paused.asked is None:
        return RunState.PAUSED
    return RunState.RUNNING


def wait_for_source(
    ctx: Context, by: Callable[[Guest], Sighting] | None = None
) -> Sighting:
    """Look at the source until it answers, within a bound; the last look.

    Args:
        ctx: The migration.
        by: How it is looked at; None = wholly.
    """
    until = ctx.clock.now() + SEEK_S
    while (seen := see(ctx.guest, by)).state is RunState.UNREACHABLE:
        if ctx.clock.now() >= until:
            break
        ctx.clock.sleep(LOOK_S)
    return seen


def after_lost_finish(ctx: Context, *, answered: bool) -> Missing:
    """Look for the guest over fresh connections, until the truth is seen.

    Args:
        ctx: The migration, after COMMIT.
        answered: Whether finish said itself that it failed.
    """
    clock = ctx.clock
    until = clock.now() + SEEK_S
    last: RunState | None = None
    since = clock.now()
    while clock.now() < until:
        state = see(ctx.arrival).state
        if state is RunState.RUNNING or _is_new(ctx, state):
            return Missing.THERE
        if state is not last:
            last, since = state, clock.now()
        elif clock.now() - since >= STABLE_S:
            if state is RunState.PAUSED:
                return Missing.THERE
            if _never_started(ctx, state, answered=answered):
                return Missing.NEVER_STARTED
            if state in STOPPED:
                return Missing.UNKNOWN
        clock.sleep(LOOK_S)
    return Missing.UNKNOWN


def _before(ctx: Context) -> RunState:
    return ctx.captured.destination.state if ctx.captured else RunState.UNREACHABLE


def _is_new(ctx: Context, state: RunState) -> bool:
    """Whether this is the definition of a stopped guest that was not there before."""
    landed = state is ctx.landing is RunState.SHUTOFF
    return landed and _before(ctx) is RunState.ABSENT


def _never_started(ctx: Context, state: RunState, *, answered: bool) -> bool:
    """Whether what is left at the destination proves that the guest never ran there.

    A hypervisor makes the definition durable before it starts the CPUs (libvirt's
    `qemuMigrationDstFinish` does), so where one was asked for and none had been
    there, its absence is proof. An answered failure is proof while nothing of the
    guest is left beyond what was there before, or beyond a copy that still waits.
    """
    if not ctx.plan.two_step:
        return False
    as_before = state in STOPPED and state is _before(ctx)
    if answered:
        return as_before or state is RunState.PAUSED_MIGRATION
    asked = ctx.plan.settlement["persist_dest"].effective is True
    return asked and as_before and state is RunState.ABSENT
