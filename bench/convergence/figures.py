"""What the cells come to: shares, ratios, errors. Pure; medians over repeats.

A cell that was ended at its deadline counts as that long, and with what it had sent.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.convergence.cell import GAP_FACTOR, GAP_MARGIN_MS, Cell
from bench.convergence.data import Data

Row = TypeVar("Row")
MUCH = 1.5
"""The dirty rate, in links, at which auto-converge is compared."""
CLOSE = 1.03
"""A cell that takes longer than the best by more than this is lost."""
CLAIMS = {"converges": True, "needs": False, "cannot": False}
"""A forecast's verdict, and whether it says that the limits will be kept."""
NEARLY = 1.01
"""By no more than this off its range, a time is in it."""
STALLED = "S8"
POSTCOPY_OF_VIRSH = "postcopy-after-pass"


@dataclass(frozen=True)
class Group:
    """The repeats of one cell.

    Args:
        scenario: Its id.
        buffers: ``deep`` or ``shallow``.
        strategy: Its id.
        cells: The repeats.
    """

    scenario: str
    buffers: str
    strategy: str
    cells: tuple[Cell, ...]

    @property
    def total_s(self) -> float:
        """Median, seconds."""
        return statistics.median(cell.total_s for cell in self.cells)

    @property
    def sent_mib(self) -> float:
        """Median, MiB."""
        return statistics.median(cell.sent_mib for cell in self.cells)

    @property
    def gap_ms(self) -> float:
        """Median of the longest silences, ms."""
        return statistics.median(cell.gap_ms for cell in self.cells)

    @property
    def stalls_ms(self) -> float:
        """Median of the sums of silences, ms."""
        return statistics.median(cell.stalls_ms for cell in self.cells)

    @property
    def ended(self) -> bool:
        """Whether most were done before the deadline."""
        return 2 * sum(cell.ended for cell in self.cells) > len(self.cells)

    @property
    def within(self) -> bool:
        """Whether most kept the limits."""
        return 2 * sum(cell.within for cell in self.cells) > len(self.cells)


def groups(data: Data) -> list[Group]:
    """The cells, repeats together, in the order in which they were run."""
    found = alike(data.cells, lambda cell: cell)
    return [Group(*key, tuple(cells)) for key, cells in found.items()]


def alike(
    rows: Iterable[Row], cell: Callable[[Row], Cell]
) -> dict[tuple[str, str, str], list[Row]]:
    """What is known of each move, its repeats together, in the order of the run."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        one = cell(row)
        key = (one.scenario, one.buffers, one.strategy)
        found.setdefault(key, []).append(row)
    return found


@dataclass(frozen=True)
class Success:
    """How often one strategy kept the limits.

    Args:
        strategy: Its id.
        cells: Cells run.
        ended: ... done before the deadline.
        within: ... and within the limits.
        feasible: Scenarios in which anybody with at most its consents kept them, by
            most of the moves.
        within_feasible: ... in which it did.
    """

    strategy: str
    cells: int
    ended: int
    within: int
    feasible: int
    within_feasible: int


def successes(data: Data) -> list[Success]:
    """A row for each strategy."""
    return [_success(data, strategy) for strategy in data.strategies]


def _success(data: Data, strategy: str) -> Success:
    cells = [cell for cell in data.cells if cell.strategy == strategy]
    every = groups(data)
    mine = (group for group in every if group.strategy == strategy)
    can = [group for group in mine if feasible(data, group.cells[0], every)]
    return Success(
        strategy,
        len(cells),
        sum(cell.ended for cell in cells),
        sum(cell.within for cell in cells),
        len(can),
        sum(group.within for group in can),
    )


def feasible(data: Data, cell: Cell, every: list[Group]) -> bool:
    """Whether somebody with at most these consents kept the limits in this run."""
    return any(
        group.within and data.uses(group.strategy) <= data.uses(cell.strategy)
        for group in every
        if (group.scenario, group.buffers) == (cell.scenario, cell.buffers)
    )


@dataclass(frozen=True)
class Regret:
    """Our policy beside the best of those that never change their mind.

    Args:
        ours: The cell.
        best: The best fixed strategy with at most these consents, that kept the
            limits; None: none did.
        ratio: Of total times; None without a best one, or if ours kept no limits.
    """

    ours: Group
    best: Group | None
    ratio: float | None


def regrets(data: Data) -> list[Regret]:
    """A row for each cell of ours."""
    every = groups(data)
    return [_regret(data, g, every) for g in every if data.adaptive(g.strategy)]


def _regret(data: Data, ours: Group, every: list[Group]) -> Regret:
    rivals = [
        group
        for group in beside(ours, every)
        if not data.adaptive(group.strategy)
        and data.uses(group.strategy) <= data.uses(ours.strategy)
        and group.within
    ]
    best = min(rivals, key=lambda group: group.total_s, default=None)
    ratio = ours.total_s / best.total_s if best and ours.within else None
    return Regret(ours, best, ratio)


def beside(one: Group, every: Iterable[Group]) -> list[Group]:
    """All groups of the same scenario and buffers."""
    key = (one.scenario, one.buffers)
    return [group for group in every if (group.scenario, group.buffers) == key]


@dataclass(frozen=True)
class Pair:
    """Ours beside another strategy, in one scenario.

    Args:
        ours: Ours.
        theirs: The other.
        time: Of total times, ours / theirs.
        sent: Of bytes sent, ours / theirs.
        gap: Of the longest silences, ours / theirs.
        open: Theirs did not end: the truth is smaller.
    """

    ours: Group
    theirs: Group
    time: float
    sent: float
    gap: float
    open: bool


def pairs(data: Data, theirs: str) -> list[Pair]:
    """Each cell of ours beside the same cell of another strategy."""
    every = groups(data)
    return [
        Pair(
            ours,
            other,
            ours.total_s / other.total_s,
            ours.sent_mib / max(other.sent_mib, 1e-9),
            ours.gap_ms / max(other.gap_ms, 1e-9),
            not other.ended,
        )
        for ours in every
        if data.adaptive(ours.strategy)
        for other in beside(ours, every)
        if other.strategy == theirs
    ]


def gap_limit_ms(data: Data, scenario: str) -> float:
    """The longest silence that a stop within the limits may cause."""
    return GAP_FACTOR * float(data.scenarios[scenario]["gap_ms"]) + GAP_MARGIN_MS


@dataclass(frozen=True)
class Forecast:
    """What was foretold, and what came.

    Args:
        cell: The cell.
        verdict: ``converges``, ``needs``, ``cannot`` or ``unknown``.
        right: Whether it kept its limits, or did not, as the verdict says; None: there
            was none.
        foretold_s: Time of the transfer.
        error: Share of what it took; None if nothing was foretold, or it did not end.
        whole_error: The same of the time from call to return.
        in_range: Whether it lay within what was foretold; None: no error either.
    """

    cell: Cell
    verdict: str
    right: bool | None
    foretold_s: float | None
    error: float | None
    whole_error: float | None
    in_range: bool | None


def forecasts(data: Data) -> list[Forecast]:
    """A row for each cell of ours that has a forecast."""
    return [
        _forecast(cell, cell.more["forecast"])
        for cell in data.cells
        if data.adaptive(cell.strategy) and "forecast" in cell.more
    ]


def _forecast(cell: Cell, told: dict[str, Any]) -> Forecast:
    seconds, within = told.get("total_s"), None
    error = _off(seconds, cell.transfer_s) if cell.ended else None
    least, most = told.get("total_range_s") or (None, None)
    if error is not None and least is not None:
        within = least <= cell.transfer_s * NEARLY and cell.transfer_s <= most * NEARLY
    claim = CLAIMS.get(told["verdict"])
    return Forecast(
        cell,
        told["verdict"],
        None if claim is None else claim == cell.within,
        seconds,
        error,
        _off(told.get("whole_s"), cell.total_s) if cell.ended else None,
        within,
    )


def _off(told: float | None, came: float) -> float | None:
    return None if told is None or not came else abs(told - came) / came


def lost(data: Data) -> list[Regret]:
    """Cells in which the best fixed strategy beats ours, or ours kept no limits."""
    every = groups(data)
    return [
        row
        for row in regrets(data)
        if (row.ratio or 0) > CLOSE
        or (not row.ours.within and feasible(data, row.ours.cells[0], every))
    ]


def geometric_mean(values: Iterable[float]) -> float:
    """1 for none."""
    logs = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logs)) if logs else 1.0


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
