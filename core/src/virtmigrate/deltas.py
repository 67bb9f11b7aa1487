"""How fast passes get through memory of which less is sent, as they show it. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.history import History

SETTLED_S = 0.25
"""So long into a pass its rate can be believed."""
DELTA_FROM_PASS = 3
"""xbzrle knows a page's former content only from the third pass on."""
KNOWN = 0.8
"""A cache that has seen this share of a pass is judged by it."""
WHILE_S, LEAST_S = 2.0, 1.0
"""Passes that began within so long, and took so long together, are judged as one."""


def differs(history: History, rate: float) -> bool:
    """Whether what differences bring has had the time to show.

    Only pages that went in pass 2 or later are known to the cache; what the pass before
    left unsent comes first, and in full.

    Args:
        history: The transfer so far.
        rate: Bytes a second that are sent.
    """
    last = history.passes[-1]
    known = sum(
        max(0.0, before.size - after.rest)
        for before, after in pairwise(history.passes)
        if before.number > 1
    )
    if last.number < DELTA_FROM_PASS or known < KNOWN * last.size:
        return False
    if history.points[-1].at_s - last.at_s >= last.rest / rate + SETTLED_S:
        return True
    return covered(history) is not None


def covered(history: History) -> float | None:
    """Bytes of memory a second that short passes got through, one after the other.

    None where too few were seen to say: one long pass shows it by itself.
    """
    passes = [each for each in history.passes if each.number >= DELTA_FROM_PASS]
    recent = [each for each in passes if each.at_s >= passes[-1].at_s - WHILE_S]
    if not recent or recent[-1].at_s - recent[0].at_s < LEAST_S:
        return None
    if recent[-1].number - recent[0].number >= len(recent):
        return None  # some went by unseen
    whole = sum(before.size - after.rest for before, after in pairwise(recent))
    return whole / (recent[-1].at_s - recent[0].at_s)


def got_through(history: History) -> float:
    """Bytes of memory a second that all passes but the first got through; 0 = unknown.

    The first has the pages of zeros.
    """
    passes = [each for each in history.passes if each.number > 1]
    if not passes or history.left is None:
        return 0.0
    took_s = history.points[-1].at_s - passes[0].at_s
    whole = sum(before.size - after.rest for before, after in pairwise(passes))
    whole += max(0.0, passes[-1].size - history.left)
    return whole / took_s if took_s > 0 else 0.0
