"""Whole migrations through the engine, style by style."""

from __future__ import annotations

import threading

import pytest

from tests.mock.rig import Driver, furnished, migrator, move
from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.host import RunState
from virtmigrate_mock import Fault, World

STYLES = ("qemu-like", "vz-like")
ANOTHER = (
    "<domain><name>g</name><uuid>6a1f6a6c-8f1f-4b0a-9b8e-0d4b3c1f5a77</uuid>"
    "<memory>1</memory></domain>"
)
BUSY = {"memory_mib": 1000, "working_set_mib": 800, "dirty_mib_s": 2000}


def refused(world, guest="g", **asked):
    with pytest.raises(ExceptionGroup) as group:
        move(world, guest, **asked)
    return {error.subject for error in group.value.exceptions}


@requirement("default.bare")
@pytest.mark.parametrize("style", STYLES)
@requirement("options.bare-is-a-move")
def test_a_bare_move(style):
    world = furnished(style)
    move(world).raise_unless_succeeded()
    assert world.where("g") == ["b"]
    assert list(world.copies("g")) == ["b"]
    assert world.copies("g")["b"].persistent_xml is not None
    assert world.violations() == []


@requirement("live.meaning")
@requirement("live.fake")
@pytest.mark.parametrize(
    ("style", "emulated"), [("qemu-like", False), ("vz-like", True)]
)
def test_the_counter_stands_still_in_a_coma(style, emulated):
    world = furnished(style, memory_mib=10_000)
    world.clock.sleep(5.0)
    move(world, live=False).raise_unless_succeeded()
    assert world.clock.now() > 15
    assert world.counter("g") == pytest.approx(5.0)
    world.clock.sleep(2.0)
    assert world.counter("g") == pytest.approx(7.0)
    comas = [line.what for line in world.state().history if line.what == "coma"]
    assert (comas == []) is emulated
    assert world.violations() == []


def test_a_guest_that_is_gone_before_anybody_looked_is_no_reason_to_warn():
    world = furnished(memory_mib=64, working_set_mib=8, dirty_mib_s=0)
    result = move(world).raise_unless_succeeded()
    assert result.processed_bytes >= 64 << 20, "it was looked at, at the end"
    assert result.warnings == ()


def test_a_live_guest_runs_on_while_it_moves():
    world = furnished(memory_mib=10_000)
    result = move(world)
    missed_s = world.clock.now() - world.counter("g")
    assert 0 < missed_s < 0.3
    assert result.downtime_ms == pytest.approx(missed_s * 1000, abs=1)


@requirement("paused")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("state", "asked"), [("running", {"paused": True}), ("paused", {})]
)
def test_it_arrives_paused(style, state, asked):
    world = furnished(style, state=RunState(state))
    move(world, **asked).raise_unless_succeeded()
    assert world.copies("g")["b"].state is RunState.PAUSED
    assert world.where("g") == []


@pytest.mark.parametrize(
    ("style", "state"),
    # A vz-like host lets nobody near a guest that moves.
    [("qemu-like", RunState.PAUSED), ("vz-like", RunState.RUNNING)],
)
def test_an_admin_pauses_it_meanwhile(style, state):
    world = furnished(style)
    world.script(Fault("perform", "pause", "during", at_s=0.3))
    move(world).raise_unless_succeeded()
    assert world.copies("g")["b"].state is state
    assert world.violations() == []


@requirement("offline.definition")
@pytest.mark.parametrize("style", STYLES)
def test_a_stopped_guest_moves_cold(style):
    world = furnished(style, state=RunState.SHUTOFF)
    move(world).raise_unless_succeeded()
    assert list(world.copies("g")) == ["b"]
    assert world.copies("g")["b"].state is RunState.SHUTOFF
    assert world.violations() == []


@requirement("undefine.absent")
@pytest.mark.parametrize("style", STYLES)
def test_the_source_keeps_its_definition(style):
    world = furnished(style)
    before = world.copies("g")["a"].persistent_xml
    move(world, undefine_source=False).raise_unless_succeeded()
    assert world.copies("g")["a"].persistent_xml == before
    assert world.copies("g")["a"].state is RunState.SHUTOFF
    assert world.violations() == []


@requirement("persist.absent")
def test_a_definition_that_can_not_go_yet_is_owed():
    world = furnished("vz-like")
    result = move(world, persist_dest=False, undefine_source=False)
    assert result.succeeded
    assert result.obligations == ("undo_persist",)
    assert world.where("g") == ["b"]


@requirement("managed")
@pytest.mark.parametrize("style", STYLES)
def test_a_daemon_can_drive(style):
    world = furnished(style)
    result = move(world, p2p=True)
    result.raise_unless_succeeded()
    assert world.where("g") == ["b"]
    assert world.violations() == []


@requirement("switch.lands-paused")
def test_peer_to_peer_lands_paused_until_commit():
    world = furnished()
    move(world, p2p=True).raise_unless_succeeded()
    there = [line.what for line in world.state().history if line.host == "b"]
    assert there.index("landed") < there.index("run")
    end = next(line for line in world.state().history if line.what == "end")
    run = world.state().history[-1]
    assert (end.host, run.what, run.host) == ("a", "run", "b")


@requirement("compressed.explicit-no")
@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("compressed", False),
        ("copy_storage", False),
        ("tunnelled", True),
        ("unsafe", True),
        ("change_protection", True),
        ("direct", True),
        ("bandwidth_mib_s", 10),
    ],
)
def test_what_vz_like_can_not_do_is_refused_untouched(option, answer):
    world = furnished("vz-like")
    history = len(world.state().history)
    assert option in refused(world, **{option: answer})
    assert len(world.state().history) == history


def test_hosts_of_two_styles_and_of_two_worlds():
    kinds = {"a": "qemu-like", "b": "vz-like"}
    mixed = World.create("mixed", hosts=kinds, replace=True)
    mixed.add_guest("a", "g")
    assert "b" in refused(mixed)
    here, there = furnished(), World.create("elsewhere", replace=True)
    with pytest.raises(ExceptionGroup, match="g can't move") as group:
        migrator(here).migrate("g", here.uri("a"), there.uri("b"))
    assert "different worlds" in str(group.value.exceptions)


def test_vz_like_refuses_where_a_definition_is_in_the_way():
    world = furnished("vz-like")
    xml = world.copies("g")["a"].persistent_xml
    with migrator(world).host(world.uri("b")) as host:
        host.define(xml)
    assert refused(world) == {"g"}


@pytest.mark.parametrize(
    "xml",
    [
        "<!DOCTYPE x [<!ENTITY a 'b'>]><domain/>",
        "<domain",
        "<domain><name>g</name></domain>",
        ANOTHER,
    ],
)
def test_a_definition_that_is_none_is_refused(xml):
    assert "persist_xml" in refused(furnished(), persist_xml=xml)


@requirement("switch.post-copy-commit")
def test_post_copy_after_the_first_pass():
    world = furnished(**BUSY)
    result = move(world, postcopy=True, postcopy_after_precopy=True)
    result.raise_unless_succeeded()
    states = [line.what for line in world.state().history if line.host == "b"]
    assert states[-2:] == ["coma-over", "run"]
    assert world.copies("g")["b"].state is RunState.RUNNING
    assert world.violations() == []


def test_a_guest_that_would_not_converge_is_suspended_at_the_timeout():
    world = furnished(**BUSY)
    move(world, timeout_s=5, timeout_suspend=True).raise_unless_succeeded()
    assert world.counter("g") == pytest.approx(5, abs=1.5)
    assert world.where("g") == ["b"]


def test_auto_converge_ends_what_would_not_end():
    world = furnished(**BUSY)
    move(world, auto_converge=True).raise_unless_succeeded()
    assert world.where("g") == ["b"]


@requirement("ends.cancel")
@pytest.mark.parametrize("style", STYLES)
def test_a_cancelled_move_leaves_no_trace(style):
    world = furnished(style, **BUSY | {"memory_mib": 20_000})
    handles, started = [], threading.Event()

    def cancel(event):
        # The first event may come before `start` has returned.
        if event.kind == "progress" and started.wait(10):
            handles[0].cancel()

    mover = migrator(world, sinks=[cancel])
    handles.append(mover.start("g", world.uri("a"), world.uri("b"), Options()))
    started.set()
    result = handles[0].wait(10)
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.where("g") == ["a"]
    assert list(world.copies("g")) == ["a"]
    assert world.violations() == []


def test_a_hundred_times_there_and_back():
    world = furnished()
    uris = [world.uri("a"), world.uri("b")]
    with migrator(world) as mover:
        for _ in range(100):
            mover.migrate("g", *uris).raise_unless_succeeded()
            uris.reverse()
        # Each host in each of its two roles, kept for the next.
        assert len(world.connections) == 4
    state = world.state()
    assert (state.outgoing, state.incoming, world.connections) == ({}, {}, set())
    assert world.violations() == []


def test_what_always_goes_live_has_no_coma_of_its_own():
    """Only our suspending stops it: told live=no without that, it runs on."""
    world = furnished("vz-like", memory_mib=10_000)
    driver = Driver(world, live=False).through("perform")
    assert driver.states() == (RunState.ABSENT, RunState.RUNNING)
    missed_s = world.clock.now() - world.counter("g")
    assert missed_s < 0.3


@requirement("say.plan-first")
@requirement("ends.combined")
def test_a_plan_is_run_with_what_its_policy_wished_whatever_the_link_is_now():
    """Streams are compressed where earlier moves had a slow link: a plan keeps that."""
    world = World.create("test", link_mib_s=100, replace=True)
    world.add_guest("a", "g", memory_mib=1000, dirty_mib_s=20)
    asked = Options(parallel=True)
    uris = [world.uri("a"), world.uri("b")]
    with migrator(world) as mover:
        first = mover.migrate("g", *uris, asked)
        plan = mover.plan("g", *uris[::-1], asked)
        assert first.effective.compression_methods is None
        assert plan.settlement.effective().compression_methods == ("zstd",)
        result = migrator(world).run(plan)
    assert result.succeeded
    assert result.effective.compression_methods == ("zstd",)
