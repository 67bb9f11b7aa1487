"""Will it converge, and when? The model of pre-copy, applied to what was seen. Pure.

A pass that takes t seconds leaves f(t) bytes for the next one: the distinct memory that
the guest wrote meanwhile. So R' = f(R / B), until what is left can be sent within the
permitted downtime. Pre-copy converges if and only if the fixed point of that map fits
(Clark et al., NSDI 2005; each pass that leaves as much as it sent leaves it for ever).

f is known in parts: from a measurement before the start (`Workload.curve`), and from
each pass that was seen (it took t, and left R). It bends down: guests rewrite what
they wrote. So below the shortest time that was seen, f lies between the straight line
through it and a bent one through the last two passes. Where these two disagree on the
end, it can't be told yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtmigrate.history import History
    from virtmigrate.policy import Policy

STEADY = 0.97
"""A pass that leaves more than this share of what it sent gets nowhere."""
SETTLED_S = 0.25
"""So long into a pass its rate can be believed."""
PASSES_MOST = 200
DEVICES_S = 0.03
"""What stopping, device state and starting take beside memory."""
DELTA_FROM_PASS = 3
"""xbzrle knows a page's former content only from the third pass on."""
DOWNTIME_MS = 300
"""QEMU's and libvirt's own, while nobody says otherwise."""

NOISE = 0.15
"""A measurement before the start may be wrong by this much (page sampling)."""
TREND = 3
"""So many passes must have been seen before their trend alone condemns."""

Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected.

    Attributes:
        converges: Whether pre-copy ends by itself within the permitted downtime; None =
            it can't be told yet.
        remaining_s: Predicted time to the switchover by pre-copy; None = unknown, or
            never.
        postcopy_s: Predicted time to the last page if it switched to post-copy now.
        residual_bytes: What the last pass, or every further one, leaves.
        downtime_ms: The stop that this would take; None = unknown.
        passes: Further passes, this one included.
    """

    converges: bool | None = None
    remaining_s: float | None = None
    postcopy_s: float | None = None
    residual_bytes: float | None = None
    downtime_ms: float | None = None
    passes: int | None = None


UNKNOWN = Outlook()


def dirtied(curve: Curve, seconds: float, most: float) -> float:
    """Distinct bytes written in so many seconds, by a curve that rises and bends down.

    Args:
        curve: (seconds, bytes), seconds rising; (0, 0) is understood.
        seconds: How long.
        most: No more than this can be written.
    """
    before = (0.0, 0.0)
    for at, amount in curve:
        if seconds <= at:
            share = (seconds - before[0]) / (at - before[0])
            return min(most, before[1] + share * (amount - before[1]))
        before = (at, amount)
    if not curve:
        return 0.0
    earlier = curve[-2] if len(curve) > 1 else (0.0, 0.0)
    slope = max(0.0, (before[1] - earlier[1]) / (before[0] - earlier[0]))
    return min(most, before[1] + slope * (seconds - before[0]))


def rising(points: Sequence[tuple[float, float]]) -> Curve:
    """A curve from measurements in any order: nobody writes less in a longer time."""
    curve: list[tuple[float, float]] = []
    for at, amount in sorted(points):
        if at <= 0:
            continue
        floor = curve[-1][1] if curve else 0.0
        if curve and at - curve[-1][0] < 1e-6:  # noqa: PLR2004 - the same moment
            curve[-1] = (curve[-1][0], max(floor, amount))
        else:
            curve.append((at, max(floor, amount)))
    return tuple(curve)


def seen(history: History) -> Curve:
    """f as the passes showed it: (how long it took, what it left), newest last."""
    pairs = pairwise(history.passes)
    return tuple(
        (after.at_s - before.at_s, after.size)
        for before, after in pairs
        if after.number == before.number + 1 and after.at_s > before.at_s
    )


def expected(history: History) -> Curve:
    """f as it is to be expected from here on; empty = nothing is known.

    What was measured before the start is scaled by what the last pass showed: guests
    write more, or less, than they did then.
    """
    shown = seen(history)
    before = history.workload.curve if history.workload else ()
    if not before:
        return rising(shown[-2:])
    curve = rising([(at, float(amount)) for at, amount in before])
    if not shown:
        return curve
    took, left = shown[-1]
    shorter = [(at, amount) for at, amount in curve if at < took] or [curve[0]]
    # f never falls, and never rises faster than the line from the origin.
    low = shorter[-1][1] if shorter[-1][0] <= took else 0.0
    high = shorter[-1][1] * took / shorter[-1][0]
    scale = left / high if left > high > 0 else left / low if left < low else 1.0
    kept = [(at, amount * scale) for at, amount in shorter if at < took]
    return rising([*kept, (took, left)])


def bent(curve: Curve) -> Callable[[float], float]:
    """f(t) = W (1 - exp(-t / T)) through the last two points: random writes.

    Two points on one line through the origin give that line; two of one height mean
    that all that is ever written was written in the shorter time already.
    """
    (t1, r1), (t2, r2) = curve[-2:]
    ratio, longer = r2 / r1, t2 / t1
    if ratio >= longer * 0.999:
        return lambda t: t * r1 / t1
    low, high = 0.0, 1.0
    for _ in range(50):
        x = (low + high) / 2
        if (1 - x**longer) / (1 - x) < ratio:
            low = x
        else:
            high = x
    whole = r1 / (1 - low)
    return lambda t: whole * (1 - low ** (t / t1)) if low > 0 else whole


def outlook(history: History, policy: Policy) -> Outlook:
    """Predict from here on.

    Args:
        history: The transfer so far.
        policy: Whose limits count.
    """
    left, rate = history.left, history.sending() or history.usual()
    if left is None or not rate or not history.passes:
        return _by_percent(history)
    after_s = left / rate
    if history.stopped_s is not None:
        return Outlook(True, after_s, after_s, left, after_s * 1000, 1)
    if history.delta and history.number >= DELTA_FROM_PASS:
        rate = max(rate, history.passing() or 0.0)
    found = replace(_pre_copy(history, left, rate), postcopy_s=after_s)
    if history.delta and history.number < DELTA_FROM_PASS and not found.converges:
        # What sends differences does so from the third pass on: then it will show.
        return replace(found, converges=None)
    total_s = history.points[-1].at_s + (found.remaining_s or 0.0)
    if found.converges and history.size and total_s > policy.deadline_s(history.size):
        return replace(found, converges=False)
    return found


def _pre_copy(history: History, left: float, rate: float) -> Outlook:
    """What the curves that may be true say of it, where they agree."""
    curve, shown = expected(history), seen(history)
    walk = _Walk(history, left, rate)
    if not curve:
        return walk.first_pass()
    plain = walk.along(lambda t: dirtied(curve, t, walk.most))
    if history.workload is not None and history.workload.curve:
        if plain.converges is False and len(shown) < 2:  # noqa: PLR2004
            kind = 1 - NOISE
            spared = walk.along(lambda t: kind * dirtied(curve, t, walk.most))
            return (
                plain if spared.converges is False else replace(plain, converges=None)
            )
        return plain
    if plain.converges is False:
        return plain
    if len(curve) < 2:  # noqa: PLR2004 - one pass tells no trend
        return replace(plain, converges=None, remaining_s=None)
    f = bent(curve)
    worst = walk.along(lambda t: min(walk.most, f(t)))
    if worst.converges or len(shown) >= TREND:
        return plain if worst.converges else worst
    return replace(plain, converges=None)


class _Walk:
    """The map R' = f(R / B), walked from the running pass on."""

    def __init__(self, history: History, left: float, rate: float) -> None:
        begun = history.passes[-1]
        self.size = begun.size
        self.left_s = left / rate
        self.took = history.points[-1].at_s - begun.at_s + self.left_s
        self.rate = rate
        self.fits = (history.downtime_ms or DOWNTIME_MS) / 1000 * rate
        self.most = float(history.size or left)
        self.left = left

    def first_pass(self) -> Outlook:
        """Nothing is known of what the guest writes."""
        if self.left <= self.fits:
            return Outlook(True, self.left_s, None, self.left, 1000 * self.left_s, 1)
        return UNKNOWN

    def along(self, f: Callable[[float], float]) -> Outlook:
        """Walk until a pass fits, or gets nowhere."""
        seconds, size, took = self.left_s, self.size, self.took
        for number in range(1, PASSES_MOST + 1):
            after = f(took)
            stop_s = after / self.rate + DEVICES_S
            if after <= self.fits:
                ends_s = seconds + stop_s
                return Outlook(True, ends_s, None, after, 1000 * stop_s, number)
            if after >= STEADY * size:
                return Outlook(False, None, None, after, 1000 * stop_s, None)
            size, took = after, after / self.rate
            seconds += took
        return Outlook(False, None, None, size, 1000 * size / self.rate, None)


def _by_percent(history: History) -> Outlook:
    """Where only a share is counted: as fast as so far, if it moves at all."""
    told = [(p.at_s, p.percent) for p in history.points if p.percent is not None]
    if not told or told[-1][0] <= told[0][0]:
        return UNKNOWN
    rate = (told[-1][1] - told[0][1]) / (told[-1][0] - told[0][0])
    return Outlook(remaining_s=(100.0 - told[-1][1]) / rate) if rate > 0 else UNKNOWN
