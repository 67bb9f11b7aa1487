"""How a guest rewrites its memory: pure arithmetic of pages, without any transfer.

The words are those of the lab's guests (`virtmigrate_lab.domain.GuestOptions`), so that
a mock guest and a real one can be told the same. The working set lies at the bottom of
memory, pages that stay zero at its top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from virtmigrate_mock.state import Live

Pattern = Literal["sequential", "random", "dense"]
Percent = Annotated[float, Field(ge=0, le=100)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
HOT_SHARE = 0.9
"""Of all writes, those that go to the hot part."""
MS = 1000.0


@dataclass(frozen=True, slots=True)
class Habits:
    """What a guest does beyond rewriting its working set at a steady rate.

    Attributes:
        pattern: `sequential` and `random` change a word of each page that they touch,
            `dense` rewrites whole pages in order.
        fill_percent: Share of each page that is not zero. At 0 the working set apart,
            all memory is zero pages.
        hot_percent: Share of the working set that takes nine writes of ten (`random`
            only; 0: all alike).
        wave_ms: A square wave: so long at the guest's rate, so long at
            `quiet_rate_mib_s`; None: steady. It counts from the guest's boot.
        quiet_rate_mib_s: See `wave_ms`, MiB/s.
        zero_percent: Share of memory that is zero and stays so; the working set is not
            in it.
        ramp_after_ms: Moment after a transfer's start at which the rate begins to
            change.
        ramp_ms: How long it takes to become `ramp_rate_mib_s`; 0: there is no ramp.
        ramp_rate_mib_s: See `ramp_ms`, MiB/s.
        curve: Recorded instead of stated: (ms since a clean bitmap, distinct MiB
            rewritten), rising; empty: as stated. See `Trace`.
    """

    pattern: Pattern = "sequential"
    fill_percent: Percent = 100.0
    hot_percent: Percent = 0.0
    wave_ms: tuple[Amount, Amount] | None = None
    quiet_rate_mib_s: Amount = 0.0
    zero_percent: Percent = 0.0
    ramp_after_ms: Amount = 0.0
    ramp_ms: Amount = 0.0
    ramp_rate_mib_s: Amount = 0.0
    curve: tuple[tuple[Amount, Amount], ...] = ()

    @property
    def steady(self) -> bool:
        """Whether the rate never changes."""
        return self.wave_ms is None and not self.ramp_ms

    @property
    def scattered(self) -> bool:
        """Whether pages are hit by chance, so that only their share is known."""
        return self.pattern == "random" or bool(self.curve)


PLAIN = Habits()


def zero_from(live: Live) -> float:
    """Where the zero pages at the top of memory begin, MiB."""
    habits = live.habits
    share = 100.0 if habits.fill_percent == 0 else habits.zero_percent
    kept = live.memory_mib * (1 - share / 100)
    return max(kept, min(live.working_set_mib, live.memory_mib))


def written(live: Live, since_start_s: float, cpu_s: float, seconds: float) -> float:
    """MiB of pages written in a stretch of time, pages counted each time.

    Args:
        live: The guest.
        since_start_s: When it begins, from the transfer's start.
        cpu_s: The same by the guest's own clock, on which its wave runs.
        seconds: How long it is.
    """
    habits = live.habits
    if habits.steady:
        return live.dirty_mib_s * seconds
    if habits.ramp_ms:
        end = since_start_s + seconds
        return _ramped(live, end) - _ramped(live, since_start_s)
    return _waved(live, cpu_s + seconds) - _waved(live, cpu_s)


def _ramped(live: Live, at_s: float) -> float:
    """Written from the transfer's start until `at_s`: a trapezoid."""
    habits = live.habits
    first = habits.ramp_after_ms / MS
    over = min(max(at_s - first, 0.0), habits.ramp_ms / MS)
    slope = (habits.ramp_rate_mib_s - live.dirty_mib_s) / (habits.ramp_ms / MS)
    rising = live.dirty_mib_s * over + slope * over * over / 2
    late = max(at_s - first - habits.ramp_ms / MS, 0.0)
    return live.dirty_mib_s * min(at_s, first) + rising + habits.ramp_rate_mib_s * late


def _waved(live: Live, cpu_s: float) -> float:
    """Written in the first `cpu_s` seconds of its life."""
    on, off = (part / MS for part in live.habits.wave_ms or (0.0, 0.0))
    if on + off <= 0:
        return live.dirty_mib_s * cpu_s
    waves, rest = divmod(cpu_s, on + off)
    quiet = live.habits.quiet_rate_mib_s
    whole = waves * (live.dirty_mib_s * on + quiet * off)
    return whole + live.dirty_mib_s * min(rest, on) + quiet * max(rest - on, 0.0)


def shares(live: Live, pages_mib: float, seconds: float) -> list[tuple[float, float]]:
    """Which share of each part of memory is rewritten by scattered writes.

    Args:
        live: The guest; its habits are `scattered`.
        pages_mib: What was written, each page as often as it was.
        seconds: In which time (a recorded curve goes by time).

    Returns:
        (end of the part in MiB, share of its pages that were written), from 0 on.
    """
    size = min(live.working_set_mib, live.memory_mib)
    if size <= 0:
        return []
    if live.habits.curve:
        return [(size, min(1.0, _recorded(live.habits.curve, seconds) / size))]
    hot = size * live.habits.hot_percent / 100
    if not 0 < hot < size:
        return [(size, -math.expm1(-pages_mib / size))]
    cold = size - hot
    return [
        (hot, -math.expm1(-HOT_SHARE * pages_mib / hot)),
        (size, -math.expm1(-(1 - HOT_SHARE) * pages_mib / cold)),
    ]


def _recorded(curve: tuple[tuple[float, float], ...], seconds: float) -> float:
    """Distinct MiB after a time, between and beyond the recorded points."""
    before_ms, before = 0.0, 0.0
    slope = 0.0
    for at_ms, distinct in curve:
        if at_ms <= before_ms:
            before = max(before, distinct)
            continue
        slope = (distinct - before) / (at_ms - before_ms)
        if seconds * MS <= at_ms:
            break
        before_ms, before = at_ms, distinct
    return before + slope * (seconds * MS - before_ms)


def distinct(live: Live, pages_mib: float, seconds: float) -> float:
    """MiB of different pages among those written since a clean bitmap."""
    size = min(live.working_set_mib, live.memory_mib)
    if not live.habits.scattered:
        return min(size, pages_mib)
    total = begin = 0.0
    for end, share in shares(live, pages_mib, seconds):
        total += (end - begin) * share
        begin = end
    return total
