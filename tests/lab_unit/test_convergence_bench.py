"""bench.convergence: its rows are sound, and its figures are what they say."""

from __future__ import annotations

import json
from argparse import Namespace
from xml.etree import ElementTree as ET

import pytest

from bench.convergence import figures, guestperf, plots, report, tables
from bench.convergence.cell import Cell, busy_s, judge, listen, sent_between
from bench.convergence.data import Data
from bench.convergence.ours import Ours, shortened
from bench.convergence.plan import LUCK, TURNS, Task, chosen, missing, tasks
from bench.convergence.scenarios import SCENARIOS
from bench.convergence.strategies import PROBES, ROWS, STRATEGIES
from bench.convergence.virsh_move import cache_for, command
from virtmigrate_lab import GuestOptions
from virtmigrate_lab.windows import Window
from virtmigrate_mock import World

UUID = "6d11347d-b9fa-4924-a37d-bc2c2ded3baf"
MIB = 1 << 20
OURS_IN_QUICK = ("adaptive", "adaptive+postcopy", "measured")
ALL = [*SCENARIOS.values(), *(point.scenario for point in guestperf.POINTS)]


def asked(**words):
    names = ("scenarios", "strategies", "without", "deadline", "guestperf", "quick")
    given = dict.fromkeys(names)
    return Namespace(**{**given, **words})


def run(*rows):
    """Data of cells, each (scenario, strategy, seconds, ended)."""
    data = Data({"date": "today"})
    for scenario, strategy, seconds, ended in rows:
        row, way = SCENARIOS[scenario], STRATEGIES[strategy]
        cell = Cell(scenario, strategy, "deep", 0, ended=ended, total_s=seconds)
        cell.sent_mib, cell.gap_ms = 64 * seconds, 100.0
        judge(cell, row.gap_ms, way.uses, row.deadline_s)
        data.add(Task(row, way, "deep", 0), cell)
    return data


@pytest.mark.parametrize("scenario", ALL, ids=lambda row: row.id)
def test_the_guest_of_each_scenario_can_be_made(scenario):
    assert GuestOptions("g", UUID, **scenario.guest).memory_mib >= 128


def test_ramps_are_asked_of_guests_that_have_one():
    for row in SCENARIOS.values():
        ramped = any(moment.action == "ramp" for moment in row.moments)
        assert ramped == bool(row.guest.get("ramp_ms"))


def test_no_name_is_used_twice():
    names = [row.id for row in (*ROWS, *PROBES)]
    assert len(names) == len(set(names)) == len(STRATEGIES)
    assert len(SCENARIOS) == 22


def test_whole_pages_at_random_are_written_a_little_faster_than_the_link_is():
    row = SCENARIOS["S10r"]
    assert (row.guest["pattern"], row.ratio) == ("random-dense", 1.25)
    assert row not in [each for each, _ in chosen(asked(quick=True))]
    assert row in [each for each, _ in chosen(asked())]


def test_guestperf_has_its_38_rows_and_none_is_left_out():
    assert len(guestperf.POINTS) == 38
    words = asked(guestperf=True)
    here = chosen(words)
    absent = missing(words, here, lambda way: True)
    assert len(here) + len(absent) == 38 + len(guestperf.SUCCESSORS)
    assert all("needs" in row.why for row in absent)


def test_a_strategy_can_be_left_out_and_one_that_is_not_there_can_not():
    ways = [way.id for _, way in chosen(asked(quick=True, without="virsh,xbzrle"))]
    assert ways
    assert not {"virsh", "xbzrle"} & set(ways)
    with pytest.raises(SystemExit, match="virhs"):
        chosen(asked(without="virhs"))


def test_strategies_take_turns_within_a_scenario():
    pairs = chosen(asked(scenarios="S6,S8", strategies="virsh,xbzrle"))
    todo = tasks(pairs, ["deep"], 2, lambda way: True)
    order = [(task.scenario.id, task.strategy.id) for task in todo]
    assert order[:4] == [("S6", "virsh"), ("S6", "xbzrle")] * 2
    assert len(order) == 8


def test_what_one_move_tells_only_by_luck_is_run_more_often():
    ways = "virsh,adaptive,adaptive+postcopy"
    pairs = chosen(asked(scenarios="S0,S8", strategies=ways))
    often = tasks(pairs, ["deep"], 1, lambda way: True)
    by_row = {
        row: [t.strategy.id for t in often if t.scenario.id == row] for row in LUCK
    }
    usual = ways.split(",")
    assert by_row["S0"] == [*usual * 3, *["adaptive"] * (TURNS - 3)]
    assert by_row["S8"] == [*usual, *usual[1:] * (TURNS - 1)]
    pairs = chosen(asked(scenarios="S8", strategies=ways))
    quick = tasks(pairs, ["deep"], 1, lambda way: True, quick=True)
    assert [task.strategy.id for task in quick] == usual
    for row, (_, ways) in LUCK.items():
        assert row in SCENARIOS
        assert set(ways) <= set(STRATEGIES)


def test_what_this_virtmigrate_can_not_do_is_listed():
    pairs = chosen(asked(scenarios="S6", strategies="virsh,adaptive"))
    listed = missing(asked(), pairs, lambda way: not way.ours)
    assert [row.name for row in listed] == ["adaptive"]


def test_a_quick_run_has_ours_of_both_kinds_and_few_cells():
    pairs = [(row.id, way.id) for row, way in chosen(asked(quick=True))]
    ours = {(row, way) for row in ("S2", "S8", "S10") for way in OURS_IN_QUICK}
    assert ours <= set(pairs)
    assert len(pairs) == 19
    assert ("S10", "auto-converge") not in pairs
    named = asked(quick=True, scenarios="S10", strategies="auto-converge")
    assert [way.id for _, way in chosen(named)] == ["auto-converge"]


def test_an_unknown_row_is_refused():
    with pytest.raises(SystemExit, match="S99"):
        chosen(asked(scenarios="S99"))


def test_peers_run_where_they_tell_something_or_were_asked_for():
    ways = {row: set() for row in SCENARIOS}
    for row, way in chosen(asked()):
        ways[row.id].add(way.id)
    assert "nova" in ways["S6"]
    assert "nova" not in ways["S0"]
    assert [way.id for _, way in chosen(asked(scenarios="S0", strategies="nova"))] == [
        "nova"
    ]


@pytest.mark.parametrize(("strategy", "before_s"), [("adaptive", 0), ("measured", 5)])
def test_only_what_is_foretold_is_planned_and_measured_before(
    tmp_path, strategy, before_s
):
    world = World.create("bench", link_mib_s=64, replace=True)
    world.add_guest("a", "g", memory_mib=256, working_set_mib=128, dirty_mib_s=32)
    hosts = [Namespace(uri=world.uri(host)) for host in "ab"]
    ours, cell = Ours(tmp_path, 5.0, world.clock), Cell("S2", strategy, "deep", 0)
    began = world.clock.now()
    move = ours.mover(cell, STRATEGIES[strategy], SCENARIOS["S2"], "g", hosts)
    assert world.clock.now() - began == pytest.approx(before_s)
    assert ("forecast" in cell.more, cell.measured_s) == (before_s > 0, before_s)
    assert move() == ""
    assert world.where("g") == ["b"]
    (_, first), *_, (_, last) = cell.more["left"]
    assert first > 10 * last


def test_figures_of_both_kinds_of_ours_stand_side_by_side():
    data = run(("S2", "virsh", 8, True), ("S2", "adaptive", 8, True))
    (plain,) = (row for row in tables.summary(data) if "--live" in row.title)
    assert plain.notes == [
        "As `virtmigrate migrate` does it: worst 1.000 (goal <= 1.02)."
    ]
    more = run(("S2", "measured", 6, True))
    more.cells[0].measured_s = 10.0
    said = report.markdown(Data.joined([data, more]))
    for words in ("does it: worst 1.000", "before: worst 0.750", "mean 0.750"):
        assert words in said
    assert "a measurement of 10 s for it, came before the clock started" in said


def test_moves_of_older_runs_were_all_measured_before():
    data = run(("S2", "virsh", 8, True), ("S2", "adaptive+pause", 6, True))
    old = json.loads(json.dumps(data.to_json()))
    for row in (*old["strategies"].values(), *old["cells"]):
        row.pop("measured", None)
        row.pop("measured_s", None)
    read = Data.from_json(old)
    assert [cell.strategy for cell in read.cells] == ["virsh", "measured+pause"]
    assert [read.measured(cell.strategy) for cell in read.cells] == [False, True]
    assert "a measurement of some seconds for it" in report.markdown(read)


def test_a_cell_that_did_not_end_counts_as_its_deadline():
    cell = Cell("S6", "virsh", "deep", 0, total_s=45.0)
    judge(cell, 300, frozenset(), 30.0)
    assert cell.total_s == 30.0
    assert not cell.within


@pytest.mark.parametrize(
    ("gap_ms", "uses", "within"),
    [(345, (), True), (346, (), False), (900, ("pause",), True)],
)
def test_a_stop_counts_unless_there_is_consent(gap_ms, uses, within):
    cell = Cell("S2", "virsh", "deep", 0, ended=True, gap_ms=gap_ms)
    judge(cell, 300, frozenset(uses), 30.0)
    assert cell.within == within


def test_ours_is_compared_with_those_that_have_the_same_consents():
    data = run(
        ("S6", "virsh", 30, False),
        ("S6", "postcopy-after-pass", 6, True),
        ("S6", "xbzrle", 8, True),
        ("S6", "adaptive", 8.8, True),
        ("S6", "adaptive+postcopy", 6.6, True),
    )
    first, second = figures.regrets(data)
    assert (first.best.strategy, second.best.strategy) == (
        "xbzrle",
        "postcopy-after-pass",
    )
    assert [first.ratio, second.ratio] == pytest.approx([1.1, 1.1])
    assert len(figures.lost(data)) == 2


def test_an_honest_abort_is_no_loss_where_nobody_ends_it():
    data = run(("S10", "virsh", 30, False), ("S10", "adaptive", 7, False))
    assert figures.lost(data) == []
    assert [row.feasible for row in figures.successes(data)] == [0, 0]


def test_a_strategy_that_ended_at_the_deadline_is_open():
    data = run(("S6", "auto-converge", 50, False), ("S6", "adaptive", 9, True))
    (pair,) = figures.pairs(data, "auto-converge")
    assert pair.open
    assert pair.time == pytest.approx(0.2)


def test_tables_say_the_same_after_json():
    data = run(("S6", "auto-converge", 30, False), ("S6", "adaptive", 6, True))
    data.cells[1].more["forecast"] = {"verdict": "converges", "total_s": 5.5}
    data.cells[1].transfer_s = 5.0
    data.cells[1].curve = [(0.0, 0.0), (6.0, 384.0)]
    again = Data.from_json(json.loads(json.dumps(data.to_json())))
    assert report.markdown(again) == report.markdown(data)
    assert "10.0 %" in report.markdown(data)


@pytest.mark.parametrize(
    ("verdict", "ended", "gap_ms", "right"),
    [
        ("converges", True, 345, True),
        ("converges", True, 346, False),
        ("converges", False, 20, False),
        ("needs", True, 346, True),
        ("needs", True, 345, False),
        ("cannot", False, 20, True),
        ("unknown", True, 20, None),
    ],
)
def test_a_forecast_is_right_if_the_limits_were_kept_as_it_says(
    verdict, ended, gap_ms, right
):
    data = run(("S2", "measured", 6, ended))
    (cell,) = data.cells
    cell.gap_ms, cell.more["forecast"] = gap_ms, {"verdict": verdict}
    judge(cell, 300, frozenset(), 30.0)
    (row,) = figures.forecasts(data)
    assert row.right is right


def test_plots_are_well_formed_and_hold_what_was_done():
    data = run(("S14", "adaptive", 6, True), ("S14", "virsh", 30, False))
    for cell in data.cells:
        cell.curve = [(0.0, 0.0), (6.0, 384.0)]
        cell.marks = [(1.0, "pass 1"), (2.0, "link 16"), (4.0, "downtime 300")]
    for plot in (plots.totals(data, "S14"), plots.curves(data, "S14")):
        assert plot in report.html(data)
        drawn = [element.tag for element in ET.fromstring(plot).iter()]
        assert len(drawn) > 4
    assert drawn.count("polyline") == 2
    assert drawn.count("circle") == 4


def test_a_transfer_is_timed_by_its_own_bytes():
    curve = [
        (0.0, 0.0),
        (0.5, 0.1),
        (1.0, 10.0),
        (2.0, 99.0),
        (3.0, 100.0),
        (4.0, 100.2),
    ]
    assert busy_s(curve) == pytest.approx(1.02)


def test_what_left_after_the_stop_is_read_between_two_samples():
    curve = [(1.0, 10.0), (2.0, 74.0), (2.1, 80.0)]
    assert sent_between(curve, 1.5, 2.05) == pytest.approx(77.0 - 42.0)
    assert sent_between(curve, 2.0, 9.0) == pytest.approx(6.0)
    assert sent_between(curve, None, 2.0) is None


def test_a_guest_stops_with_its_last_beat_at_the_source():
    beats = [Window("a", 1, 9.0, 13.5), Window("a", 1, 13.6, 14.0)]
    beats += [Window("b", 2, 14.2, 14.9), Window("b", 2, 15.0, 16.0)]
    lab = Namespace(
        now=lambda: 16.0,
        guest_check=lambda *_, **__: Namespace(silences_ms=[], longest_silence_ms=200),
        guests=Namespace(
            heartbeat=lambda _: Namespace(windows=lambda since: beats),
        ),
    )
    cell = Cell("S2", "adaptive", "deep", 0)
    listen(lab, cell, "g", "b", 10.0, ("writes", None))
    assert (cell.stopped_s, cell.landed_s) == (4.0, 4.2)


def test_a_cache_is_a_power_of_two():
    assert cache_for(256) == cache_for(200) == 256 * MIB
    assert cache_for(256, 10) == 16 * MIB
    assert cache_for(256, 50) == 128 * MIB


def test_words_that_depend_on_guest_and_link_are_filled_in():
    class Host:
        uri = "there"

    guest = GuestOptions("g", UUID, memory_mib=256)
    line = command(Host, Host, guest, STRATEGIES["xbzrle"], 64)
    assert str(256 * MIB) in line
    line = command(Host, Host, guest, STRATEGIES["postcopy-capped-75"], 64)
    assert line[line.index("--postcopy-bandwidth") + 1] == "48"


def test_a_clock_is_divided_but_not_a_stop_of_the_guest():
    class Policy:
        def model_dump(self):
            rules = ({"when": {"after_s_per_gib": 75.0, "passes_above": 3}},)
            limits = {"max_total_s": 60, "max_switchover_s": 30.0, "max_downtime_ms": 9}
            return {"name": "p", "limits": limits, "rules": rules}

        @staticmethod
        def model_validate(data):
            return data

    made = shortened(Policy(), 10)
    assert made["limits"] == {
        "max_total_s": 6,
        "max_switchover_s": 30.0,
        "max_downtime_ms": 9,
    }
    assert made["rules"] == ({"when": {"after_s_per_gib": 7.5, "passes_above": 3}},)


def test_a_clock_that_is_left_alone_leaves_the_policy_alone():
    policy = object()
    assert shortened(policy, 1) is policy
