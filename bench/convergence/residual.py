"""How long a stop of pre-copy was beside what was left to send at it. Pure.

What is left at the very stop can't be known from outside: the last sample is up to
0.1 s old, and the guest writes on. What left the source's device between the guest's
last beat there and its first one at the destination is the best estimate. It holds
headers, and what waited in the sender's queue: a little more than the residual. Where
that was not seen, the last sample before the stop stands for it. A sample counts whole
pages, also those that are zero, or of which only differences will be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.convergence.cell import GAP_FACTOR, GAP_MARGIN_MS, Cell
from bench.convergence.data import Data


@dataclass(frozen=True)
class Stop:
    """The stop of one move.

    Args:
        cell: The cell.
        left_mib: What was left.
        sampled_mib: What was left by the last sample before it; None: none was told.
        allowed_ms: The longest silence that sending what was left may cause.
        excess_ms: By how much it was longer; negative: it was shorter.
    """

    cell: Cell
    left_mib: float
    sampled_mib: float | None
    allowed_ms: float
    excess_ms: float


def stops(data: Data) -> list[Stop]:
    """A row for each end of ours by pre-copy, without any consent, if it is known."""
    found = [
        _stop(data, cell)
        for cell in data.cells
        if data.adaptive(cell.strategy) and cell.ended and not data.uses(cell.strategy)
    ]
    return [stop for stop in found if stop is not None]


def _stop(data: Data, cell: Cell) -> Stop | None:
    sampled = last_sample(cell)
    left = sampled if cell.after_stop_mib is None else cell.after_stop_mib
    row = data.scenarios[cell.scenario]
    rate = link_mib_s(row, cell.total_s if cell.stopped_s is None else cell.stopped_s)
    if left is None or rate is None:
        return None
    allowed = GAP_FACTOR * 1000 * left / rate + GAP_MARGIN_MS
    return Stop(cell, left, sampled, allowed, cell.gap_ms - allowed)


def last_sample(cell: Cell) -> float | None:
    """MiB that were left by the last sample before the stop."""
    stopped = cell.total_s if cell.stopped_s is None else cell.stopped_s
    before = [mib for at, mib in cell.more.get("left", ()) if at <= stopped]
    return float(before[-1]) if before else None


def link_mib_s(row: dict[str, Any], at_s: float) -> float | None:
    """The link's rate at a moment of a scenario; None: it has no limit."""
    rate = row["link_mib_s"]
    for moment in row["moments"]:
        if moment["action"] == "link" and moment["at_s"] <= at_s:
            rate = moment["rate_mib_s"]
    return None if rate is None else float(rate)
