"""The physics of pre-copy, page by page as QEMU 7.2 does it (migration/ram.c).

- A pass begins with a *sync*: pages written since the last one get their bit. Sending
  a page clears its bit, in the order of addresses, round and round. A page that is
  written after the sync is sent again in a later pass, whether or not it had been sent
  in this one.
- Every `CHECK_S` the migration thread asks what is left. Below the threshold (bandwidth
  as measured x permitted downtime) it syncs; if it is still below, the CPUs stop and
  the rest is sent. So a pass ends before it is through, and what it left over is sent
  in the next one. (`migration_iteration_run`, `ram_save_pending`; `MAX_WAIT`.)
- Bandwidth is measured over `MEASURE_S` at least; before the first measurement the
  threshold is nothing. (`migration_update_counters`.)
- Once a second at most, at a sync, the dirty rate is measured, and auto-converge looks
  whether more than half of what was sent was dirtied: the second time it takes
  `throttle_first`, then `throttle_step` percent more of the CPUs away, up to 99.
  (`migration_trigger_throttle`.)
- xbzrle keeps what it sends from the second pass on. A page that it knows costs
  `ENCODED` of a page if a word of it changed, nothing if it did not change, and all of
  it if the whole page did. (`save_xbzrle_page`.)

A zero page costs `ZERO_PAGE` of a page. Device state costs `DEVICE_STATE_S`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from virtmigrate_mock import bitmap, memory

if TYPE_CHECKING:
    from virtmigrate_mock.bitmap import Area
    from virtmigrate_mock.state import Live, Transfer

CHECK_S = 0.05
MEASURE_S = 0.1
PERIOD_S = 1.0
DEVICE_STATE_S = 0.005
THROTTLE_MAX = 99
ENCODE_MIB_S = 1500.0
"""Known pages are compared no faster, however little of them is sent."""
SCAN_MIB_S = 6000.0
"""Pages are looked at no faster, however little of them is sent."""
ENCODED = 0.01
ZERO_PAGE = 9 / 4096
POINTS = 8
"""Of a piece that was written and sent in one pass, so many pages are compared."""
TINY_MIB = 1e-3
TINY_LOOKS = 1e-6
TINY_S = 1e-9
"""Clocks add up what is slept: they may stand so much before what was waited for."""


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


def begin(transfer: Transfer, live: Live) -> Transfer:
    """Set every page's bit, and find where in its memory the guest writes."""
    now = transfer.at
    transfer.measured_at = transfer.looked_at = now
    transfer.synced_at = transfer.period_at = now
    transfer.areas = bitmap.whole(live.memory_mib, memory.zero_from(live))
    transfer.dense = live.habits.pattern == "dense"
    size = min(live.working_set_mib, live.memory_mib)
    transfer.cpu_s = live.counter(now)
    if size > 0:
        pages = memory.written(live, -transfer.cpu_s, 0.0, transfer.cpu_s)
        transfer.writer_mib = pages % size
    return transfer


def rate(transfer: Transfer, link_mib_s: float) -> float:
    """What is sent per second; QEMU lifts the cap for the last pass and post-copy."""
    lifted = transfer.postcopy or transfer.stopped_at is not None
    if transfer.cap_mib_s and not lifted:
        return min(transfer.cap_mib_s, link_mib_s)
    return link_mib_s


def threshold(transfer: Transfer) -> float:
    """MiB that may be left when the CPUs stop, as far as it is known."""
    return transfer.bandwidth_mib_s * transfer.downtime_ms / 1000


def boundary(transfer: Transfer, live: Live, rate_mib_s: float) -> float:
    """When it is worth looking, if nothing changes: at a sync, or at the end."""
    if rate_mib_s <= 0:
        return math.inf
    if transfer.stopped_at is not None:
        return _end_at(transfer, rate_mib_s)
    may_be_left = rate_mib_s * transfer.downtime_ms / 1000
    known = transfer.bandwidth_mib_s == rate_mib_s
    first = transfer.at if known else transfer.measured_at + MEASURE_S
    at = _look_at(transfer, _Price(transfer, rate_mib_s), may_be_left, first)
    through = transfer.at + transfer.remaining_mib / rate_mib_s
    if at < through - TINY_S or live.running_since is None:
        return at
    # A pass that is through before anybody looked: what comes then is known now.
    pages = transfer.written_mib + live.dirty_mib_s * (at - transfer.at)
    left = memory.distinct(live, pages, at - transfer.synced_at)
    plain = live.habits == memory.PLAIN and not transfer.throttle_percent
    if plain and transfer.iteration == 1 and left <= may_be_left:
        return at + left / rate_mib_s + DEVICE_STATE_S
    return at


def _end_at(transfer: Transfer, rate_mib_s: float) -> float:
    """When the last pass and the device state are over."""
    left, price = transfer.remaining_mib, _Price(transfer, rate_mib_s)
    if price.plain:
        return transfer.at + left / rate_mib_s + DEVICE_STATE_S
    took = bitmap.seconds_for(transfer.areas, transfer.cursor_mib, left, price)
    return transfer.at + took + DEVICE_STATE_S


def _next_event(transfer: Transfer, rate_mib_s: float) -> float:
    """When the migration thread will do something else than to go on sending."""
    if rate_mib_s <= 0:
        return math.inf
    if transfer.stopped_at is not None:
        return _end_at(transfer, rate_mib_s)
    price = _Price(transfer, rate_mib_s)
    at = _look_at(transfer, price, threshold(transfer), transfer.at)
    if price.plain and transfer.bandwidth_mib_s == rate_mib_s:
        return at
    # The threshold may be another one once the bandwidth has been measured again.
    return min(at, _next_look(transfer, transfer.measured_at + MEASURE_S))


def _look_at(
    transfer: Transfer, price: _Price, may_be_left: float, first: float
) -> float:
    """The first look of the migration thread, from `first` on, that finds no more."""
    left = transfer.remaining_mib
    much = max(left - may_be_left, 0.0)
    if price.plain:
        all_s, much_s = left / price.rate, much / price.rate
    else:
        areas, cursor = transfer.areas, transfer.cursor_mib
        all_s = bitmap.seconds_for(areas, cursor, left, price)
        much_s = bitmap.seconds_for(areas, cursor, much, price)
    look = _next_look(transfer, max(transfer.at + much_s, first))
    return min(transfer.at + all_s, look)


def _next_look(transfer: Transfer, moment: float) -> float:
    """The first of the thread's looks that is not before `moment` (nor past)."""
    looks = math.ceil((moment - transfer.looked_at) / CHECK_S - TINY_LOOKS)
    return transfer.looked_at + CHECK_S * max(looks, 1)


class _Price:
    """What a MiB of an area's pages costs: MiB on the wire, and seconds."""

    __slots__ = ("encoded", "plain", "rate", "transfer")

    def __init__(self, transfer: Transfer, rate_mib_s: float) -> None:
        self.transfer = transfer
        self.rate = rate_mib_s
        # Zero pages go in the first pass; nothing is known to xbzrle in it.
        first = transfer.iteration == 1
        differ = transfer.areas[-1].zero if first else transfer.xbzrle
        self.plain = rate_mib_s <= SCAN_MIB_S and not differ
        self.encoded = 1.0 if transfer.dense else ENCODED

    def __call__(self, area: Area) -> tuple[float, float]:
        wire, least = (ZERO_PAGE if area.zero else 1.0), 1.0 / SCAN_MIB_S
        if self.transfer.xbzrle and area.cached:
            changed = min(1.0, area.stale / area.dirty)
            wire -= area.cached * wire * (1.0 - changed * self.encoded)
            least = area.cached / ENCODE_MIB_S
        return wire, max(wire / self.rate, least)


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
    if sending != transfer.rate_mib_s:
        # A new measurement: what was sent until now says nothing about what comes.
        transfer.rate_mib_s = sending
        transfer.measured_at, transfer.measured_mib = transfer.at, transfer.sent_mib
    while True:
        end = _next_event(transfer, sending)
        if end > until + TINY_S:
            _send(transfer, live, sending, until, running=running)
            return Stage.MOVING
        if transfer.stopped_at is not None:
            _send(transfer, live, sending, end, running=False)
            transfer.remaining_mib = 0.0
            transfer.done_at = end
            return Stage.DONE
        _send(transfer, live, sending, end, running=running)
        if _look(transfer, live):
            transfer.stopped_at = end
            return Stage.STOP


def _look(transfer: Transfer, live: Live) -> bool:
    """What the migration thread does every `CHECK_S`; True = stop the CPUs."""
    transfer.looked_at = transfer.at
    since = transfer.at - transfer.measured_at
    if since >= MEASURE_S - TINY_LOOKS:
        seen = (transfer.sent_mib - transfer.measured_mib) / since
        same = math.isclose(seen, transfer.rate_mib_s)
        transfer.bandwidth_mib_s = transfer.rate_mib_s if same else seen
        transfer.measured_at, transfer.measured_mib = transfer.at, transfer.sent_mib
    may_be_left = threshold(transfer)
    if transfer.remaining_mib > may_be_left + TINY_MIB:
        return False
    sync(transfer, live)
    # A stream that ended before anything was measured is complete.
    unknown = transfer.bandwidth_mib_s <= 0
    if not unknown and transfer.remaining_mib > may_be_left + TINY_MIB:
        return False
    transfer.iteration += 1  # the sync of the stopped guest
    return True


def _send(
    transfer: Transfer, live: Live, sending: float, until: float, *, running: bool
) -> None:
    seconds = until - transfer.at
    if seconds <= 0:
        return
    if sending > 0 and transfer.remaining_mib > 0:
        price = _Price(transfer, sending)
        keeps = transfer.xbzrle and transfer.iteration > 1
        cache = min(1.0, transfer.cache_mib / max(transfer.pass_mib, 1.0))
        swept = bitmap.sweep(
            transfer.areas,
            transfer.cursor_mib,
            (transfer.at, until),
            price,
            cache if keeps else 0.0,
        )
        transfer.sent_mib += swept.wire_mib
        transfer.remaining_mib = max(0.0, transfer.remaining_mib - swept.pages_mib)
        transfer.cursor_mib = swept.cursor_mib
    if running and transfer.stopped_at is None:
        since = transfer.at - transfer.started
        pages = memory.written(live, since, transfer.cpu_s, seconds)
        transfer.written_mib += pages * (100 - transfer.throttle_percent) / 100
        transfer.cpu_s += seconds
        transfer.running_s += seconds
        transfer.dirtied_mib = memory.distinct(
            live, transfer.written_mib, transfer.running_s
        )
    transfer.at = until


def sync(transfer: Transfer, live: Live) -> None:
    """Begin a pass: what was written since the last one gets its bit."""
    before = transfer.remaining_mib
    pages, areas = transfer.written_mib, transfer.areas
    if pages > 0 or transfer.dirtied_mib > 0:
        if live.habits.scattered:
            _mark_scattered(transfer, live)
        else:
            _mark_in_order(transfer, live)
        bitmap.new_pass(areas)
        transfer.remaining_mib = bitmap.size(areas)
    transfer.newly_dirty_mib += transfer.remaining_mib - before
    transfer.written_mib = transfer.dirtied_mib = transfer.running_s = 0.0
    transfer.pass_mib = transfer.remaining_mib
    transfer.synced_at = transfer.at
    transfer.iteration += 1
    if transfer.at - transfer.period_at >= PERIOD_S:
        _end_period(transfer)


def _mark_in_order(transfer: Transfer, live: Live) -> None:
    """The pages that the writer has gone over, in its last lap at most."""
    size = min(live.working_set_mib, live.memory_mib)
    pages = transfer.written_mib
    end = (transfer.writer_mib + pages) % size if size > 0 else 0.0
    transfer.writer_mib = end
    length = min(pages, size)
    speed = (transfer.at - transfer.synced_at) / pages
    for first, last in ((end - length, end), (end - length + size, size)):
        if last <= first or last <= 0 or first >= size:
            continue

        def stale(area: Area, at: float, last: float = last) -> float:
            if not transfer.xbzrle or area.sent_from < 0:
                return 1.0
            # When the writer passed where this area begins, and where it ends.
            late = 0.0 if last == end else end
            wrote = transfer.at - (last - at + late) * speed
            wrote_till = transfer.at - (last - area.end_mib + late) * speed
            return _later(wrote, wrote_till, area)

        bitmap.mark(transfer.areas, max(first, 0.0), last, 1.0, stale)


def _later(wrote: float, wrote_till: float, area: Area) -> float:
    """Share of the pages of an area that were written after they were sent."""
    begins = wrote - area.sent_from
    ends = wrote_till - area.sent_till
    if begins > 0 and ends > 0:
        return 1.0
    if begins <= 0 and ends <= 0:
        return 0.0
    return max(begins, ends) / abs(begins - ends)


def _mark_scattered(transfer: Transfer, live: Live) -> None:
    pages, seconds = transfer.written_mib, transfer.running_s
    whole = max(transfer.at - transfer.synced_at, TINY_S)

    def stale(area: Area, at: float) -> float:
        if not transfer.xbzrle or area.sent_from < 0:
            return area.dirty
        after = transfer.at - (area.sent_from + area.sent_till) / 2
        part = min(1.0, after / whole)
        late = memory.shares(live, pages * part, seconds * part)
        return next(share for end, share in late if at < end)

    begin = 0.0
    for end, share in memory.shares(live, pages, seconds):
        bitmap.mark(transfer.areas, begin, end, share, stale)
        begin = end


def _end_period(transfer: Transfer) -> None:
    """Measure the dirty rate, and throttle a guest that dirties too much."""
    seconds = transfer.at - transfer.period_at
    dirty, sent = transfer.newly_dirty_mib, transfer.sent_mib - transfer.period_mib
    transfer.dirty_mib_s = dirty / seconds
    transfer.period_at, transfer.period_mib = transfer.at, transfer.sent_mib
    transfer.newly_dirty_mib = 0.0
    if not transfer.auto_converge or dirty * 2 <= sent:
        return
    transfer.too_dirty += 1
    if transfer.too_dirty < 2:  # noqa: PLR2004 - QEMU waits for the second time
        return
    transfer.too_dirty = 0
    more = transfer.throttle_step
    if not transfer.throttle_percent:
        more = transfer.throttle_first
    transfer.throttle_percent = min(THROTTLE_MAX, transfer.throttle_percent + more)
