"""How much memory a guest writes in how long, as a curve. Pure.

It never falls, and bends down: guests rewrite what they wrote.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOISE = 0.15
"""A measurement before the start may be wrong by this much (page sampling)."""
NOISE_MOST = 0.5
SIGMAS = 1.64
"""So many standard errors of sampled pages: 95 of 100 are not further too high."""

Curve = tuple[tuple[float, float], ...]


def dirtied(curve: Curve, seconds: float, most: float) -> float:
    """Distinct bytes written in so many seconds, by a curve that rises and bends down.

    Between its points it is straight; beyond the last it goes on as it bent so far.

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
    if len(curve) > 1 and curve[-2][1] > 0:
        return min(most, bent(curve)(seconds))
    return min(most, before[1] * seconds / before[0])


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


def bent(curve: Curve) -> Callable[[float], float]:
    """f(t) = W (1 - exp(-t / T)) through the last two points: random writes.

    Two points on one line through the origin give that line; two of one height mean
    that all that is ever written was written in the shorter time already.
    """
    (t1, r1), (t2, r2) = curve[-2:]
    longer = t2 / t1
    if r2 >= r1 * longer * 0.999:
        return lambda t: t * r2 / t2
    ratio = r2 / r1
    low, high = 0.0, 1.0
    for _ in range(50):
        x = (low + high) / 2
        if (1 - x**longer) / (1 - x) < ratio:
            low = x
        else:
            high = x
    whole = r1 / (1 - low)
    return lambda t: whole * (1 - low ** (t / t1)) if low > 0 else whole


def steep(curve: Curve) -> Callable[[float], float]:
    """The same through the first two points, for what is shorter than both."""
    f, (begin, _), most = bent(curve[:2]), curve[0], curve[-1][1]
    return lambda t: f(t) if t < begin else dirtied(curve, t, most)


def doubt(share: float, pages: int) -> float:
    """By what share a figure may be too high that so many pages were looked at for.

    Args:
        share: Of these, were found written.
        pages: How many; 0 = by all.
    """
    if not pages:
        return NOISE
    share = min(1.0, share)
    found = max(1.0, share * pages)
    return min(NOISE_MOST, max(NOISE, SIGMAS * math.sqrt((1 - share) / found)))


def less(curve: Curve, share: float) -> Curve:
    """A curve that lies lower by a share."""
    return tuple((at, (1 - share) * amount) for at, amount in curve)
