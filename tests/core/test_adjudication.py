"""The adjudicator is its table, and the table breaks no invariant."""

from __future__ import annotations

import pytest

from tests.core.decision_table import CELLS, DOES, NOTHING, WAITING, broken
from tests.requirements import requirement
from virtmigrate.adjudication import (
    WHY,
    At,
    Told,
    Verdict,
    adjudicate,
    at_destination,
    at_source,
)
from virtmigrate.host import RunState, Sighting
from virtmigrate.settle import ENDS

ALL = {
    "starts while the other may run",
    "ends a running guest",
    "ends the last copy",
    "ends a copy that may be newer",
    "resumes a stale source",
    "acts while a job is active",
    "acts in post-copy",
    "acts on what is not ours",
    "pauses where only one can have run",
}


def verdict(cell):
    source, destination, told, two = cell
    return adjudicate(At(source), At(destination), Told(told), two_step=two)


def test_all_combinations_are_there():
    assert len(CELLS) == 8 * 7 * 5 * 2
    assert {cell[0] for cell in CELLS} == {"R", "Pm", "Pu", "PC", "S", "A", "J", "U"}
    assert {cell[1] for cell in CELLS} == {"R", "P", "I", "PC", "S", "A", "U"}


@requirement("lost.decision-table")
def test_every_combination_is_decided_as_written():
    wrong = {cell: verdict(cell) for cell in CELLS if verdict(cell) != CELLS[cell]}
    assert wrong == {}


@requirement("lost.decision-table")
def test_no_decision_breaks_an_invariant():
    wrong = {cell: broken(cell, verdict(cell)) for cell in CELLS}
    assert {cell: names for cell, names in wrong.items() if names} == {}


def test_the_invariants_have_teeth():
    """Of all single cells that act otherwise, they flag a good part."""
    acting = [word for word in DOES if DOES[word] not in (NOTHING, WAITING)]
    mutants = [
        (cell, word)
        for cell in CELLS
        for word in acting
        if DOES[word] != DOES[verdict(cell)]
    ]
    flagged = [mutant for mutant in mutants if broken(*mutant)]
    assert len(mutants) > 2500
    assert len(flagged) > len(mutants) / 2
    assert {name for mutant in flagged for name in broken(*mutant)} == ALL


@requirement("lost.unknown")
def test_nothing_is_touched_in_post_copy_or_while_a_job_is_active():
    for cell in CELLS:
        source, destination, told, _ = cell
        if (source, destination, told) == ("PC", "R", "j3"):
            assert verdict(cell) is Verdict.FORWARD, cell
        elif "PC" in (source, destination):
            assert verdict(cell) is Verdict.POSTCOPY, cell
        elif source == "J":
            assert verdict(cell) is Verdict.WAIT, cell


@requirement("lost.unknown")
def test_what_is_not_ours_is_not_touched():
    for cell in CELLS:
        source, destination, told, _ = cell
        if told == "j0" and destination in ("R", "P") and source not in ("J", "PC"):
            assert verdict(cell) is Verdict.NOT_OURS, cell


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_reason_and_an_end(verdict):
    assert WHY[verdict]
    assert verdict is Verdict.WAIT or verdict in ENDS
    assert verdict.value in DOES


# From what a host shows to the table's letters ---------------------------------------

SOURCE = {
    RunState.RUNNING: "R",
    RunState.PAUSED: "Pu",
    RunState.PAUSED_MIGRATION: "Pm",
    RunState.PAUSED_IOERROR: "Pu",
    RunState.POSTCOPY: "PC",
    RunState.POSTCOPY_FAILED: "PC",
    RunState.PMSUSPENDED: "Pu",
    RunState.SHUTOFF: "S",
    RunState.ABSENT: "A",
    RunState.UNREACHABLE: "U",
}
DESTINATION = {
    RunState.RUNNING: "R",
    RunState.PAUSED: "P",
    RunState.PAUSED_MIGRATION: "I",
    RunState.PAUSED_IOERROR: "P",
    RunState.POSTCOPY: "PC",
    RunState.POSTCOPY_FAILED: "PC",
    RunState.PMSUSPENDED: "P",
    RunState.SHUTOFF: "S",
    RunState.ABSENT: "A",
    RunState.UNREACHABLE: "U",
}


@pytest.mark.parametrize("state", RunState)
def test_every_state_has_its_letter(state):
    assert at_source(Sighting(state), ours=False) == SOURCE[state]
    assert at_destination(Sighting(state)) == DESTINATION[state]


def test_a_pause_of_ours_is_no_wish_of_a_person():
    assert at_source(Sighting(RunState.PAUSED), ours=True) is At.STOPPED_BY_MOVE
    assert at_source(Sighting(RunState.PAUSED), ours=False) is At.STOPPED_BY_USER


@pytest.mark.parametrize("state", RunState)
def test_an_active_job_at_the_source_means_wait_unless_in_post_copy(state):
    seen = at_source(Sighting(state, job=True), ours=False)
    if SOURCE[state] in ("R", "Pu", "Pm"):
        assert seen is At.JOB
    else:
        assert seen == SOURCE[state]


def test_a_paused_copy_with_a_job_is_incoming_at_the_destination():
    assert at_destination(Sighting(RunState.PAUSED, job=True)) is At.INCOMING
