"""bench.convergence: which verdicts by pass 2 count, and what they are held against."""

from __future__ import annotations

from argparse import Namespace

import pytest

from bench.convergence import report, verdicts
from bench.convergence.cell import Cell, judge
from bench.convergence.data import Data
from bench.convergence.ours import Ours
from bench.convergence.plan import Task
from bench.convergence.scenarios import SCENARIOS
from bench.convergence.strategies import STRATEGIES
from virtmigrate_mock import World

PASSES = [(0.1, "pass 1"), (4.1, "pass 2"), (6.1, "pass 3")]
DIFFERENCES = {"effective": {"compression_methods": ["xbzrle"], "parallel": None}}


def moved(strategy, *told, data=None, ended=True, acts=(), scenario="S6", **seen):
    """Data with one move more, of which this was told: (seconds, pass, converges)."""
    row, way = SCENARIOS[scenario], STRATEGIES[strategy]
    cell = Cell(scenario, strategy, "deep", 0, ended=ended, total_s=8.0, over_s=8.0)
    cell.marks, cell.stopped_s, cell.gap_ms = [*PASSES, *acts], 7.9, 100.0
    if way.ours:
        cell.more = {"told": list(told), "result": DIFFERENCES}
    for name, value in seen.items():
        setattr(cell, name, value)
    judge(cell, row.gap_ms, way.uses, row.deadline_s)
    data = data or Data({"date": "today"})
    data.add(Task(row, way, "deep", 0), cell)
    return data


def verdict(data):
    return verdicts.verdicts(data)[0]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([(4.2, 2, True)], True),
        ([(4.2, 2, True), (5.0, 2, False)], False),  # what stands at its end
        ([(4.2, 2, True), (5.0, 2, None)], None),
        ([(4.2, 2, None), (6.2, 3, True)], None),  # too late
        ([(0.2, 1, True), (4.2, 2, None)], None),
        ([(4.2, 2, None), (6.1, 2, False), (7.0, 3, True)], False),
    ],
)
def test_a_verdict_is_by_pass_2_if_it_stands_at_its_end(told, said):
    row = verdict(moved("adaptive", *told))
    assert row.counted
    assert row.said is said
    assert row.right is (None if said is None else said)


@pytest.mark.parametrize(("at_s", "said"), [(4.35, True), (4.36, None)])
def test_a_short_pass_2_leaves_a_quarter_of_a_second(at_s, said):
    marks = [(4.1, "pass 2"), (4.15, "pass 3")]
    row = verdict(moved("adaptive", (at_s, 3, True), marks=marks))
    assert row.said is said


@pytest.mark.parametrize(
    ("seen", "counted"),
    [
        ({"marks": PASSES[:1]}, False),  # over in pass 1
        ({"stopped_s": 4.3}, False),  # over before it could be told
        ({"stopped_s": 4.4}, True),
        ({"stopped_s": 4.3, "acts": [(4.2, "postcopy")]}, True),
        ({"acts": [(4.0, "postcopy")]}, False),  # turned in pass 1
    ],
)
def test_only_what_was_over_before_it_could_be_told_is_not_counted(seen, counted):
    row = verdict(moved("adaptive+postcopy", (4.2, 2, None), **seen))
    assert (row.counted, row.right) == (counted, None)


@pytest.mark.parametrize(
    ("seen", "came"),
    [
        ({"gap_ms": 345.0}, True),
        ({"gap_ms": 346.0}, False),
        ({"ended": False, "over_s": 45.5, "acts": [(45.2, "abort")]}, False),
        ({"acts": [(4.5, "postcopy 1")]}, None),
        ({"ended": False, "acts": [(4.5, "abort")]}, None),
    ],
)
def test_what_was_turned_does_not_show_by_itself_what_would_have_come(seen, came):
    row = verdict(moved("adaptive+postcopy", (4.2, 2, True), **seen))
    assert row.came is came


def test_others_show_what_a_turned_move_would_have_come_to():
    turned = {"acts": [(4.5, "postcopy 1")]}
    data = moved("adaptive+postcopy", (4.2, 2, False), **turned)
    moved("virsh", data=data, ended=False)
    assert verdict(data).came is None  # it sent no differences
    moved("xbzrle", data=data, ended=False)
    assert verdict(data).right is True
    moved("measured+postcopy", (4.2, 2, True), data=data, **turned)
    assert verdicts.verdicts(data)[1].right is False
    moved("adaptive", data=data)
    assert verdict(data).right is False  # ours show more than virsh's


def test_every_move_has_its_place_in_the_count():
    data = moved("adaptive", (4.2, 2, True))
    moved("adaptive", (4.2, 2, None), data=data)
    moved("adaptive", (4.2, 2, False), data=data)
    moved("adaptive", data=data, marks=PASSES[:1])
    moved("adaptive", (4.2, 2, True), data=data, scenario="S2", acts=[(5, "abort")])
    said = report.markdown(data)
    assert "right 1/4 (25 %), wrong 1, undecided then 1, nothing shows what" in said
    assert "would have come 1; not counted, as over or turned before anything" in said
    assert "could be told: 1." in said


def test_what_ours_says_is_noted_on_the_clock_of_the_cell(tmp_path):
    world = World.create("bench-told", link_mib_s=64, replace=True)
    world.add_guest("a", "g", memory_mib=256, working_set_mib=128, dirty_mib_s=32)
    hosts = [Namespace(uri=world.uri(host)) for host in "ab"]
    ours, cell = Ours(tmp_path, 5.0, world.clock), Cell("S2", "measured", "deep", 0)
    way, row = STRATEGIES["measured"], SCENARIOS["S2"]
    ours.warm_up("g", hosts)
    move = ours.mover(cell, way, row, "g", hosts[::-1])
    world.clock.sleep(9)
    assert move() == ""
    (at_s,) = (at for at, number, said in cell.more["told"] if number == 2 and said)
    assert 3 < at_s < 5
    assert all(0 < at < 7 for at, *_ in (*cell.marks, *cell.more["told"]))
