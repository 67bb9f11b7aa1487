"""A journal that can't be written: nothing begins without it, no undo waits for it."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import World
from tests.requirements import requirement
from virtmigrate.errors import HostError, JournalError
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome

BEFORE = ["capture", "begin", "prepare", "perform", "commit"]
AFTER = ["finish", "restore_run_state", "confirm", "observe"]
ASKED = {"live": False}


def move(world, *broken):
    run = Run(world, style="coma")
    run.journal.broken = set(broken)
    return run, run.migrate(**ASKED)


@pytest.mark.parametrize("step", ["capture", "enter_coma", *BEFORE[1:]])
@requirement("journal.durable")
@requirement("lost.commit-first")
@requirement("journal.intent-first")
def test_no_step_before_commit_runs_without_its_intent(world, step):
    _run, result = move(world, ("intent", step))
    assert result.outcome is Outcome.ROLLED_BACK
    assert (result.faults[0].error, result.faults[0].step) == ("JournalError", step)
    assert step not in world.calls
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT
    assert world.wrongs == []


@pytest.mark.parametrize("record", [("captured", ""), ("commit", "")])
@requirement("lost.commit-first")
def test_without_capture_or_commit_it_rolls_back(world, record):
    _, result = move(world, record)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "finish(go)" not in world.calls
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT


@pytest.mark.parametrize("step", AFTER)
@requirement("lost.finish-reply")
def test_after_commit_a_missing_intent_stops_nothing(world, step):
    _, result = move(world, ("intent", step))
    assert result.outcome is Outcome.SUCCEEDED
    assert [f.step for f in result.faults] == ["journal"]
    assert world.hosts["b"].state is RunState.RUNNING
    assert world.hosts["a"].state is RunState.ABSENT


@pytest.mark.parametrize("kind", ["record", "verdict", "end", "fault", "undone"])
def test_a_missing_record_stops_nothing(world, kind):
    _run, result = move(world, (kind, ""))
    assert result.outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING


@pytest.mark.parametrize("step", BEFORE)
@requirement("journal.durable")
def test_a_journal_that_dies_at_a_step_stops_no_undo(world, step):
    """From then on nothing can be written at all."""
    run = Run(world, style="coma")

    def die(event):
        if event.kind == "step-started" and event.step == step:
            run.journal.broken = {("", "")}

    run.sinks.append(die)
    result = run.migrate(**ASKED)
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT
    told = [c for c in world.calls if "cancelled" in c]
    expected = {"capture": [], "begin": ["confirm(cancelled)"]}
    assert told == expected.get(step, ["finish(cancelled)", "confirm(cancelled)"])
    assert world.wrongs == []


@pytest.mark.parametrize("step", AFTER)
@requirement("lost.finish-reply")
def test_a_journal_that_dies_after_commit_stops_nothing(world, step):
    run = Run(world, style="coma")

    def die(event):
        if event.kind == "step-started" and event.step == step:
            run.journal.broken = {("", "")}

    run.sinks.append(die)
    assert run.migrate(**ASKED).outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING
    assert world.wrongs == []


@requirement("lost.unknown")
def test_where_the_hypervisor_moved_it_a_dead_journal_does_not_bring_it_back():
    world = World(gone=True)
    run = Run(world, style="emulated")
    run.journal.broken = {("intent", "commit"), ("commit", "")}
    result = run.migrate(undefine_source=False)
    assert result.outcome is Outcome.SUCCEEDED
    assert "finish(cancelled)" not in world.calls
    assert world.configurations() == ["a", "b"]


@pytest.mark.parametrize("error", [OSError("disk"), JournalError("x"), KeyError("k")])
@requirement("journal.own")
def test_a_journal_of_somebody_else_may_raise_anything(world, error):
    run = Run(world)
    written = run.journal.append

    def append(migration, kind, at, body, *, durable):
        if kind == "intent" and body["step"] == "perform":
            raise error
        written(migration, kind, at, body, durable=durable)

    run.journal.append = append
    result = run.migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.faults[0].error == "JournalError"
    assert world.hosts["b"].state is RunState.ABSENT


def test_a_journal_that_cant_be_closed_changes_no_outcome(world):
    run = Run(world)

    def close(*args, **kwargs):
        raise OSError("gone")

    run.journal.close = close
    assert run.migrate().outcome is Outcome.SUCCEEDED


def test_a_note_that_is_no_json_costs_its_record_only(world, tmp_path):
    from virtmigrate.sqlite_journal import SQLiteJournal  # noqa: PLC0415

    run = Run(world)
    run.migrator._journal = SQLiteJournal(tmp_path / "state" / "journal.db")

    def slip(world):
        world.ctx.notes["cookie"] = b"\x00"

    world.breaks("begin", "after", slip)
    result = run.migrate()
    assert [f.step for f in result.faults] == ["journal"]
    assert result.outcome is Outcome.SUCCEEDED


def test_nothing_begins_when_the_journal_cant_be_opened(world):
    run = Run(world)

    def refuse(*args):
        raise JournalError("it can't be trusted")

    run.journal.open = refuse
    with pytest.raises(JournalError):
        run.migrate()
    assert world.calls == []
    assert run.events == []


@requirement("journal.durable")
def test_a_rollback_is_written_before_anything_is_taken_back(world):
    world.breaks("perform", "before", HostError("no"))
    Run(world).migrate()
    calls = world.calls
    assert calls.index("journal.rollback") < calls.index("finish(cancelled)")
