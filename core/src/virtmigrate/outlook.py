"""Will it converge, and when? The model of pre-copy, applied to what was seen. Pure.

A pass that takes t seconds leaves f(t) bytes for the next one: the distinct memory
that the guest wrote meanwhile. QEMU begins the next pass when the rest L of this one
would fit into the permitted stop; that rest stays to be sent. So of the excess
x = R - L a pass leaves x' = min(f(x / B), W - L), where W is all that is ever written.
Pre-copy converges if that shrinks to nothing (Clark et al., NSDI 2005).

f is known in parts: from a measurement before the start (`Workload.curve`), and from
each pass that was seen (it took t, and left R). It bends down: guests rewrite what
they wrote. So below the shortest time that was seen, f lies between the straight line
through it and a bent one through the last two passes. Where these two disagree on the
end, it can't be told yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from virtmigrate.cache import DEVICES_S
from virtmigrate.course import ENOUGH, PASSES_MOST, STEADY, course
from virtmigrate.curves import NOISE, bent, dirtied, doubt, less, rising, steep
from virtmigrate.deltas import DELTA_FROM_PASS, covered, differs, got_through

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.curves import Curve
    from virtmigrate.history import History
    from virtmigrate.policy import Policy

DOWNTIME_MS = 300
"""QEMU's and libvirt's own, while nobody says otherwise."""

MUCH = 2.0
"""Pre-copy that surely takes so many times as long as post-copy is not waited for."""
CRAWLS = ((1, 1.5, 0.98), (3, 1.5, 0.86))
"""A pass that leaves more than this share of the excess of so many passes and seconds
ago gets nowhere: nearly all of it at once, or 0.95 a pass for a while."""
SECOND = 2
"""The pass that shows what was written in the first; two points make a curve."""
HALVES = (0.75, 0.5, 0.6, 0.9, 0.99)
"""Of what one pass showed, so much may have been written in half of its time: from new
pages all the time to nearly all at once. The first is the likely one."""
ROUND = 4
"""What the last so many passes had to send at least is what each one has."""


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
        passes: Further passes, this one included; None = unknown.
    """

    converges: bool | None = None
    remaining_s: float | None = None
    postcopy_s: float | None = None
    residual_bytes: float | None = None
    downtime_ms: float | None = None
    passes: int | None = None


UNKNOWN = Outlook()
SOONER = 1.05
"""Post-copy is sooner if pre-copy takes so many times as long, …"""
SOONER_S = 0.2
"""… and so much more."""


def sooner(pre_copy_s: float, postcopy_s: float) -> bool:
    """Whether a switch now saves enough to be worth what post-copy costs.

    Args:
        pre_copy_s: Until pre-copy has stopped the guest, or has its last page.
        postcopy_s: Until post-copy has its last page.
    """
    return pre_copy_s > SOONER * postcopy_s + SOONER_S


def seen(history: History) -> Curve:
    """f as the passes showed it: (how long it took, what was written), newest last."""
    whole = written(history)
    return tuple(
        (after.at_s - before.at_s, _net(after.size, after.rest, whole))
        for before, after in pairwise(history.passes)
        if after.number == before.number + 1 and after.at_s > before.at_s
    )


def written(history: History) -> float:
    """The most that a pass found written: what the guest works on, as far as seen."""
    return max((each.size for each in history.passes[1:]), default=0.0)


def _net(size: float, rest: float, whole: float) -> float:
    """What was written in a pass, less what it only inherited."""
    return size if size >= STEADY * whole else max(0.0, size - rest)


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


def outlook(history: History, policy: Policy) -> Outlook:
    """Predict from here on.

    Args:
        history: The transfer so far.
        policy: Whose limits count.
    """
    if history.mirror.left is not None:
        return Outlook(remaining_s=history.mirror.remaining_s(history.size))
    left, rate = history.left, history.sending() or history.usual()
    if left is None or not rate or not history.passes:
        return _by_percent(history)
    speed = _through(history, rate)
    # What lets the guest be stopped is held against what goes over the wire.
    wire = rate if history.packs else speed
    after_s = left / (speed if history.packs else rate)
    if history.stopped_s is not None:
        return Outlook(True, after_s, after_s, left, after_s * 1000, 1)
    walk = _Walk(history, left, speed, wire)
    found = replace(_pre_copy(history, walk), postcopy_s=after_s)
    if history.gained_nothing() and not history.throttles:
        least = min(each.size for each in history.passes[-ROUND:])
        return Outlook(False, None, after_s, least, 1000 * least / rate, None)
    useless = history.pages is not None and history.pages.differences_help is False
    later = history.delta and not useless and not differs(history, rate)
    ahead = _by_differences(history, left, rate) if later else None
    if ahead and (not found.converges or _ends_s(ahead) < _ends_s(found)):
        found = ahead
    if (later or history.throttles) and not found.converges:
        # Differences and a throttle take their time: then it will show.
        return replace(found, converges=None)
    total_s = history.points[-1].at_s + (found.remaining_s or 0.0)
    most_s = policy.deadline_s(history.size, history.copied)
    if found.converges and history.size and total_s > most_s:
        # How soon differences end it is a guess on the safe side.
        return replace(found, converges=None if found is ahead else False)
    return found


def _through(history: History, rate: float) -> float:
    """Bytes of memory a second that this pass and those after it get through."""
    packed = history.packs and history.number > 1  # the first has pages of zeros
    delta = history.delta and history.number >= DELTA_FROM_PASS
    if not (packed or delta):
        return rate
    usual = got_through(history) if packed else covered(history)
    return max(rate, history.passing() or 0.0, usual or 0.0)


def _pre_copy(history: History, walk: _Walk) -> Outlook:
    """What the curves that may be true say of it, where they agree."""
    curve = expected(history)
    if not curve:
        return walk.first_pass()
    plain = walk.straight(curve)
    if plain.converges is False:
        # Figures are noisy: only what fails by a margin, or is seen to fail, fails.
        spared = walk.straight(less(curve, noise(history)))
        sure = spared.converges is False or crawls(history)
        return plain if sure else replace(plain, converges=None)
    measured = history.workload is not None and bool(history.workload.curve)
    if len(curve) < 2:  # noqa: PLR2004 - one pass tells no trend
        return plain if measured else replace(plain, converges=None, remaining_s=None)
    worst = walk.along(steep(curve) if measured else bent(curve))
    if worst.converges:
        return plain
    if measured:
        # The first second of it was not measured: passes will show.
        return replace(plain, converges=False if crawls(history) else None)
    return worst if crawls(history) else replace(plain, converges=None)


def _ends_s(ahead: Outlook) -> float:
    return math.inf if ahead.remaining_s is None else ahead.remaining_s


def _by_differences(history: History, left: float, rate: float) -> Outlook | None:
    """How differences will end it, by pages that were looked at; None = not surely.

    Args:
        history: The transfer so far.
        left: Bytes that remain.
        rate: Bytes a second that are sent.
    """
    second = next((each for each in history.passes if each.number == SECOND), None)
    pages = history.pages
    if second is None or pages is None or pages.price is None:
        return None
    stop_ms, most = history.downtime_ms or DOWNTIME_MS, float(history.size or left)
    memory = rate * (second.at_s + stop_ms / 1000)
    courses = [
        course(f, memory, rate, stop_ms, difference=pages.price)
        for f in _shapes(history, most)
    ]
    if not courses or not all(each.converges for each in courses):
        return None
    plain = courses[0]
    since_s = history.points[-1].at_s - second.at_s
    ends_s = max(left / rate, plain.total_s - plain.second_s - since_s)
    residual = rate * max(0.0, plain.stop_ms / 1000 - DEVICES_S)
    return Outlook(True, ends_s, left / rate, residual, plain.stop_ms, None)


def _shapes(history: History, most: float) -> list[Callable[[float], float]]:
    """What may be written in how long: the likely one, and those that differ most.

    Args:
        history: The transfer so far.
        most: No more than this can be written, bytes.

    Returns:
        Empty where too little is known.
    """
    curve = expected(history)
    if len(curve) >= SECOND:
        worst = steep(less(curve, -noise(history)))
        return [lambda t: dirtied(curve, t, most), worst]
    if not seen(history):
        return []
    ((took, amount),) = curve
    bends = [bent(((took / 2, part * amount), (took, amount))) for part in HALVES]
    return [partial(_at_most, f, most) for f in bends]


def _at_most(f: Callable[[float], float], most: float, seconds: float) -> float:
    return min(most, f(seconds))


def noise(history: History) -> float:
    """By what share the figures of a measurement may be too high."""
    known = history.workload
    if known is None or not known.curve or not known.looked_at or not history.size:
        return NOISE
    return doubt(known.curve[0][1] / history.size, known.looked_at[0])


def crawls(history: History) -> bool:
    """Whether the last passes left nearly as much as those before them."""
    last, earlier = history.passes[-1], history.passes[1:-1]
    for back, seconds, share in CRAWLS:
        since = last.at_s - seconds
        known = [p for p in earlier[: len(earlier) - back + 1] if p.at_s <= since]
        if known and last.size - last.rest >= share * (known[-1].size - last.rest):
            return True
    return False


class _Walk:
    """The map of excesses, walked from the running pass on."""

    def __init__(self, history: History, left: float, rate: float, wire: float) -> None:
        """Begin at the running pass.

        Args:
            history: The transfer so far.
            left: Bytes that remain.
            rate: Bytes of memory a second that it gets through.
            wire: Bytes a second that the hypervisor takes to fit into a stop.
        """
        begun = history.passes[-1]
        self.rate, self.wire = rate, wire
        self.fits = (history.downtime_ms or DOWNTIME_MS) / 1000 * wire
        self.size = begun.size
        self.left_s = max(0.0, left - self.fits) / rate
        self.took = history.points[-1].at_s - begun.at_s + self.left_s
        self.most = float(history.size or left)
        self.whole = max(written(history), self.fits)
        self.left = left

    def first_pass(self) -> Outlook:
        """Nothing is known of what the guest writes."""
        if self.left <= self.fits:
            left_s = self.left / self.rate
            return Outlook(True, left_s, None, self.left, 1000 * left_s, 1)
        return UNKNOWN

    def straight(self, curve: Curve) -> Outlook:
        """Walk along straight lines between what is known."""
        return self.along(lambda t: dirtied(curve, t, self.most))

    def along(self, f: Callable[[float], float]) -> Outlook:
        """Walk until a pass leaves next to nothing, or gets nowhere."""
        seconds, excess, took = self.left_s, self.size - self.fits, self.took
        for number in range(1, PASSES_MOST + 1):
            found = min(self.most, f(took))
            whole = max(self.whole, found)
            after = max(0.0, min(found, whole - self.fits))
            if after <= ENOUGH * self.fits:
                left = min(self.fits, found)
                stop_ms = 1000 * (left / self.rate + DEVICES_S)
                ends_s = seconds + after / self.rate + left / self.rate + DEVICES_S
                return Outlook(True, ends_s, None, left, stop_ms, number)
            # A pass that a drop has held up is judged by what it could have sent.
            if after >= STEADY * max(excess, took * self.rate):
                left = after + self.fits
                return Outlook(False, None, None, left, 1000 * left / self.wire, None)
            excess, took = after, after / self.rate
            seconds += took
        left = excess + self.fits
        return Outlook(False, None, None, left, 1000 * left / self.wire, None)


def _by_percent(history: History) -> Outlook:
    """Where only a share is counted: as fast as so far, if it moves at all."""
    told = [(p.at_s, p.percent) for p in history.points if p.percent is not None]
    if not told or told[-1][0] <= told[0][0]:
        return UNKNOWN
    rate = (told[-1][1] - told[0][1]) / (told[-1][0] - told[0][0])
    left_s = (100.0 - told[-1][1]) / rate if rate > 0 else math.inf
    return Outlook(remaining_s=left_s) if math.isfinite(left_s) else UNKNOWN
