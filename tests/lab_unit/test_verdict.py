"""The judge of a history: what it lets pass, and each thing that it condemns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.requirements import requirement
from virtmigrate_lab.report import GuestReport
from virtmigrate_lab.verdict import violations
from virtmigrate_lab.windows import Run

WELL = GuestReport(
    name="g",
    uuid="u",
    hosts={"a": "absent", "b": "running"},
    persistent=["b"],
    beats_on="b",
    alive=True,
    counter=900,
    writes=1,
    pages=10,
    verified=10,
    memory_ok=True,
    errors=0,
    first_bad_page=None,
    longest_silence_ms=30.0,
    since=0.0,
)
MOVED = [Run("a", 0.0, 1.0, 1, 100), Run("b", 1.1, 2.0, 101, 900)]
WAITS = replace(
    WELL,
    hosts={"a": "paused", "b": "absent"},
    persistent=["a"],
    beats_on=None,
    alive=False,
    memory_ok=None,
)


def test_a_guest_that_moved_and_runs_well_is_let_pass():
    assert violations(WELL, MOVED, runs_on="b") == []


def test_a_guest_that_waits_in_one_place_is_let_pass_where_that_was_left_open():
    assert violations(WAITS, MOVED[:1], runs_on=None) == []
    assert violations(WELL, MOVED, runs_on=None) == []


def test_whoever_may_have_been_killed_may_run_nowhere():
    dead = replace(WAITS, hosts={"a": "shut off", "b": "absent"})
    assert violations(dead, MOVED[:1], runs_on="a", mortal=True) == []
    assert violations(dead, MOVED[:1], runs_on="a")


BAD = {
    "ran twice": (replace(WELL, double_run=[(1.0, 2.0)]), MOVED, "b"),
    "stale memory": (WELL, [*MOVED, Run("a", 2.0, 3.0, 101, 120)], "b"),
    "elsewhere": (WELL, MOVED, "a"),
    "silent": (replace(WELL, alive=False, beats_on=None), MOVED, "b"),
    "wrong pages": (replace(WELL, errors=1, memory_ok=False), MOVED, "b"),
    "not verified": (replace(WELL, memory_ok=None), MOVED, "b"),
    "a copy left": (
        replace(WELL, hosts={"a": "paused", "b": "running"}),
        MOVED,
        "b",
    ),
    "a definition left": (
        replace(WELL, hosts={"a": "shut off", "b": "running"}),
        MOVED,
        "b",
    ),
    "not defined where it is": (replace(WELL, persistent=["a"]), MOVED, "b"),
    "defined nowhere": (replace(WELL, persistent=[]), MOVED, None),
    "memory nowhere": (
        replace(WAITS, hosts={"a": "shut off", "b": "absent"}),
        MOVED[:1],
        None,
    ),
    "two halves": (
        replace(WAITS, hosts={"a": "paused", "b": "paused"}),
        MOVED[:1],
        None,
    ),
    "wrong pages, left open": (replace(WELL, errors=3), MOVED, None),
}


@requirement("lost.judged")
@pytest.mark.parametrize("what", BAD)
def test_a_bad_history_is_condemned(what):
    report, history, runs_on = BAD[what]
    assert violations(report, history, runs_on=runs_on)


@requirement("lost.judged")
def test_death_excuses_neither_two_that_run_nor_a_stale_one():
    twice = replace(WELL, double_run=[(1.0, 2.0)])
    stale = [*MOVED, Run("a", 2.0, 3.0, 101, 120)]
    nowhere = replace(WELL, persistent=[])
    for report, history in ((twice, MOVED), (WELL, stale), (nowhere, MOVED)):
        assert violations(report, history, runs_on="b", mortal=True)
