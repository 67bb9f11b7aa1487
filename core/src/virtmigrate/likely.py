"""What a guest may write, by a measurement that looked at some of its pages only. Pure.

Of n pages k had changed: the share of all pages lies around k/n, and how far from it is
known (the square root's arcsine of a share is off by 1 / sqrt(4 n), whatever the share;
Anscombe 1948). So what was measured is not one curve but many, all equally likely; a
forecast is made for each, and how far these differ is what it doesn't know.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from virtmigrate.curves import bent, dirtied, rising

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate.forecast import Workload

    Writes = Callable[[float], float]
    Point = tuple[float, float]

LEVELS = (-1.59, -0.97, -0.59, -0.28, 0.0, 0.28, 0.59, 0.97, 1.59)
"""The middles of nine equal shares of a normal distribution."""
BENDS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""After one window only: how much of its pace a guest may keep up for longer."""
LONGER = 4.0
"""... namely for so many times as long."""
FEW = 4
"""Of all pairs of what two windows may have seen, fewer fit a steady pace by chance."""
STRAIGHT = 0.8
"""What writes so much of what a straight line would, has not gone round yet."""


def likely(workload: Workload) -> list[Writes]:
    """Distinct bytes written in so many seconds: each way in which it may be.

    Args:
        workload: What was measured; its curve is not empty.
    """
    memory = float(workload.memory_bytes)
    if not workload.looked_at:
        curve = rising([(at, float(n)) for at, n in workload.curve])
        return [lambda t: dirtied(curve, t, memory)]
    return [
        _at_most(shape, memory)
        for number, (short, long) in enumerate(_pairs(workload, memory))
        for shape in _shapes(short, long, memory, BENDS[number % len(BENDS)])
    ]


def _pairs(workload: Workload, memory: float) -> list[tuple[Point, Point]]:
    """The shortest and the longest window, as far off as they may be."""
    seen = list(zip(workload.curve, workload.looked_at, strict=True))
    (at, _), (end, _) = seen[0][0], seen[-1][0]
    lows = list(_shares(*seen[0], memory))
    if len(seen) == 1:
        end = at * LONGER
        times = [1 + (LONGER - 1) * kept for kept in BENDS]
        return [((at, n), (end, min(memory, n * m))) for n in lows for m in times]
    highs = list(_shares(*seen[-1], memory))
    # Nobody writes less in a longer time, or more than at the first pace.
    pairs = [((at, n), (end, m)) for n in lows for m in highs if n <= m <= n * end / at]
    return pairs if len(pairs) >= FEW else _unsteady(at, end, highs)


def _unsteady(at: float, end: float, highs: list[float]) -> list[tuple[Point, Point]]:
    """Its pace changed while it was watched: the longer window has seen more of that.

    What it wrote there it wrote at an even pace, or in a part of the time.
    """
    parts = [1 - (1 - at / end) * (1 - kept) for kept in BENDS]
    return [((at, m * at / (end * part)), (end, m)) for m in highs for part in parts]


def _shares(point: tuple[float, int], pages: int, memory: float) -> Iterator[float]:
    """Bytes that may have been written, where a share of some pages was."""
    changed = min(1.0, point[1] / memory) * pages
    middle = math.asin(math.sqrt((changed + 3 / 8) / (pages + 3 / 4)))
    for level in LEVELS:
        angle = middle + level / math.sqrt(4 * pages + 2)
        yield memory * math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


def _shapes(
    short: Point, long: Point, memory: float, way: float
) -> tuple[Writes, Writes]:
    """At random, and in order: round and round, or not round yet.

    Args:
        short: What the short window saw.
        long: What the long one saw.
        memory: Most that can be written.
        way: How far on the way from there to all of memory it turns round, if it has
            not yet: any size between is as likely as twice that.
    """
    (at, low), (end, high) = short, long
    pace = low / at
    if high >= STRAIGHT * pace * end:
        most = high * (memory / high) ** way if high > 0 else 0.0
        return bent((short, long)), lambda t: min(t * high / end, most)
    return bent((short, long)), lambda t: min(pace * t, high)


def _at_most(f: Writes, memory: float) -> Writes:
    return lambda t: min(memory, f(t))
