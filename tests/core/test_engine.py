"""A migration from begin to close: what is called, written and told, in which order."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.core.scripted import XML, Copy, ScriptedGuest, ScriptedHost
from tests.requirements import requirement
from virtmigrate.events import EVENT
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome

BARE = [
    "journal.intent begin",
    "begin",
    "journal.intent prepare",
    "prepare",
    "journal.intent perform",
    "perform",
    "journal.commit",
    "finish(go)",
    "journal.intent confirm",
    "confirm(go)",
]


def test_a_bare_move(world, run):
    result = run.migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert world.calls == BARE
    assert world.hosts["a"] == Copy(RunState.ABSENT)
    assert world.hosts["b"] == Copy(RunState.RUNNING, XML)
    assert (result.faults, result.warnings, result.obligations) == ((), (), ())
    assert result.raise_unless_succeeded() is result


@requirement("lost.commit-first")
@requirement("journal.intent-first")
def test_commit_is_durable_before_finish_and_every_intent_before_its_step(world, run):
    run.migrate()
    calls = world.calls
    assert calls.index("journal.commit") == calls.index("finish(go)") - 1
    for step in ("begin", "prepare", "perform"):
        assert calls.index(f"journal.intent {step}") == calls.index(step) - 1
    assert "journal.intent confirm" in calls[: calls.index("confirm(go)")]


@requirement("lost.commit-first")
def test_the_source_is_seen_stopped_before_commit(world, run):
    world.breaks("perform", "after", lambda w: w.set("a", RunState.RUNNING))
    result = run.migrate()
    assert "journal.commit" not in world.calls
    assert result.outcome is Outcome.ROLLED_BACK
    assert "still runs at the source" in result.faults[0].message
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT


@requirement("lost.commit-first")
@pytest.mark.parametrize("still_runs", [False, True])
def test_commit_asks_for_no_more_than_the_state(world, run, monkeypatch, still_runs):
    """The guest stands still meanwhile; a guest that has no such look is looked at."""
    asked = []

    def glance(guest):
        asked.append(guest.host)
        seen = guest.look()
        runs = still_runs and guest.host == "a"
        return replace(seen, state=RunState.RUNNING) if runs else seen

    monkeypatch.setattr(ScriptedGuest, "glance", glance, raising=False)
    wanted = Outcome.ROLLED_BACK if still_runs else Outcome.SUCCEEDED
    assert run.migrate().outcome is wanted
    assert sorted(asked) == ["a", "b"]
    assert ("journal.commit" in world.calls) is not still_runs


STEP = ["step-started", "step-ended"]
TOLD = [
    "started",
    *STEP * 3,
    *["step-started", "acted", "step-ended"],
    *["step-started", "committed", "step-ended"],
    *[*STEP, "landed"],
    *STEP * 2,
    "judged",
    "ended",
]


@requirement("switch.landed")
@requirement("events.typed")
def test_events_come_in_order_and_survive_json(run):
    run.world.pulses = 2
    result = run.migrate()
    assert run.kinds() == TOLD
    assert [e.kind for e in run.events].count("progress") == 2
    times = [event.at_ms for event in run.events]
    assert times == sorted(times)
    for event in run.events:
        assert event.migration == result.migration
        assert EVENT.validate_json(event.model_dump_json()) == event
    assert run.events[-1].result == result


def test_the_last_figures_are_read_while_finish_is_under_way(world, run, monkeypatch):
    monkeypatch.setattr(ScriptedHost, "remote", True, raising=False)
    sampled, seen = threading.Event(), []
    world.breaks("source.sample", "before", lambda _: sampled.set())
    world.breaks("finish(go)", "before", lambda _: seen.append(sampled.wait(10)))
    assert run.migrate().processed_bytes == 40
    assert seen == [True]


def test_a_host_that_answers_at_once_is_asked_once_the_guest_has_landed(world, run):
    landed = []
    world.breaks("source.sample", "before", lambda _: landed.append(run.kinds()[-1]))
    run.migrate()
    assert landed == ["landed"]


def test_progress_for_display_never_runs_backwards(world, run):
    world.pulses = 4
    left = iter([75, 25, 50, 0])

    def sample(world):
        world.remaining = next(left)

    world.breaks("source.sample", "before", sample)
    run.migrate()
    told = [e for e in run.events if e.kind == "progress"]
    assert [e.raw_percent for e in told] == [25.0, 75.0, 50.0, 100.0]
    assert [e.percent for e in told] == [25.0, 75.0, 75.0, 100.0]


@requirement("journal.intent-first")
@requirement("journal.original-xml")
def test_the_journal_tells_the_whole_story(run):
    result = run.migrate()
    (entry,) = run.journal.entries()
    assert entry.outcome == "succeeded"
    assert entry.closed is not None
    records = run.journal.records(result.migration)
    steps = ["capture", "begin", "prepare", "perform", "commit", "finish", "confirm"]
    intents = [r.body["step"] for r in records if r.kind == "intent"]
    assert intents == [*steps, "observe"]
    done = [r.body["step"] for r in records if r.kind == "record"]
    assert done == [*steps, "observe"]
    (captured,) = [r.body for r in records if r.kind == "captured"]
    assert captured["definitions"]["persistent"] == XML
    assert captured["source"]["state"] == "running"
    assert records[-1].kind == "end"


def test_notes_of_a_plugin_are_journalled_with_each_record(world, run):
    plugin = run.manager.records[0].plugin
    begin = plugin.world
    assert begin is world

    def remember(world):
        world.ctx.notes["port"] = "49152"

    world.breaks("prepare", "after", remember)
    result = run.migrate()
    kept = {
        r.body["step"]: r.body["notes"]
        for r in run.journal.records(result.migration)
        if r.kind == "record"
    }
    assert kept["begin"] == {}
    assert kept["prepare"] == {"port": "49152"}
    assert kept["confirm"] == {"port": "49152"}
