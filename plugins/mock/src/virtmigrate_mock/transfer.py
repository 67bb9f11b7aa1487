"""The physics of pre-copy, in closed form for each pass: pure functions.

A pass sends what is to be sent at the rate of the link; meanwhile a running guest
rewrites memory at its dirty rate, but never more than its working set. What was
rewritten is the next pass. When a pass could be sent within the permitted downtime,
the guest's CPUs are stopped and it is sent. Device state costs `DEVICE_STATE_S` more.

Auto-converge: from the third pass on, a pass that left more than half of what it sent
takes `throttle_first`, then `throttle_step` percent more of the guest's CPUs away, up
to 99; the dirty rate falls with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate_mock.state import Live, Transfer

DEVICE_STATE_S = 0.005
THROTTLE_FROM_PASS = 3
THROTTLE_MAX = 99


class Stage(StrEnum):
    """What the transfer came to."""

    MOVING = "moving"
    STOP = "stop"
    """At `Transfer.at` the guest's CPUs have to stop for the last pass."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a transfer meets with for a while."""

    rate_mib_s: float
    running: bool


def rate(transfer: Transfer, link_mib_s: float) -> float:
    """What is sent per second under the cap."""
    if transfer.cap_mib_s and not transfer.postcopy:
        return min(transfer.cap_mib_s, link_mib_s)
    return link_mib_s


def boundary(transfer: Transfer, rate_mib_s: float) -> float:
    """When this pass ends, if nothing changes; infinity while nothing is sent."""
    if rate_mib_s <= 0:
        return math.inf
    extra = 0.0 if transfer.stopped_at is None else DEVICE_STATE_S
    return transfer.at + transfer.remaining_mib / rate_mib_s + extra


def advance(
    transfer: Transfer, live: Live, conditions: Conditions, until: float
) -> Stage:
    """Let the transfer go on until `until`, or until something has to happen.

    Args:
        transfer: Changed in place; `transfer.at` is the moment reached.
        live: The guest's process at the source.
        conditions: Rate and run state, constant meanwhile.
        until: Seconds on the world's clock.
    """
    sending, running = conditions.rate_mib_s, conditions.running
    while True:
        end = boundary(transfer, sending)
        if end > until:
            _send(transfer, live, sending, until, running=running)
            return Stage.MOVING
        if transfer.stopped_at is not None:
            transfer.sent_mib += transfer.remaining_mib
            transfer.remaining_mib = 0.0
            transfer.at = transfer.done_at = end
            return Stage.DONE
        _send(transfer, live, sending, end, running=running)
        sent_mib = transfer.pass_mib
        _next_pass(transfer)
        if transfer.remaining_mib <= transfer.downtime_ms / 1000 * sending:
            transfer.stopped_at = end
            return Stage.STOP
        _skip_equal_passes(transfer, sent_mib, sending, until)


def _send(
    transfer: Transfer, live: Live, sending: float, until: float, *, running: bool
) -> None:
    seconds = until - transfer.at
    sent = min(transfer.remaining_mib, sending * seconds)
    transfer.sent_mib += sent
    transfer.remaining_mib -= sent
    if running and transfer.stopped_at is None:
        dirty = live.dirty_mib_s * (100 - transfer.throttle_percent) / 100
        transfer.dirtied_mib = min(
            live.working_set_mib,
            live.memory_mib,
            transfer.dirtied_mib + dirty * seconds,
        )
    transfer.at = until


def _next_pass(transfer: Transfer) -> None:
    sent, left = transfer.pass_mib, transfer.dirtied_mib
    transfer.pass_mib = transfer.remaining_mib = left
    transfer.dirtied_mib = 0.0
    transfer.iteration += 1
    slow = transfer.iteration >= THROTTLE_FROM_PASS and left * 2 > sent
    if transfer.auto_converge and slow:
        more = transfer.throttle_step
        if not transfer.throttle_percent:
            more = transfer.throttle_first
        transfer.throttle_percent = min(THROTTLE_MAX, transfer.throttle_percent + more)


def _skip_equal_passes(
    transfer: Transfer, sent_mib: float, sending: float, until: float
) -> None:
    """Jump over passes that would all be alike (a guest that won't converge)."""
    throttling = transfer.auto_converge and transfer.throttle_percent < THROTTLE_MAX
    if throttling or transfer.pass_mib != sent_mib:
        return
    passes = math.floor((until - transfer.at) * sending / sent_mib)
    transfer.at += passes * sent_mib / sending
    transfer.sent_mib += passes * sent_mib
    transfer.iteration += passes
