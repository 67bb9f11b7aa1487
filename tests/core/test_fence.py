"""A host that does not come back: what is done without it, and on a person's word."""

from __future__ import annotations

import pytest

from tests.core.decision_table import CELLS, broken
from tests.core.scripted import XML, Copy
from tests.core.test_recovery import killed_at
from tests.requirements import requirement
from virtmigrate import recovering
from virtmigrate.adjudication import At, Told, adjudicate, fenced
from virtmigrate.errors import BadInput, HostUnreachable, NotMovable
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.results import Paid

RUNNING, SHUTOFF = RunState.RUNNING, RunState.SHUTOFF
PAUSED_MIGRATION = RunState.PAUSED_MIGRATION

PROVEN = [
    *((cell, "source") for cell in CELLS if cell[0] == "U"),
    *((cell, "destination") for cell in CELLS if cell[1] == "U" and cell[0] != "U"),
]


def test_with_proofs_there_are_seven_hundred_combinations():
    assert len(CELLS) + len(PROVEN) == 700


@requirement("lost.decision-table")
def test_no_proof_leads_to_what_breaks_an_invariant():
    """Whether a definition was left on the host that is off, or nothing."""
    for (source, destination, told, two), side in PROVEN:
        here, there = At(source), At(destination)
        if side == "source":
            here = fenced(here)
        else:
            there = fenced(there)
        verdict = adjudicate(here, there, Told(told), two_step=two)
        for left in ("S", "A"):
            truth = (left, destination) if side == "source" else (source, left)
            assert broken((*truth, told, two), verdict) == [], (truth, told, two)


# On hosts ----------------------------------------------------------------------------


def dead(run, host):
    run.world.down.add(host)
    return run


def back(run, host, left=None):
    """The host is back, with nothing running on it."""
    run.world.down.discard(host)
    run.world.hosts[host] = left or Copy()
    run.world.calls.clear()


@requirement("lost.unknown")
def test_a_destination_that_does_not_answer_does_not_keep_the_guest_down():
    """In two steps it can't have been started there: the source goes on."""
    run = dead(killed_at("bare", "perform", "after"), "b")
    assert run.world.hosts["a"].state is PAUSED_MIGRATION
    result = run.migrator.recover("m1")
    assert result.outcome is Outcome.ROLLED_BACK
    assert run.world.hosts["a"].state is RUNNING
    assert result.obligations == ("clean_destination",)


@requirement("lost.unknown")
def test_a_source_that_does_not_answer_leaves_the_truth_unknown():
    run = dead(killed_at("bare", "perform", "after"), "a")
    assert run.migrator.recover("m1").outcome is Outcome.UNKNOWN
    assert run.world.calls == []


@requirement("lost.unknown")
def test_where_neither_answers_nothing_is_touched():
    run = dead(dead(killed_at("bare", "perform", "after"), "a"), "b")
    for proof in ("", "a", "b"):
        with pytest.raises(HostUnreachable):
            run.migrator.recover("m1", fence_proof=proof)
    assert run.journal.entries()[0].closed is None


@requirement("recover.fence")
def test_a_source_that_is_off_is_retired_when_it_is_back():
    run = dead(killed_at("bare", "finish(go)", "after"), "a")
    assert run.migrator.recover("m1").outcome is Outcome.UNKNOWN
    result = run.migrator.recover("m1", fence_proof="a")
    assert result.outcome is Outcome.SUCCEEDED
    assert run.world.hosts["b"].state is RUNNING
    assert result.obligations == ("retire_source",)
    assert [debt.state for debt in run.migrator.settle()] == [Paid.OWED]
    back(run, "a", Copy(SHUTOFF, XML))
    assert [debt.state for debt in run.migrator.settle()] == [Paid.PAID]
    assert run.world.configurations() == ["b"]


@requirement("recover.fence")
def test_a_guest_that_was_started_again_at_the_source_is_never_ended():
    run = dead(killed_at("bare", "finish(go)", "after"), "a")
    run.migrator.recover("m1", fence_proof="a")
    back(run, "a", Copy(RUNNING, XML))
    (debt,) = run.migrator.settle()
    assert debt.state is Paid.OWED
    assert "look at both hosts" in debt.why
    assert run.world.calls == []


@requirement("recover.fence")
def test_a_destination_that_is_off_before_commit_gives_the_guest_back():
    run = dead(killed_at("bare", "perform", "before"), "b")
    result = run.migrator.recover("m1", fence_proof="b")
    assert result.outcome is Outcome.ROLLED_BACK
    assert run.world.hosts["a"] == Copy(RUNNING, XML)
    back(run, "b", Copy(SHUTOFF, XML))
    assert [debt.state for debt in run.migrator.settle()] == [Paid.PAID]
    assert run.world.configurations() == ["a"]


@requirement("recover.fence")
def test_a_destination_that_is_off_after_commit_may_have_had_the_newer_guest():
    run = dead(killed_at("bare", "finish(go)", "before"), "b")
    result = run.migrator.recover("m1", fence_proof="b")
    assert result.outcome is Outcome.QUARANTINED
    assert run.world.hosts["a"].state is PAUSED_MIGRATION
    assert run.world.calls == ["journal.fenced"]


@requirement("recover.fence")
def test_a_proof_is_written_down():
    run = dead(killed_at("bare", "perform", "before"), "b")
    run.migrator.recover("m1", fence_proof="b")
    kinds = {record.kind: record.body for record in run.journal.records("m1")}
    assert kinds["fenced"] == {"side": "destination", "host": "b"}


@requirement("recover.fence")
@pytest.mark.parametrize(
    ("proof", "error"), [("a", NotMovable), ("c", BadInput), ("\x1b[31m", BadInput)]
)
def test_a_proof_of_what_can_be_seen_or_of_somebody_else_is_refused(proof, error):
    run = dead(killed_at("bare", "perform", "before"), "b")
    before = run.world.hosts["a"].state
    with pytest.raises(error):
        run.migrator.recover("m1", fence_proof=proof)
    assert run.world.calls == []
    assert run.world.hosts["a"].state is before
    assert run.journal.entries()[0].closed is None


@requirement("lost.unknown")
def test_a_uri_that_leads_to_another_host_is_refused():
    run = killed_at("bare", "perform", "after")
    with pytest.raises(BadInput, match="another host"):
        run.migrator.recover("m1", destination="scripted:///a")
    assert run.world.calls == []


@requirement("recover.fence")
def test_a_host_in_whose_place_there_is_another_can_be_said_to_be_no_more():
    run = killed_at("bare", "perform", "before")
    result = run.migrator.recover("m1", destination="scripted:///a", fence_proof="b")
    assert result.outcome is Outcome.ROLLED_BACK
    assert run.world.hosts["a"] == Copy(RUNNING, XML)


# Only looking ------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["prepare", "perform", "finish(go)", "confirm(go)"])
def test_to_judge_touches_nothing_and_says_what_recovery_does(call, when):
    run = killed_at("bare", call, when)
    before = {host: (copy.state, copy.persistent) for host, copy in hosts(run)}
    judged = run.migrator.judge("m1")
    assert run.world.calls == []
    assert {host: (c.state, c.persistent) for host, c in hosts(run)} == before
    assert len(run.journal.entries()) == 1
    run.migrator.recover("m1")
    told = [event.verdict for event in run.events if event.kind == "judged"]
    assert judged.verdict in told or judged.verdict == "W"


def hosts(run):
    return run.world.hosts.items()


# A transfer that outlives its controller ---------------------------------------------

LEFT_S = 500.0


def outlived():
    """A peer-to-peer transfer that goes on, and nobody has watched it for a while."""
    run = killed_at("peer", "perform", "before")
    world = run.world
    world.hosts["a"].job = True
    world.hosts["b"] = Copy(PAUSED_MIGRATION)
    world.began = world.clock.time
    world.clock.time += LEFT_S
    return run


@pytest.fixture
def seldom(monkeypatch):
    """Nobody needs to look four times a second for half an hour."""
    monkeypatch.setattr(recovering, "LOOK_S", 5.0)


@requirement("recover.policy")
@pytest.mark.usefixtures("seldom")
def test_the_policy_of_a_transfer_that_outlived_its_controller_goes_on():
    run = outlived()
    world = run.world

    def over(world):
        world.hosts["a"].job = False
        world.hosts["b"] = Copy()

    world.breaks("source.abort", "after", over)
    result = run.migrator.recover("m1")
    assert result.outcome is Outcome.ROLLED_BACK
    assert (result.fired.limit, result.fired.action) == ("max_total", "abort")
    assert world.clock.time - world.began == pytest.approx(result.fired.value, abs=10)
    assert world.hosts["a"] == Copy(RUNNING, XML)


@requirement("recover.policy")
def test_a_transfer_that_arrives_meanwhile_has_arrived():
    run = outlived()
    world = run.world

    def arrive(world):
        if world.clock.time > world.began + LEFT_S + 3:
            world.moved()
            world.hosts["a"] = Copy()
            world.hosts["b"] = Copy(RUNNING, XML)

    world.breaks("source.sample", "before", arrive)
    assert run.migrator.recover("m1").outcome is Outcome.SUCCEEDED
    assert "source.abort" not in world.calls
    assert world.wrongs == []


@requirement("recover.policy")
@pytest.mark.usefixtures("seldom")
def test_a_job_that_nothing_ends_is_not_watched_for_ever():
    run = outlived()
    result = run.migrator.recover("m1")
    assert result.outcome is Outcome.UNKNOWN
    assert "told to end" in result.faults[0].message
    assert run.world.hosts["a"].state is RUNNING
