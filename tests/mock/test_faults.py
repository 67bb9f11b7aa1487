"""Scripted faults: which call they strike, and what the caller and the world see."""

from __future__ import annotations

import pytest

from tests.mock.rig import Driver, connect, furnished, migrator, move
from tests.requirements import requirement
from virtmigrate import AnswerLost, BadInput, HostError, HostUnreachable, Outcome, Side
from virtmigrate.host import RunState
from virtmigrate_mock import ControllerKilled, Fault


@pytest.mark.parametrize(
    ("kind", "when", "error", "done"),
    [
        ("error", "before", HostError, False),
        ("error", "after", HostError, True),
        ("unreachable", "before", HostUnreachable, False),
        ("lost-answer", "before", AnswerLost, False),
        ("lost-answer", "after", AnswerLost, True),
        ("hang", "before", AnswerLost, False),
        ("hang", "after", AnswerLost, True),
    ],
)
def test_a_call_that_fails(kind, when, error, done):
    world = furnished()
    world.script(Fault("suspend", kind, when))
    guest = connect(world, "a").guest("g")
    with pytest.raises(error) as raised:
        guest.suspend()
    assert type(raised.value) is error
    assert raised.value.side is Side.SOURCE
    assert (guest.look().state is RunState.PAUSED) is done
    assert world.clock.now() == (30 if kind == "hang" else 0)
    guest.suspend()
    assert guest.look().state is RunState.PAUSED


def test_a_delay_is_no_failure():
    world = furnished()
    world.script(Fault("suspend", "delay", for_s=3))
    connect(world, "a").guest("g").suspend()
    assert world.clock.now() == 3


def test_which_call_is_struck():
    world = furnished()
    world.script(
        Fault("look", "unreachable", nth=2, times=2),
        Fault("look", "unreachable", host="b", nth=1),
        Fault("resume", "error", side="destination"),
    )
    here, there = connect(world, "a"), connect(world, "b", Side.DESTINATION)
    guest = here.guest("g")
    assert there.guest_by_uuid(guest.uuid).look().state is RunState.UNREACHABLE
    states = [guest.look().state for _ in range(4)]
    assert states == ["unreachable", "unreachable", "running", "running"]
    guest.resume()
    elsewhere = connect(world, "a", Side.DESTINATION).guest("g")
    with pytest.raises(HostError):
        elsewhere.resume()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("look", "no-such-kind"),
        Fault("look", "error", "someday"),
        Fault("look", "error", nth=0),
        Fault("look", "error", times=0),
        Fault("look", "error", "during"),
    ],
)
def test_a_fault_that_can_not_strike_is_refused(fault):
    with pytest.raises(BadInput):
        furnished().script(fault)


@requirement("lost.finish-reply")
@pytest.mark.parametrize("style", ["qemu-like", "vz-like"])
def test_the_answer_of_finish_is_lost(style):
    world = furnished(style)
    world.script(Fault("finish", "lost-answer", "after"))
    result = move(world)
    assert result.succeeded
    assert [fault.error for fault in result.faults] == ["AnswerLost"]
    assert world.where("g") == ["b"]
    assert list(world.copies("g")) == ["b"]
    assert world.violations() == []


def test_finish_fails_and_says_so():
    world = furnished()
    world.script(Fault("finish", "error"))
    assert move(world).outcome is Outcome.ROLLED_BACK
    assert world.where("g") == ["a"]
    assert world.violations() == []


@requirement("lost.unknown")
def test_the_destination_crashes_in_finish_and_stays_away():
    world = furnished()
    world.script(Fault("finish", "crash-host"))
    assert move(world).outcome is Outcome.UNKNOWN
    assert world.where("g") == []
    assert world.copies("g")["a"].state is RunState.PAUSED_MIGRATION
    assert world.violations() == []


def test_the_destination_crashes_while_memory_moves():
    world = furnished(memory_mib=5000)
    world.script(Fault("perform", "crash-host", "during", target="b", at_s=1, for_s=9))
    result = move(world)
    assert world.where("g") == ["a"]
    assert "destination host" in result.faults[0].message
    world.clock.sleep(9)
    assert world.state().hosts["b"].up


def test_a_link_that_comes_back_in_time_only_costs_time():
    quiet = furnished(memory_mib=5000, dirty_mib_s=0)
    move(quiet).raise_unless_succeeded()
    usual_s = quiet.clock.now()
    cut = furnished(memory_mib=5000, dirty_mib_s=0)
    cut.script(Fault("perform", "link-down", "during", at_s=1.0, for_s=20))
    move(cut).raise_unless_succeeded()
    assert cut.clock.now() == pytest.approx(usual_s + 20)


def test_a_link_that_stays_down_ends_the_transfer():
    world = furnished(memory_mib=5000)
    world.at(1.0, "link-down")
    result = move(world)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "nothing was sent for 30 s" in result.faults[0].message
    assert 31 <= world.clock.now() < 35
    assert world.where("g") == ["a"]


def test_the_link_slows_down():
    world = furnished(memory_mib=2000, dirty_mib_s=0)
    world.at(1.0, "link-rate", value=100)
    move(world).raise_unless_succeeded()
    assert world.clock.now() == pytest.approx(11.005)


@pytest.mark.parametrize("kind", ["destroy", "shutdown"])
def test_a_guest_that_stops_while_it_moves_is_nowhere_and_defined(kind):
    world = furnished(memory_mib=3000)
    world.script(Fault("perform", kind, "during", at_s=1.0))
    move(world)
    assert world.where("g") == []
    assert {g.state for g in world.copies("g").values()} == {RunState.SHUTOFF}
    assert world.violations() == []


def test_a_guest_that_reboots_while_it_moves():
    world = furnished(memory_mib=3000)
    world.script(Fault("perform", "reboot", "during", at_s=1.0))
    move(world).raise_unless_succeeded()
    assert world.counter("g") == pytest.approx(world.clock.now() - 1.0, abs=0.3)
    assert world.violations() == []


def test_damaged_memory_is_noticed():
    world = furnished(memory_mib=3000)
    world.script(Fault("perform", "corrupt-memory", "during", at_s=1.0))
    move(world).raise_unless_succeeded()
    (violation,) = world.violations()
    assert "arrived damaged" in violation


@pytest.mark.parametrize(
    ("step", "when", "states"),
    [
        ("begin", "after", ("running", "absent")),
        ("prepare", "after", ("running", "absent")),
        ("perform", "during", ("running", "absent")),
        ("perform", "after", ("paused-migration", "absent")),
        ("finish", "before", ("paused-migration", "absent")),
        ("finish", "after", ("paused-migration", "running")),
        ("confirm", "before", ("paused-migration", "running")),
        ("confirm", "after", ("absent", "running")),
    ],
)
def test_what_a_killed_controller_leaves(step, when, states):
    world = furnished(memory_mib=3000)
    world.script(Fault(step, "kill-controller", when, at_s=1.0))
    with pytest.raises(ControllerKilled):
        migrator(world).migrate("g", world.uri("a"), world.uri("b"))
    uuid = next(iter(world.copies("g").values())).uuid
    seen = [connect(world, host).guest_by_uuid(uuid).look() for host in "ab"]
    assert tuple(sighting.state for sighting in seen) == states
    assert world.violations() == []


def test_the_dead_do_not_act():
    world = furnished()
    world.script(Fault("perform", "kill-controller", "after"))
    driver = Driver(world)
    with pytest.raises(ControllerKilled):
        driver.through("perform")
    with pytest.raises(ControllerKilled):
        driver.ctx.guest.resume()
    driver.source.close()
    assert world.where("g") == []


@pytest.mark.parametrize("asked", [{"p2p": True}, {}])
@requirement("switch.daemon-goes-on")
def test_a_daemon_goes_on_without_its_controller(asked):
    world = furnished("qemu-like" if asked else "vz-like", memory_mib=3000)
    world.script(Fault("perform", "kill-controller", "during", at_s=1.0))
    with pytest.raises(ControllerKilled):
        move(world, **asked)
    assert world.where("g") == ["a"]
    world.clock.sleep(60)
    copies = world.copies("g")
    assert list(copies) == ["b"]
    assert copies["b"].state == ("paused" if asked else "running")
    assert world.state().outgoing == {}
    assert world.violations() == []
