"""Pre-copy walked from pass to pass, before it starts. Pure.

The model is that of `outlook.py`: a pass that takes t leaves f(t). What differences
(xbzrle) bring follows from f as well: of what is written in one stretch of time and in
the next one, f(a) + f(b) - f(a + b) is the same memory, and only of that the former
content is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.cache import CACHE_MOST, stopping_s
from virtmigrate.deltas import DELTA_FROM_PASS

if TYPE_CHECKING:
    from collections.abc import Callable

STEADY = 0.97
"""A pass that leaves more than this share of what it sent gets nowhere."""
PASSES_MOST = 200
ENOUGH = 0.1
"""A pass that leaves so little more than what fits is the last but for moments."""
DELTA_COST = 1 / 8
"""So much of a page is sent as a difference, where a write changes a word of it: no
page takes less."""
COMPARED_BYTES_S = 1.5e9
"""Pages are compared no faster (Svärd et al., VEE 2011): on a link that carries more,
differences bring nothing."""


@dataclass(frozen=True, slots=True)
class Course:
    """Pre-copy, walked to its end.

    Attributes:
        converges: Whether a pass fits within the permitted stop.
        total_s: Until then; else until it is seen to get nowhere.
        stop_ms: The last stop; else the one that it would take.
        sent_bytes: In all passes.
        second_s: When the second pass began.
        second_bytes: What was left for it.
    """

    converges: bool
    total_s: float
    stop_ms: float
    sent_bytes: float
    second_s: float
    second_bytes: float


def course(
    f: Callable[[float], float],
    memory: float,
    rate: float,
    stop_ms: float,
    *,
    difference: float | None = None,
) -> Course:
    """Walk pre-copy, by the map of excesses.

    Args:
        f: Distinct bytes that are written in so many seconds.
        memory: Bytes of the first pass.
        rate: Bytes a second.
        stop_ms: The permitted stop.
        difference: What a rewritten page takes as a difference, of a page, where these
            are sent from the third pass on; None = they are not, or bring nothing.
    """
    fits = min(memory, rate * stop_ms / 1000)
    excess, seconds, sent = memory - fits, 0.0, 0.0
    second = whole = f(excess / rate)
    known = max(DELTA_COST, difference or 0.0, rate / COMPARED_BYTES_S)
    price, rest = _Price(f, known), 1.0
    delta = difference is not None
    converges = False
    for number in range(1, PASSES_MOST + 1):
        differs = delta and number >= DELTA_FROM_PASS
        found_price = price.of_pass() if differs else 1.0
        # What the last pass left comes first.
        first = min(excess, fits)
        wire = first * rest + (excess - first) * found_price
        left = fits - first
        rest = (left * rest + first * found_price) / fits if fits else 1.0
        took = wire / rate
        seconds, sent = seconds + took, sent + wire
        found = f(took)
        price.passed(took)
        whole = max(whole, found)
        # Where the rest of the first pass lies, nobody knows: anywhere in memory. Later
        # it is caught up in the shadow of what is written; differences have none.
        shadowed = min(found, max(0.0, whole - fits))
        after = found * (1 - fits / memory) if number == 1 else shadowed
        converges = after <= ENOUGH * fits
        stuck = after >= STEADY * excess and not (delta and number < DELTA_FROM_PASS)
        excess = after
        if converges or stuck:
            break
    last = fits * rest + excess
    stop_s = last / rate + stopping_s(min(whole, CACHE_MOST) if delta else 0.0)
    return Course(
        converges=converges,
        total_s=seconds + stop_s,
        stop_ms=1000 * stop_s,
        sent_bytes=sent + last,
        second_s=(memory - fits) / rate,
        second_bytes=second * (1 - fits / memory) + fits,
    )


class _Price:
    """What a page of a pass costs, of a whole one, as its former content is known."""

    def __init__(self, f: Callable[[float], float], known: float) -> None:
        self._f, self._known = f, known
        self._since_s = self._last_s = 0.0

    def passed(self, took_s: float) -> None:
        """A pass is over: what was written before its end is sent in the next one."""
        self._since_s += self._last_s
        self._last_s = took_s

    def of_pass(self) -> float:
        """Share of a page, for what the last pass found written."""
        found, before = self._f(self._last_s), self._f(self._since_s)
        if found <= 0:
            return 1.0
        both = found + before - self._f(self._since_s + self._last_s)
        return 1 - (1 - self._known) * min(1.0, max(0.0, both / found))
