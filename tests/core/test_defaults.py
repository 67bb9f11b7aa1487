"""The core's own hooks, alone: what they do with `host.py` and nothing else."""

from __future__ import annotations

import pytest

from tests.core.contexts import context, found_by, request
from tests.core.declared import ends, vz_like
from tests.core.plans import plan_between, plan_of
from tests.core.scripted import UUID, XML, Copy, World
from tests.requirements import requirement
from virtmigrate import Fate, Manager, Options, Side, hookimpl
from virtmigrate.errors import PluginError
from virtmigrate.host import RunState
from virtmigrate.plan import Level


class Bare:
    """A hypervisor that implements nothing but its registration."""

    @hookimpl
    def virtmigrate_hypervisors(self):
        from tests.core.scripted_plugin import ScriptedHypervisor  # noqa: PLC0415

        return [ScriptedHypervisor(World())]


RELAY = Manager([Bare()], discover=False).relay("scripted")


def scene(source, destination, **more):
    world = World()
    world.hosts.update(a=source, b=destination)
    return world, context(world, **more)


def test_hook_begin_and_prepare_hand_the_cookie_on():
    _, ctx = scene(Copy(RunState.RUNNING), Copy())
    assert RELAY.begin(ctx) == b""
    assert RELAY.prepare(ctx, b"cookie") == b"cookie"


@requirement("hooks.defaults")
def test_hook_perform_has_no_default():
    _, ctx = scene(Copy(RunState.RUNNING), Copy())
    with pytest.raises(PluginError) as caught:
        RELAY.perform(ctx, b"")
    assert caught.value.remedy == "the plugin must implement it"


FINISH = [
    (Fate.GO, RunState.PAUSED, RunState.RUNNING, ["destination.resume"]),
    (Fate.GO, RunState.PAUSED, RunState.PAUSED, []),
    (Fate.GO, RunState.RUNNING, RunState.RUNNING, []),
    (
        Fate.CANCELLED,
        RunState.PAUSED_MIGRATION,
        RunState.RUNNING,
        ["destination.destroy"],
    ),
    # complete, or running: that may be the only copy
    (Fate.CANCELLED, RunState.PAUSED, RunState.RUNNING, []),
    (Fate.CANCELLED, RunState.RUNNING, RunState.RUNNING, []),
    (Fate.CANCELLED, RunState.ABSENT, RunState.RUNNING, []),
]


@pytest.mark.parametrize(("fate", "state", "landing", "calls"), FINISH)
@requirement("lost.told-the-outcome")
def test_hook_finish(fate, state, landing, calls):
    world, ctx = scene(Copy(RunState.PAUSED_MIGRATION), Copy(state))
    world.newest = "b" if fate is Fate.GO else "a"
    ctx.landing = landing
    gives = RELAY.finish(ctx, b"cookie", fate)
    assert gives == (b"cookie" if fate is Fate.GO else b"")
    assert world.calls == calls
    assert world.wrongs == []


CONFIRM = [
    (Fate.GO, RunState.PAUSED_MIGRATION, True, ["source.destroy", "source.undefine"]),
    (Fate.GO, RunState.PAUSED, False, ["source.destroy"]),
    (Fate.GO, RunState.SHUTOFF, True, ["source.undefine"]),
    (Fate.GO, RunState.RUNNING, False, []),
    (Fate.CANCELLED, RunState.PAUSED_MIGRATION, True, []),
]


@pytest.mark.parametrize(("fate", "state", "undefine", "calls"), CONFIRM)
@requirement("lost.told-the-outcome")
def test_hook_confirm(fate, state, undefine, calls):
    plan = plan_of(undefine_source=undefine)
    world, ctx = scene(Copy(state, XML), Copy(RunState.RUNNING, XML), plan=plan)
    world.newest = "b"
    RELAY.confirm(ctx, b"", fate)
    assert world.calls == calls
    assert world.wrongs == []


@requirement("live.fake")
@requirement("hooks.defaults")
def test_hook_enter_coma_and_leave_coma():
    world, ctx = scene(Copy(RunState.RUNNING), Copy())
    RELAY.enter_coma(ctx)
    assert world.hosts["a"].state is RunState.PAUSED
    RELAY.leave_coma(ctx)
    assert world.hosts["a"].state is RunState.RUNNING


@pytest.mark.parametrize("landing", [RunState.RUNNING, RunState.PAUSED])
def test_hook_restore_run_state(landing):
    world, ctx = scene(Copy(), Copy(RunState.PAUSED))
    world.newest = "b"
    RELAY.restore_run_state(ctx, landing)
    assert world.hosts["b"].state is landing


def transient(state, before=None):
    """A guest that arrived persistent and was asked to be transient on vz."""
    both = ends(vz_like("a"), vz_like("b"))
    plan = plan_between(both, Options(persist_dest=False, undefine_source=False))
    there = Copy(RunState.SHUTOFF, before) if before else Copy()
    world, ctx = scene(Copy(), Copy(state, XML), plan=plan, there=there)
    world.newest = "b"
    return world, ctx


@pytest.mark.parametrize(
    "state", [RunState.RUNNING, RunState.PAUSED, RunState.PMSUSPENDED]
)
@requirement("persist.deferred")
def test_hook_undo_persist_is_owed_where_it_would_end_a_guest(state):
    world, ctx = transient(state)
    RELAY.undo_persist(ctx)
    assert world.calls == []
    assert ctx.engine.owed == ["undo_persist"]
    assert "when the guest stops" in ctx.engine.warned[0]


@requirement("persist.deferred")
@requirement("persist.absent")
def test_hook_undo_persist_of_a_stopped_guest_is_done_at_once():
    world, ctx = transient(RunState.SHUTOFF)
    RELAY.undo_persist(ctx)
    assert world.calls == ["destination.undefine"]
    assert ctx.engine.owed == []


@requirement("persist.absent")
def test_hook_undo_persist_puts_back_what_was_there():
    world, ctx = transient(RunState.SHUTOFF, before="<domain>older</domain>")
    RELAY.undo_persist(ctx)
    assert world.hosts["b"].persistent == "<domain>older</domain>"


@requirement("undefine.absent")
@requirement("journal.original-xml")
def test_hook_restore_source_defines_what_was_captured_once():
    world, ctx = scene(Copy(), Copy(RunState.RUNNING, XML))
    RELAY.restore_source(ctx)
    RELAY.restore_source(ctx)
    assert world.calls == ["source.define"]
    assert world.hosts["a"] == Copy(RunState.SHUTOFF, XML)
    assert "made again" in ctx.engine.warned[0]


def test_hook_restore_source_of_a_transient_guest_does_nothing():
    world = World(persistent=False)
    RELAY.restore_source(context(world))
    assert world.calls == []


@pytest.mark.parametrize("hook", ["undo_persist", "restore_source"])
def test_an_undo_before_capture_is_a_plugins_error(hook):
    _, ctx = scene(Copy(), Copy(RunState.RUNNING))
    ctx.captured = None
    with pytest.raises(PluginError, match="before capture"):
        getattr(RELAY, hook)(ctx)


# What the pre-flight finds ------------------------------------------------------------

ELSEWHERE = Copy(RunState.RUNNING, XML, name="other")
FOUND = {
    "already-active": (
        {"b": Copy(RunState.PAUSED, XML)},
        Side.DESTINATION,
        "find out which",
    ),
    "job-active": ({"a": Copy(RunState.RUNNING, XML, job=True)}, Side.SOURCE, "abort"),
    "in-postcopy": ({"a": Copy(RunState.POSTCOPY, XML)}, Side.SOURCE, "resume"),
    "half-migrated": (
        {"a": Copy(RunState.PAUSED_MIGRATION, XML)},
        Side.SOURCE,
        "recover",
    ),
}


@pytest.mark.parametrize("name", FOUND)
@requirement("say.refused-untouched")
def test_hook_preflight(name):
    hosts, side, remedy = FOUND[name]
    world = World()
    world.hosts.update(hosts)
    (found,) = found_by(RELAY, request(world))
    assert (found.id, found.side, found.level) == (name, side, Level.BLOCKER)
    assert remedy in found.remedy
    assert world.calls == []


def test_hook_preflight_finds_a_name_that_is_taken():
    asked = request(World(), Options(dest_name="web"))
    asked.destination.name_taken_by = lambda name: "other" if name == "web" else None
    (found,) = found_by(RELAY, asked)
    assert (found.id, found.subject) == ("name-taken", "web")
    assert "--dname" in found.remedy
    asked.destination.name_taken_by = lambda name: UUID
    assert found_by(RELAY, asked) == []


def test_hook_preflight_finds_the_same_host():
    asked = request(World())
    asked.destination.uuid = asked.source.uuid
    assert [found.id for found in found_by(RELAY, asked)] == ["same-host"]


def test_hook_preflight_finds_nothing_in_a_good_world():
    assert found_by(RELAY, request(World())) == []
