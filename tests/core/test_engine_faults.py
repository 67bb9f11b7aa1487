"""Every point at which a call can fail: how it ends, and what is called for it."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import XML, Copy, World
from tests.requirements import requirement
from virtmigrate.capabilities import Form
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.results import Paid

ERRORS = {
    "failed": HostError("the daemon said no"),
    "unreachable": HostUnreachable("no connection"),
    "lost": AnswerLost("no answer"),
    "slip": ValueError("a plugin's mistake"),
}
ANSWERED, SILENT = ("failed", "unreachable"), ("lost", "slip")
ALL = (*ANSWERED, *SILENT)

# Life -> (what its hosts declare, the request)
LIVES = {
    "bare": (World(), "qemu", {}),
    "coma": (World(), "coma", {"live": False}),
    "peer": (World(declared={"forms": tuple(Form)}), "qemu", {"p2p": True}),
    "vz": (
        World(gone=True),
        "emulated",
        {"live": False, "undefine_source": False, "persist_dest": False},
    ),
}

UNDO_BEGIN = "confirm(cancelled)"
UNDO_BOTH = "finish(cancelled) confirm(cancelled)"
RETIRE = "source.destroy source.undefine"
VZ_END = "confirm(go) source.define destination.undefine"

# life, call that fails, before or after it was carried out, errors -> where it runs in
# the end ("-" = nowhere yet, so recovery is needed), and what was called afterwards
TABLE = [
    ("bare", "begin", "before", ALL, "a", UNDO_BEGIN),
    ("bare", "begin", "after", ALL, "a", UNDO_BEGIN),
    ("bare", "prepare", "before", ALL, "a", UNDO_BOTH),
    ("bare", "prepare", "after", ALL, "a", UNDO_BOTH),
    ("bare", "perform", "before", ALL, "a", UNDO_BOTH),
    ("bare", "perform", "after", ALL, "a", f"{UNDO_BOTH} source.resume"),
    # finish answered that it failed, and the copy still waits: COMMIT is withdrawn
    ("bare", "finish(go)", "before", ANSWERED, "a", f"{UNDO_BOTH} source.resume"),
    # nobody knows whether that finish is still to come
    ("bare", "finish(go)", "before", SILENT, "-", ""),
    ("bare", "finish(go)", "after", ALL, "b", "confirm(go)"),
    ("bare", "confirm(go)", "before", ALL, "b", RETIRE),
    ("bare", "confirm(go)", "after", ALL, "b", ""),
    ("coma", "source.suspend", "before", ALL, "a", "source.resume"),
    ("coma", "source.suspend", "after", ALL, "a", "source.resume"),
    ("coma", "begin", "after", ALL, "a", f"{UNDO_BEGIN} source.resume"),
    ("coma", "prepare", "after", ALL, "a", f"{UNDO_BOTH} source.resume"),
    ("coma", "perform", "before", ALL, "a", f"{UNDO_BOTH} source.resume"),
    ("coma", "perform", "after", ALL, "a", f"{UNDO_BOTH} source.resume"),
    ("coma", "finish(go)", "before", ANSWERED, "a", f"{UNDO_BOTH} source.resume"),
    ("coma", "finish(go)", "before", SILENT, "-", ""),
    ("coma", "finish(go)", "after", ALL, "b", "destination.resume confirm(go)"),
    ("coma", "destination.resume", "after", ALL, "b", "confirm(go)"),
    ("coma", "confirm(go)", "before", ALL, "b", RETIRE),
    ("peer", "prepare", "after", ALL, "a", UNDO_BOTH),
    ("peer", "perform", "before", ALL, "a", UNDO_BOTH),
    # the daemons have done it all, so its loss is told and it goes on from there
    (
        "peer",
        "perform",
        "after",
        ALL,
        "b",
        "finish(go) destination.resume confirm(go)",
    ),
    ("peer", "finish(go)", "before", ALL, "b", "destination.resume confirm(go)"),
    ("peer", "confirm(go)", "before", ALL, "b", ""),
    ("vz", "begin", "before", ALL, "a", f"{UNDO_BEGIN} source.resume"),
    ("vz", "prepare", "after", ALL, "a", f"{UNDO_BOTH} source.resume"),
    ("vz", "perform", "before", ALL, "a", f"{UNDO_BOTH} source.resume"),
    ("vz", "perform", "after", ALL, "b", f"finish(go) destination.resume {VZ_END}"),
    ("vz", "finish(go)", "before", ALL, "b", f"destination.resume {VZ_END}"),
    ("vz", "finish(go)", "after", ALL, "b", f"destination.resume {VZ_END}"),
    ("vz", "confirm(go)", "before", ALL, "b", "source.define destination.undefine"),
    ("vz", "source.define", "after", ALL, "b", "destination.undefine"),
]
CASES = [
    pytest.param(
        life, call, when, error, host, calls, id=f"{life}-{call}-{when}-{error}"
    )
    for life, call, when, errors, host, calls in TABLE
    for error in errors
]
OUTCOMES = {"a": Outcome.ROLLED_BACK, "b": Outcome.SUCCEEDED, "-": Outcome.UNKNOWN}


def start(life):
    """A fresh world of that life, and how to move its guest."""
    pattern, style, asked = LIVES[life]
    world = World(gone=pattern.gone, declared=pattern.declared)
    return world, lambda: Run(world, style=style).migrate(**asked)


def after(world, call):
    """What was called after the call that failed."""
    calls = [c for c in world.calls if not c.startswith("journal")]
    return " ".join(calls[calls.index(call) + 1 :])


@pytest.mark.parametrize(("life", "call", "when", "error", "host", "calls"), CASES)
@requirement("lost.finish-reply")
@requirement("lost.told-the-outcome")
@requirement("lost.run-state")
@requirement("switch.observed")
def test_every_failure_has_its_end(life, call, when, error, host, calls):
    world, migrate = start(life)
    world.breaks(call, when, ERRORS[error])
    result = migrate()
    assert after(world, call) == calls
    assert result.outcome is OUTCOMES[host]
    assert result.faults[0].message
    assert world.wrongs == []
    assert world.configurations()
    if host != "-":
        other = "b" if host == "a" else "a"
        assert world.hosts[host].state is RunState.RUNNING
        assert not world.hosts[other].state.active
    else:
        assert result.destination is RunState.PAUSED_MIGRATION
        assert world.hosts["a"].state is not RunState.RUNNING


@requirement("lost.finish-reply")
def test_a_lost_answer_of_finish_is_awaited_and_no_downtime_is_paid_for_it(world, run):
    world.breaks("finish(go)", "after", AnswerLost("the proxy dropped it"))
    result = run.migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert world.clock.now() == 1000
    assert [e.kind for e in run.events].count("landed") == 1


def gone_again(world):
    world.hosts["b"] = Copy()
    raise AnswerLost("lost")


@requirement("lost.finish-reply")
def test_a_lost_finish_of_a_guest_that_is_gone_without_a_trace_never_started_it(world):
    """Its definition would be durable before its CPUs ran; there is none."""
    world.breaks("finish(go)", "before", gone_again)
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.wrongs == []


@requirement("lost.unknown")
def test_a_lost_finish_of_a_guest_that_left_a_definition_is_left_to_a_human(world):
    """It may have run there and stopped since: the source's image may be stale."""

    def ran_and_stopped(world):
        world.hosts["b"] = Copy(RunState.SHUTOFF, XML)
        raise AnswerLost("lost")

    world.breaks("finish(go)", "after", ran_and_stopped)
    result = Run(world).migrate()
    assert result.outcome is Outcome.QUARANTINED
    assert "source.resume" not in world.calls
    assert world.hosts["a"].state is RunState.PAUSED_MIGRATION


@requirement("lost.unknown")
def test_a_lost_finish_of_a_transient_guest_that_is_gone_is_left_to_a_human(world):
    """Without a definition to come, its absence proves nothing."""
    world.breaks("finish(go)", "before", gone_again)
    result = Run(world).migrate(persist_dest=False, undefine_source=False)
    assert result.outcome is Outcome.QUARANTINED
    assert world.hosts["a"].state is RunState.PAUSED_MIGRATION


@requirement("lost.unknown")
def test_a_destination_that_falls_silent_in_finish_is_unknown_within_a_bound(world):
    def silence(world):
        world.down.add("b")
        raise AnswerLost("lost")

    world.breaks("finish(go)", "after", silence)
    run = Run(world)
    result = run.migrate()
    assert result.outcome is Outcome.UNKNOWN
    assert result.destination is RunState.UNREACHABLE
    assert world.clock.now() - 1000 <= 31
    (entry,) = run.journal.entries()
    assert (entry.closed, entry.outcome) == (None, result.outcome.value)
    world.down.clear()
    again = run.migrator.recover("m1")
    assert again.outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING
    assert world.hosts["a"].state is RunState.ABSENT


@requirement("lost.unknown")
def test_a_source_that_falls_silent_before_commit_ends_nothing_there(world):
    world.breaks("perform", "after", lambda w: w.down.add("a"))
    run = Run(world)
    result = run.migrate()
    assert result.outcome is Outcome.UNKNOWN
    assert "journal.commit" not in world.calls
    assert "finish(cancelled)" not in world.calls
    world.down.clear()
    assert run.migrator.recover("m1").outcome is Outcome.ROLLED_BACK
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.wrongs == []


@requirement("lost.commit-first")
def test_a_destination_that_lost_the_guest_before_commit_is_not_committed_to(world):
    def lost(world):
        world.hosts["b"] = Copy()

    world.breaks("perform", "after", lost)
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert "journal.commit" not in world.calls
    assert world.hosts["a"].state is RunState.RUNNING


@requirement("lost.told-the-outcome")
@pytest.mark.parametrize("undo", ["finish(cancelled)", "confirm(cancelled)"])
@pytest.mark.parametrize("error", ERRORS)
@requirement("switch.undo")
def test_an_undo_that_fails_stops_no_other(world, undo, error):
    world.breaks("perform", "before", HostError("no"))
    world.breaks(undo, "before", ERRORS[error])
    result = Run(world).migrate()
    told = [c for c in world.calls if "cancelled" in c]
    assert told == ["finish(cancelled)", "confirm(cancelled)"]
    assert result.outcome is Outcome.ROLLED_BACK
    assert [f.step for f in result.faults][:2] == [
        "perform",
        f"undo by {undo.partition('(')[0]}",
    ]
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT


@requirement("live.fake")
@requirement("lost.run-state")
@requirement("switch.undo")
def test_coma_ends_at_the_source_only_after_the_destination_was_cleared(world):
    world.breaks("perform", "after", HostError("no"))
    Run(world, style="coma").migrate(live=False)
    calls = world.calls
    assert calls.index("finish(cancelled)") < calls.index("source.resume")
    assert "destination.resume" not in calls


@requirement("live.fake")
def test_coma_does_not_end_at_the_source_while_a_copy_waits_at_the_destination(world):
    world.breaks("perform", "after", HostError("no"))
    world.breaks("finish(cancelled)", "before", HostError("no to that as well"))
    result = Run(world, style="coma").migrate(live=False)
    assert result.outcome is Outcome.ROLLED_BACK
    calls = world.calls
    assert calls.index("destination.destroy") < calls.index("source.resume")


@requirement("lost.unknown")
@pytest.mark.parametrize("life", ["peer", "vz"])
def test_what_the_hypervisor_may_have_completed_is_not_told_to_go(life):
    """The destination may have the only copy, and can't be asked."""
    world, migrate = start(life)

    def lost_in_silence(world):
        world.down.add("b")
        raise AnswerLost("lost")

    world.breaks("perform", "after", lost_in_silence)
    assert migrate().outcome is Outcome.UNKNOWN
    assert [c for c in world.calls if "cancelled" in c] == []


@requirement("lost.unknown")
def test_where_the_hypervisor_started_it_a_failed_finish_withdraws_nothing():
    world, migrate = start("vz")

    def ran_and_vanished(world):
        world.hosts["b"] = Copy()
        raise HostError("there is no such guest")

    world.breaks("finish(go)", "before", ran_and_vanished)
    migrate()
    assert [c for c in world.calls if "cancelled" in c or "rollback" in c] == []
    assert world.configurations() == ["a"]


@requirement("lost.configuration")
@pytest.mark.parametrize("error", ERRORS)
def test_the_last_definition_stays_when_the_source_cant_have_its_own_back(error):
    world, migrate = start("vz")
    world.breaks("source.define", "before", ERRORS[error])
    result = migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert world.configurations() == ["b"]
    assert result.obligations == ("restore_source", "undo_persist")


@requirement("lost.configuration")
def test_what_is_owed_holds_no_later_migration_up_and_is_settled():
    world = World(gone=True)
    run = Run(world, style="emulated")
    world.breaks("source.define", "before", HostError("no space left"))
    run.migrate(undefine_source=False, persist_dest=False)
    (entry,) = run.journal.entries()
    assert entry.closed is not None
    assert entry.owed == ("restore_source", "undo_persist")
    still = run.migrator.settle()
    assert [(d.obligation, d.state) for d in still] == [
        ("restore_source", Paid.OWED),
        ("undo_persist", Paid.OWED),
    ]
    assert still[0].why == "no space left"
    assert world.configurations() == ["b"]
    world.at.clear()
    assert {debt.state for debt in run.migrator.settle()} == {Paid.PAID}
    assert world.configurations() == ["a"]
    assert run.migrator.settle() == []


@requirement("lost.finish-reply")
def test_warnings_after_commit_stop_no_following_step():
    world, migrate = start("vz")
    for call in ("confirm(go)", "source.define"):
        world.breaks(call, "after", HostError("a warning only"))
    result = migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert after(world, "confirm(go)") == "source.define destination.undefine"
    assert [f.step for f in result.faults] == ["confirm", "restore_source"]


@requirement("lost.unknown")
def test_a_host_that_is_gone_from_the_start_is_refused_or_rolled_back(world, run):
    world.down.add("b")
    with pytest.raises(HostUnreachable):
        run.migrate()
    assert world.calls == []


def test_a_slip_in_the_monitor_ends_no_transfer(world):
    world.pulses = 3
    world.breaks("source.sample", "before", ValueError("not a sample"))
    assert Run(world).migrate().outcome is Outcome.SUCCEEDED


def test_figures_of_the_wrong_type_end_no_transfer(world):
    world.pulses, world.remaining = 3, "many"
    result = Run(world).migrate()
    assert result.outcome is Outcome.SUCCEEDED


@requirement("events.sinks")
def test_a_failing_sink_changes_nothing(world):
    run = Run(world)

    def sink(event):
        raise ValueError("a sink's mistake")

    run.sinks.append(sink)
    assert run.migrate().outcome is Outcome.SUCCEEDED


def test_the_first_error_is_the_one_that_is_told_first(world):
    world.breaks("prepare", "before", HostError("the cause"))
    world.breaks("finish(cancelled)", "before", HostError("a consequence"))
    faults = Run(world).migrate().faults
    assert [f.message for f in faults] == ["the cause", "a consequence"]


@requirement("secrets.never-shown")
def test_secrets_in_errors_are_blanked_everywhere(world):
    run = Run(world)
    error = HostError("can't open tcp://root:hunter2@host/: password=hunter2")
    world.breaks("perform", "before", error)
    result = run.migrate()
    told = [e.model_dump_json() for e in run.events]
    kept = [str(r.body) for r in run.journal.records("m1")]
    for text in (result.model_dump_json(), *told, *kept):
        assert "hunter2" not in text
