"""Whether a move ends by itself: what was said of it by pass 2, and what came. Pure.

By itself: pre-copy ends before the deadline and within the permitted stop, and nobody
turns it. What a move would have come to that was turned, or given up, shows in those of
the same scenario that were not, had no consent, and sent differences (xbzrle) and
several streams as it did: ours, or else virsh's, which say whether it ends, but keep no
queue short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.convergence.cell import Cell
from bench.convergence.data import Data
from bench.convergence.figures import gap_limit_ms

DECIDED_IN_PASS = 2
LOOKS_S = 0.25
"""Where pass 2 is shorter than two looks at it, it may be said until then."""
TURNS = ("postcopy", "suspend", "abort")
"""What a policy does to a transfer that does not converge by itself."""


@dataclass(frozen=True)
class Verdict:
    """What was said of one move, and what came.

    Args:
        cell: The cell.
        counted: Whether it lasted until something could be told in pass 2.
        said: That it ends by itself, as it stood when pass 2, or the first 250 ms after
            its start, were over, or when it was turned; None: undecided then.
        came: Whether it did, or would have; None: nothing in this run shows it.
    """

    cell: Cell
    counted: bool
    said: bool | None
    came: bool | None

    @property
    def right(self) -> bool | None:
        """Whether it came as it was said; None: one of the two is missing."""
        known = self.counted and None not in (self.said, self.came)
        return self.said == self.came if known else None


def verdicts(data: Data) -> list[Verdict]:
    """A row for each move of ours; older runs did not note when something was said."""
    return [
        Verdict(cell, counted(cell), said(cell), came(data, cell))
        for cell in data.cells
        if data.adaptive(cell.strategy) and "told" in cell.more
    ]


def turned_s(cell: Cell) -> float | None:
    """When the policy turned it, or gave it up."""
    return min((at for at, mark in cell.marks if mark.startswith(TURNS)), default=None)


def pass_s(cell: Cell, number: int) -> float | None:
    """When a pass began."""
    return next((at for at, mark in cell.marks if mark == f"pass {number}"), None)


def said(cell: Cell) -> bool | None:
    """What stood when pass 2 was over."""
    began = pass_s(cell, DECIDED_IN_PASS)
    if began is None:
        return None
    ended, turned = pass_s(cell, DECIDED_IN_PASS + 1), turned_s(cell)
    until = max(cell.total_s if ended is None else ended, began + LOOKS_S)
    until = until if turned is None else min(until, turned)
    told = [
        converges
        for at, number, converges in cell.more["told"]
        if number >= DECIDED_IN_PASS and at <= until
    ]
    return told[-1] if told else None


def counted(cell: Cell) -> bool:
    """Whether it reached pass 2, and was not over before anything could be told.

    Post-copy begins a pass, too: what was turned before pass 2 did not reach it.
    """
    began, turned = pass_s(cell, DECIDED_IN_PASS), turned_s(cell)
    if began is None or (turned is not None and turned < began):
        return False
    if said(cell) is not None or turned is not None:
        return True
    over = cell.total_s if cell.stopped_s is None else cell.stopped_s
    return over > began + LOOKS_S


def came(data: Data, cell: Cell) -> bool | None:
    """Whether it ended by itself, or would have."""
    if (own := _own(data, cell)) is not None:
        return own
    others = [
        other
        for other in data.cells
        if (other.scenario, other.buffers) == (cell.scenario, cell.buffers)
        and not data.uses(other.strategy)
        and means(data, other) == means(data, cell)
    ]
    ours = [each for each in others if data.adaptive(each.strategy)]
    theirs = [each for each in others if not data.strategies[each.strategy]["policy"]]
    shown = _most(_own(data, each) for each in ours)
    return _most(each.ended for each in theirs) if shown is None else shown


def _own(data: Data, cell: Cell) -> bool | None:
    """Whether it ended by itself; None: it was turned first, or it failed."""
    deadline_s, turned = data.scenarios[cell.scenario]["deadline_s"], turned_s(cell)
    if turned is not None and turned < deadline_s:
        return None
    if cell.ended and turned is None:
        return cell.gap_ms <= gap_limit_ms(data, cell.scenario)
    return False if cell.over_s >= deadline_s else None


def means(data: Data, cell: Cell) -> tuple[bool, bool]:
    """Whether it sent differences, and several streams."""
    way = data.strategies[cell.strategy]
    if way["policy"]:
        effective = cell.more.get("result", {}).get("effective") or {}
        methods = effective.get("compression_methods") or ()
        return "xbzrle" in methods, bool(effective.get("parallel"))
    return "xbzrle" in way["words"], "--parallel" in way["words"]


def _most(each: Iterable[bool | None]) -> bool | None:
    """What most of those show that show anything."""
    known = [one for one in each if one is not None]
    return 2 * sum(known) > len(known) if known else None
