"""bench.convergence: a stop is held against what was left to send at it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.convergence import report, residual
from bench.convergence.cell import Cell
from bench.convergence.data import Data
from bench.convergence.plan import Task
from bench.convergence.scenarios import SCENARIOS
from bench.convergence.strategies import STRATEGIES


def stopped(strategy="adaptive", scenario="S2", **seen):
    """Data of one move that stood still for 100 ms."""
    data, row = Data({"date": "today"}), SCENARIOS[scenario]
    cell = Cell(scenario, strategy, "deep", 0, ended=True, total_s=6.0, gap_ms=100.0)
    for name, value in seen.items():
        setattr(cell, name, value)
    cell.more["left"] = [(5.0, 40.0), (5.8, 3.2), (5.95, 1.6)]
    data.add(Task(row, STRATEGIES[strategy], "deep", 0), cell)
    return data


@pytest.mark.parametrize(
    ("left_mib", "scenario", "stopped_s", "allowed_ms"),
    [
        (6.4, "S2", 5.9, 135),  # 1.05 x 6.4 / 64, and 30 ms
        (3.2, "S2", 5.9, 82.5),
        (None, "S2", 5.9, 82.5),  # by the sample before the stop, not the one after
        (3.2, "S14", 3.9, 240),  # on a quarter of the link
        (3.2, "S14", 5.9, 82.5),
    ],
)
def test_a_stop_is_compared_with_what_was_left_at_it(
    left_mib, scenario, stopped_s, allowed_ms
):
    data = stopped(scenario=scenario, after_stop_mib=left_mib, stopped_s=stopped_s)
    (row,) = residual.stops(data)
    assert row.allowed_ms == pytest.approx(allowed_ms)
    assert row.excess_ms == pytest.approx(100 - allowed_ms)
    held = "1/1 (100 %)" if allowed_ms > 100 else "0/1 (0 %)"
    text = report.markdown(data)
    assert f"no longer than that: {held} of single moves, the worst" in text


def test_stops_are_judged_by_single_moves_and_by_medians():
    data = stopped(after_stop_mib=3.2)
    for gap_ms in (70, 80):
        data.cells.append(replace(data.cells[0], gap_ms=gap_ms))
    found = [row.excess_ms for row in residual.stops(data)]
    assert found == pytest.approx([17.5, -12.5, -2.5])
    text = report.markdown(data)
    assert "2/3 (67 %) of single moves, the worst +18 ms" in text
    assert "1/1 (100 %) by medians of the repeats, the worst -2 ms" in text


def test_only_stops_of_ours_without_consent_are_compared():
    for strategy in ("virsh", "adaptive+postcopy", "measured+pause"):
        assert not residual.stops(stopped(strategy, after_stop_mib=6.4))
    unseen = stopped()
    unseen.cells[0].more.clear()
    assert not residual.stops(unseen)
    assert not residual.stops(stopped(ended=False, after_stop_mib=6.4))
