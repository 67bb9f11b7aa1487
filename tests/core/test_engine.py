"""A migration from begin to close: what is called, written and told, in which order."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import XML, Copy, World
from tests.requirements import requirement
from virtmigrate import MemoryJournal, NotSucceeded
from virtmigrate.capabilities import Form
from virtmigrate.errors import (
    BadInput,
    GuestNotFound,
    HostError,
    JobAborted,
    NotMovable,
    leaves,
)
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


STEP = ["step-started", "step-ended"]
TOLD = [
    "started",
    *STEP * 4,
    *["step-started", "committed", "step-ended"],
    *[*STEP, "landed"],
    *STEP * 2,
    "judged",
    "ended",
]


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


# Run states ---------------------------------------------------------------------------


@requirement("live.meaning")
@requirement("live.fake")
def test_coma_suspends_before_begin_and_resumes_after_landing():
    world = World(gone=True)
    result = Run(world, style="vz").migrate(live=False, undefine_source=False)
    assert result.outcome is Outcome.SUCCEEDED
    assert [c for c in world.calls if not c.startswith("journal")] == [
        "source.suspend",
        "begin",
        "prepare",
        "perform",
        "finish(go)",
        "destination.resume",
        "confirm(go)",
        "source.define",
    ]
    assert world.hosts["a"] == Copy(RunState.SHUTOFF, XML)
    assert world.hosts["b"].state is RunState.RUNNING
    assert any("made again from its XML" in w for w in result.warnings)


@requirement("live.fake")
def test_the_guest_runs_nowhere_during_coma():
    world = World(gone=True)
    ran = []
    for call in ("begin", "prepare", "perform", "finish(go)"):
        world.breaks(
            call,
            "before",
            lambda w: ran.append(
                [h for h, c in w.hosts.items() if c.state is RunState.RUNNING]
            ),
        )
    Run(world, style="vz").migrate(live=False)
    assert ran == [[]] * 4


@requirement("persist.absent")
def test_a_definition_that_was_not_wanted_is_undone_at_the_destination():
    world = World(gone=True, persistent=False)
    result = Run(world, style="vz").migrate(persist_dest=False)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.obligations == ("undo_persist",)
    assert world.hosts["b"].state is RunState.RUNNING
    world = World(gone=True)
    run = Run(world, style="emulated")
    assert run.migrate(persist_dest=False, undefine_source=False).succeeded
    assert world.hosts["b"] == Copy(RunState.RUNNING, None)
    assert world.hosts["a"] == Copy(RunState.SHUTOFF, XML)
    assert world.calls[-1] == "destination.undefine"


@requirement("persist.absent")
def test_a_definition_that_was_there_before_is_put_back():
    old = "<domain><name>older</name></domain>"
    world = World(gone=True, hosts={"b": Copy(RunState.SHUTOFF, old)})
    asked = {"persist_dest": False, "undefine_source": False}
    assert Run(world, style="emulated").migrate(**asked).succeeded
    assert world.hosts["b"] == Copy(RunState.RUNNING, old)


@requirement("paused")
@requirement("lost.run-state")
@pytest.mark.parametrize("style", ["qemu", "vz"])
def test_a_paused_guest_stays_paused(style):
    world = World(state=RunState.PAUSED, gone=style == "vz")
    assert Run(world, style=style).migrate().succeeded
    assert world.hosts["b"].state is RunState.PAUSED
    assert not [c for c in world.calls if c.endswith(("resume", "suspend"))]


@requirement("paused")
def test_paused_asked_for_leaves_a_running_guest_paused(world, run):
    assert run.migrate(paused=True).succeeded
    assert world.hosts["b"].state is RunState.PAUSED


@requirement("paused")
def test_paused_refused_by_the_caller_runs_a_paused_guest():
    world = World(state=RunState.PAUSED)
    assert Run(world).migrate(paused=False).succeeded
    assert world.hosts["b"].state is RunState.RUNNING


@requirement("lost.run-state")
def test_a_guest_that_an_admin_pauses_in_mid_perform_lands_paused(world, run):
    def admin(world):
        world.hosts["a"].state = RunState.PAUSED

    world.breaks("perform", "after", admin)
    assert run.migrate().succeeded
    assert world.hosts["b"].state is RunState.PAUSED


@requirement("lost.run-state")
def test_a_pause_of_ours_is_not_taken_for_an_admins():
    world = World(pulses=8)
    result = Run(world).migrate(timeout_s=3)
    assert result.succeeded
    assert world.hosts["b"].state is RunState.RUNNING
    assert world.calls.count("source.knob suspend") == 1


@requirement("offline.definition")
def test_a_stopped_guests_definition_moves_without_a_perform():
    world = World(state=RunState.SHUTOFF)
    result = Run(world).migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert "perform" not in world.calls
    assert world.hosts == {
        "a": Copy(RunState.ABSENT),
        "b": Copy(RunState.SHUTOFF, XML),
    }


@requirement("managed")
@pytest.mark.parametrize("asked", [{"p2p": True}, {"p2p": True, "one_step": True}])
def test_peer_to_peer_lands_paused_and_resumes_after_commit(asked):
    world = World(declared={"forms": tuple(Form)})
    assert Run(world).migrate(**asked).succeeded
    resumed = "destination.resume" in world.calls
    assert resumed is ("one_step" not in asked)
    if resumed:
        commit = world.calls.index("journal.commit")
        assert commit < world.calls.index("destination.resume")
    assert world.hosts["b"].state is RunState.RUNNING
    assert world.wrongs == []


# Cancel -------------------------------------------------------------------------------

STEPS = ["capture", "begin", "prepare", "perform", "commit"]


@pytest.mark.parametrize("edge", range(len(STEPS)), ids=STEPS)
@requirement("ends.cancel")
def test_cancel_at_the_edge_of_each_step_rolls_back(world, edge):
    run = Run(world)

    def cancel(event):
        if event.kind == "step-started" and event.step == STEPS[edge]:
            run.cancel.set()

    run.sinks.append(cancel)
    result = run.migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.limit == "cancelled by the caller"
    assert result.faults[0].error == "Cancelled"
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT
    assert STEPS[edge] not in world.calls
    told = [c for c in world.calls if "cancelled" in c]
    both = ["finish(cancelled)", "confirm(cancelled)"]
    assert told == ([] if edge < 2 else both[edge == 2 :])
    assert world.wrongs == []


@requirement("ends.cancel")
def test_cancel_after_commit_goes_forward(world):
    run = Run(world)

    def cancel(event):
        if event.kind == "committed":
            run.cancel.set()

    run.sinks.append(cancel)
    assert run.migrate().outcome is Outcome.SUCCEEDED


@requirement("ends.cancel")
def test_cancel_in_mid_transfer_aborts_it_and_rolls_back(world):
    world.pulses = 10
    run = Run(world)

    def transfer(world):
        if world.clock.now() > 1003:
            run.cancel.set()
        if "source.abort" in world.calls:
            raise JobAborted("operation aborted")

    world.breaks("transfer", "before", transfer)
    result = run.migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.faults[0].error == "Cancelled"
    assert world.calls.count("source.abort") == 1
    acted = [e for e in run.events if e.kind == "acted"]
    assert [(e.action, e.why) for e in acted] == [("abort", "cancelled by the caller")]
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT


@requirement("ends.cancel")
def test_cancel_in_one_step_once_the_hypervisor_has_moved_it_goes_forward():
    world = World(gone=True)
    run = Run(world, style="vz")
    world.breaks("perform", "after", lambda w: run.cancel.set())
    result = run.migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING
    assert "finish(cancelled)" not in world.calls
    assert world.wrongs == []


# Refusals -----------------------------------------------------------------------------


@requirement("say.refused-untouched")
def test_a_refused_request_touches_nothing_and_writes_nothing(world, run):
    with pytest.raises(ExceptionGroup) as caught:
        run.migrate(offline=True, tunnelled=True, p2p=False, parallel=True)
    assert leaves(caught.value)
    assert world.calls == []
    assert run.events == []
    assert run.journal.entries() == []


@requirement("say.refused-untouched")
def test_an_unknown_guest_and_a_bad_uri_are_refused(world, run):
    with pytest.raises(GuestNotFound):
        run.migrator.migrate("nobody", "scripted:///a", "scripted:///b")
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.migrate("demo", "-x", "scripted://-oProxyCommand=id/b")
    sides = [e.side for e in leaves(caught.value)]
    assert sides == ["source", "destination"]
    assert all(isinstance(e, BadInput) for e in leaves(caught.value))
    assert world.calls == []


@requirement("say.refused-untouched")
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda w: w.hosts.update(b=Copy(RunState.PAUSED, XML)), "already-active"),
        (lambda w: setattr(w.hosts["a"], "job", True), "job-active"),
        (
            lambda w: setattr(w.hosts["a"], "state", RunState.PAUSED_MIGRATION),
            "half-migrated",
        ),
        (lambda w: setattr(w.hosts["a"], "state", RunState.POSTCOPY), "in-postcopy"),
    ],
)
def test_what_the_pre_flight_finds_refuses_the_plan(world, run, change, found):
    change(world)
    with pytest.raises(ExceptionGroup) as caught:
        run.migrate()
    (error,) = leaves(caught.value)
    assert isinstance(error, NotMovable)
    assert error.remedy
    assert world.calls == []
    assert found


def test_the_same_host_twice_is_refused(run):
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.migrate("demo", "scripted:///a", "scripted:///a")
    assert "source and destination are the same host" in str(leaves(caught.value)[0])


@requirement("journal.one-per-guest")
def test_a_guest_in_an_open_migration_is_refused_untouched(world, run):
    run.journal.open("other", run.plan(), 1.0)
    with pytest.raises(NotMovable, match="migration other"):
        run.migrate()
    assert world.calls == []


# A plan made before -------------------------------------------------------------------


@requirement("say.plan-first")
def test_a_plan_can_be_run_later_if_the_world_is_as_it_was(world, run):
    plan = run.plan()
    assert world.calls == []
    assert run.migrator.run(plan).outcome is Outcome.SUCCEEDED


@requirement("say.plan-first")
def test_a_plan_of_a_world_that_has_changed_is_refused(world, run):
    plan = run.plan()
    world.state = world.hosts["a"].state = RunState.PAUSED
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.run(plan)
    assert leaves(caught.value)[0].remedy == "plan again"
    assert world.calls == []


def test_a_migration_that_did_not_succeed_can_be_raised(world, run):
    world.breaks("perform", "before", HostError("no"))
    with pytest.raises(NotSucceeded) as caught:
        run.migrate().raise_unless_succeeded()
    assert caught.value.exit_code == 1
    assert caught.value.result.outcome is Outcome.ROLLED_BACK


def test_a_journal_that_only_lives_in_memory_is_enough(world):
    run = Run(world)
    run.migrator._journal = MemoryJournal()
    assert run.migrate().succeeded
