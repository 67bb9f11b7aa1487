"""Run states and definitions: what the guest does at each end, whatever the form."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import XML, Copy, World
from tests.requirements import requirement
from virtmigrate.capabilities import Form
from virtmigrate.errors import HostUnreachable
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome

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
@requirement("switch.lands-paused")
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


# Post-copy ----------------------------------------------------------------------------


@requirement("lost.unknown")
@pytest.mark.parametrize("state", [RunState.POSTCOPY, RunState.POSTCOPY_FAILED])
@pytest.mark.parametrize("there", [Copy(), Copy(RunState.PAUSED_MIGRATION)])
@pytest.mark.parametrize("call", ["perform", "finish(go)"])
def test_a_source_in_post_copy_is_not_told_that_it_was_cancelled(state, there, call):
    """Its daemon may take that for the end, and end the only copy."""

    def lost(world):
        world.hosts["a"] = Copy(state, XML)
        world.hosts["b"] = there
        raise HostUnreachable("gone")

    world = World()
    world.breaks(call, "before", lost)
    result = Run(world).migrate()
    assert result.outcome is Outcome.UNKNOWN
    assert not {"confirm(cancelled)", "finish(cancelled)"} & set(world.calls)
    assert world.hosts["a"] == Copy(state, XML)
    assert world.wrongs == []
