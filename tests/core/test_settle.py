"""Verdicts carried out: what is called on both hosts for every cell of the table."""

from __future__ import annotations

import pytest

from tests.core.contexts import settler
from tests.core.decision_table import CELLS
from tests.core.declared import ends
from tests.core.plans import plan_between
from tests.core.scripted import XML, Copy, World
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.adjudication import Told
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.settle import QUIET_S

# What each verdict may do; in this order, each at most once.
MAY = {
    "W": [],
    "K": ["destination.destroy", "destination.undefine"],
    "K!": ["destination.destroy", "destination.undefine"],
    "KR": ["destination.destroy", "destination.undefine", "source.resume"],
    "KRc": ["source.resume"],
    "F": ["source.destroy", "source.undefine"],
    "FR": ["source.destroy", "source.undefine", "destination.resume"],
    "G": ["source.define", "destination.destroy", "destination.undefine"],
    **{word: [] for word in ("C", "D", "D?", "O", "X", "XR", "Q0", "PC")},
}
SOURCE = {
    "R": Copy(RunState.RUNNING, XML),
    "Pm": Copy(RunState.PAUSED_MIGRATION, XML),
    "Pu": Copy(RunState.PAUSED, XML),
    "PC": Copy(RunState.POSTCOPY, XML),
    "S": Copy(RunState.SHUTOFF, XML),
    "A": Copy(RunState.ABSENT),
    "J": Copy(RunState.RUNNING, XML, job=True),
    "U": Copy(RunState.PAUSED_MIGRATION, XML),
}
DESTINATION = {
    "R": Copy(RunState.RUNNING, XML),
    "P": Copy(RunState.PAUSED, XML),
    "I": Copy(RunState.PAUSED_MIGRATION),
    "PC": Copy(RunState.POSTCOPY, XML),
    "S": Copy(RunState.SHUTOFF, XML),
    "A": Copy(RunState.ABSENT),
    "U": Copy(RunState.PAUSED_MIGRATION),
}


def scene(source, destination):
    """A world in that state, whatever led to it."""
    world = World()
    for host, copy in (("a", SOURCE[source]), ("b", DESTINATION[destination])):
        world.hosts[host] = Copy(copy.state, copy.persistent, copy.job)
    world.down = {h for h, s in (("a", source), ("b", destination)) if s == "U"}
    return world


def settle(cell, **known):
    source, destination, told, two = cell
    world = scene(source, destination)
    world.newest = "b" if CELLS[cell] in ("F", "FR") else "a"
    made = settler(world, Told(told), two_step=two, **known)
    return world, made.settle(), made


each_source = pytest.mark.parametrize("source", SOURCE)


def cells_from(source):
    return [cell for cell in CELLS if cell[0] == source]


@each_source
@requirement("lost.decision-table")
def test_every_verdict_does_what_it_may_and_no_more(source):
    for cell in cells_from(source):
        world, settled, _ = settle(cell)
        word = CELLS[cell]
        if word == "Q":
            (call,) = world.calls
            assert call.endswith(".suspend")
        else:
            order = [MAY[word].index(call) for call in world.calls]
            assert order == sorted(set(order)), (cell, world.calls)
        assert world.wrongs == [], cell
        running = [h for h, c in world.hosts.items() if c.state is RunState.RUNNING]
        both_ran = cell[0] in ("R", "J") and cell[1] == "R"
        assert len(running) < 2 or both_ran, cell
        assert settled.reason


OUTCOMES = {
    "W": {Outcome.UNKNOWN},
    "K": {Outcome.ROLLED_BACK},
    "K!": {Outcome.ROLLED_BACK},
    "KR": {Outcome.ROLLED_BACK},
    "KRc": {Outcome.ROLLED_BACK},
    "C": {Outcome.ROLLED_BACK},
    "G": {Outcome.ROLLED_BACK},
    "F": {Outcome.SUCCEEDED},
    "FR": {Outcome.SUCCEEDED},
    "Q": {Outcome.QUARANTINED},
    "Q0": {Outcome.QUARANTINED},
    "D": {Outcome.QUARANTINED},
    "D?": {Outcome.QUARANTINED},
    "X": {Outcome.UNKNOWN},
    "XR": {Outcome.UNKNOWN},
    "O": {Outcome.UNKNOWN},
    "PC": {Outcome.UNKNOWN},
}


@each_source
@requirement("lost.decision-table")
def test_every_verdict_ends_as_it_should(source):
    for cell in cells_from(source):
        _, settled, _ = settle(cell)
        retired = CELLS[cell] != "FR" or source != "U"
        expected = OUTCOMES[CELLS[cell]] if retired else {Outcome.UNKNOWN}
        assert settled.outcome in expected, (cell, settled)


@requirement("lost.run-state")
def test_after_commit_the_guest_does_not_wait_for_a_silent_source():
    world, settled, _ = settle(("U", "P", "j3", True))
    assert world.calls == ["destination.resume"]
    assert settled.outcome is Outcome.UNKNOWN


@each_source
@requirement("lost.decision-table")
@requirement("journal.twice")
def test_settling_twice_does_nothing_more(source):
    """A second look at a settled world finds nothing left to start or end."""
    for cell in cells_from(source):
        world, first, made = settle(cell)
        world.calls.clear()
        second = made.settle()
        if first.outcome is Outcome.SUCCEEDED:
            assert world.calls == [], cell
        # Without its incomplete image nobody can tell any more why it runs nowhere.
        no_proof_left = CELLS[cell] == "G" and cell[2] == "j3"
        expected = Outcome.QUARANTINED if no_proof_left else first.outcome
        assert second.outcome is expected or first.outcome is Outcome.QUARANTINED


@requirement("lost.unknown")
def test_it_waits_for_a_job_within_a_bound():
    world, settled, made = settle(("J", "I", "j1", True))
    assert settled.outcome is Outcome.UNKNOWN
    assert "left alone" in settled.reason
    assert made.verdicts == []
    waited = world.clock.now() - 1000
    assert QUIET_S <= waited < QUIET_S + 1


@pytest.mark.parametrize("source", ["S", "A"])
@pytest.mark.parametrize("told", list(Told)[1:])
@requirement("lost.frozen")
def test_a_copy_that_is_the_only_one_and_does_not_answer_is_not_ended(source, told):
    """Its frozen process shows a job, as an incoming one does: but it is complete."""
    world = scene(source, "P")
    world.hosts["b"].job, world.newest = True, "b"
    made = settler(world, told, two_step=True)
    settled = made.settle()
    assert (world.calls, settled.outcome) == ([], Outcome.UNKNOWN)
    world.hosts["b"].job = False
    assert made.settle().outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING


def test_it_goes_on_when_the_job_ends():
    world = scene("J", "I")
    made = settler(world, Told.ROLLING_BACK, two_step=True)
    ends = iter([False] * 10 + [True])

    def look(world):
        world.hosts["a"].job = not next(ends, True)

    world.breaks("source.look", "before", look)
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert world.hosts["b"].state is RunState.ABSENT


@requirement("lost.run-state")
def test_the_source_gets_the_state_it_had():
    world = scene("Pm", "A")
    assert settler(world, Told.PERFORMED, two_step=True).settle().outcome
    assert world.hosts["a"].state is RunState.RUNNING
    world = scene("Pm", "A")
    world.state = RunState.PAUSED
    made = settler(world, Told.PERFORMED, two_step=True)
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert "source.resume" not in world.calls


@requirement("lost.run-state")
def test_a_guest_paused_by_a_person_meanwhile_is_not_resumed():
    world = scene("Pu", "A")
    made = settler(world, Told.ROLLING_BACK, two_step=True)
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert world.calls == []


@requirement("lost.run-state")
def test_a_guest_paused_by_us_is_resumed():
    world = scene("Pu", "A")
    made = settler(world, Told.ROLLING_BACK, two_step=True, suspended=True)
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert world.hosts["a"].state is RunState.RUNNING


def test_a_destination_that_was_not_touched_is_not_cleaned():
    world = scene("R", "I")
    made = settler(world, Told.BEGUN, two_step=True, prepared=False)
    made.settle()
    assert world.calls == []


def test_a_definition_that_was_there_before_stays():
    world = scene("R", "S")
    made = settler(
        world, Told.ROLLING_BACK, two_step=True, there=Copy(RunState.SHUTOFF, XML)
    )
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert world.hosts["b"].persistent == XML


def test_a_guest_that_stopped_by_itself_keeps_a_definition():
    world = scene("A", "I")
    made = settler(world, Told.ROLLING_BACK, two_step=True)
    assert made.settle().outcome is Outcome.ROLLED_BACK
    assert world.hosts["a"].persistent == XML
    assert world.hosts["b"].state is RunState.ABSENT


BREAKS = [
    HostError("refused"),
    HostUnreachable("gone"),
    AnswerLost("lost"),
    ValueError("a plugin's mistake"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("cell", "call"),
    [
        (("R", "I", "jR", True), "destination.destroy"),
        (("Pm", "I", "jR", True), "destination.destroy"),
        (("Pm", "A", "jR", True), "source.resume"),
        (("Pm", "R", "j3", True), "source.destroy"),
        (("S", "R", "j3", True), "source.undefine"),
        (("Pm", "P", "j3", True), "source.destroy"),
        (("Pm", "P", "j3", True), "destination.resume"),
        (("R", "R", "j3", True), "source.suspend"),
        (("A", "S", "jR", True), "source.define"),
    ],
)
@requirement("lost.unknown")
def test_an_action_that_fails_is_told_and_judged_by_what_is_seen(
    cell, call, when, error
):
    world = scene(*cell[:2])
    made = settler(world, Told(cell[2]), two_step=cell[3])
    world.breaks(call, when, error)
    settled = made.settle()
    retried = call == "destination.resume" and when == "before"
    assert len(made.faults) == (7 if retried else 1)
    assert call in world.calls
    assert world.configurations()
    if call == "destination.destroy" and when == "before":
        assert "source.resume" not in world.calls
    done = when == "after"
    if done or call in ("source.undefine", "source.define"):
        assert settled.outcome in OUTCOMES[CELLS[cell]]
    elif CELLS[cell] != "Q":
        assert settled.outcome is Outcome.UNKNOWN
    running = [h for h, c in world.hosts.items() if c.state is RunState.RUNNING]
    assert len(running) < 2 or CELLS[cell] == "Q"


@requirement("lost.run-state")
def test_a_resume_at_the_destination_is_tried_again_while_storage_wakes_up():
    world = scene("Pm", "P")
    world.newest = "b"
    made = settler(world, Told.COMMITTED, two_step=True)

    def too_early(world):
        if world.clock.now() < 1012:
            raise HostError("block devices are not active yet")

    world.breaks("destination.resume", "before", too_early)
    assert made.settle().outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING


POSSIBLE = [
    cell
    for cell in CELLS
    if cell[2:] in (("jR", True), ("j3", True))
    and "U" not in cell[:2]
    # What the journal rules out can't be so unseen either: a destination that runs
    # after a rollback, a source that runs after COMMIT.
    and cell[1:3] != ("R", "jR")
    and not (cell[0] in ("R", "J") and cell[2] == "j3")
]


@pytest.mark.parametrize("looks", range(6))
@pytest.mark.parametrize("side", ["source", "destination"])
@requirement("lost.unknown")
def test_a_host_that_falls_silent_meanwhile_is_no_crash_and_no_second_copy(side, looks):
    for cell in POSSIBLE:
        world = scene(*cell[:2])
        made = settler(world, Told(cell[2]), two_step=True)
        seen = iter(range(1000))

        def fall_silent(world, seen=seen):
            if next(seen) >= looks:
                raise HostUnreachable("gone")

        world.breaks(f"{side}.look", "before", fall_silent)
        assert made.settle().outcome in Outcome
        running = [h for h, c in world.hosts.items() if c.state is RunState.RUNNING]
        assert len(running) < 2 or cell[:2] == ("J", "R"), cell


# A stopped guest: its definitions decide ---------------------------------------------

OFFLINE = [
    # source, destination, journal -> outcome, where it is defined in the end
    ("S", "A", "j0", Outcome.ROLLED_BACK, ["a"]),
    ("S", "A", "j3", Outcome.ROLLED_BACK, ["a"]),
    ("S", "A", "jR", Outcome.ROLLED_BACK, ["a"]),
    ("S", "S", "j3", Outcome.SUCCEEDED, ["b"]),
    ("A", "S", "j3", Outcome.SUCCEEDED, ["b"]),
    ("A", "S", "j2", Outcome.SUCCEEDED, ["b"]),
    ("S", "S", "jR", Outcome.ROLLED_BACK, ["a"]),
    ("A", "A", "j3", Outcome.ROLLED_BACK, ["a"]),
]


@pytest.mark.parametrize(("source", "there", "told", "outcome", "defined"), OFFLINE)
@requirement("offline.definition")
@requirement("lost.configuration")
def test_the_definition_of_a_stopped_guest_is_at_one_end(
    source, there, told, outcome, defined
):
    world = scene(source, there)
    world.state = RunState.SHUTOFF
    plan = plan_between(ends(state=RunState.SHUTOFF), Options())
    made = settler(world, Told(told), two_step=True, plan=plan)
    settled = made.settle()
    assert settled.outcome is outcome
    assert world.configurations() == defined
    if (source, there) == ("S", "A"):
        assert settled.reason == "its definition is at the source, and nowhere else"
