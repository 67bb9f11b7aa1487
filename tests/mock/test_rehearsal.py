"""The way is tried by a guest of no worth, of which nothing is left."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

from tests.mock.rig import furnished, migrator
from tests.mock.test_disks import furnished as with_disk
from tests.requirements import requirement
from virtmigrate import Options, Outcome, rehearsal
from virtmigrate.cli import main
from virtmigrate.errors import Refused
from virtmigrate.findings import of_rehearsal
from virtmigrate.host import RunState
from virtmigrate.plan import Level
from virtmigrate.rehearsal import NAME, STALE_S, identity
from virtmigrate_mock import Fault, World
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.stand_in import start

each_style = pytest.mark.parametrize("style", ["qemu-like", "vz-like"])


def checked(world, **asked):
    """The report of a check that rehearses."""
    return migrator(world).check(
        "g", world.uri("a"), world.uri("b"), Options(**asked), rehearse=True
    )


def ids(report):
    return [finding.id for finding in report.findings]


def guests(world):
    """Names of what is on each host."""
    return {
        name: sorted(guest.name for guest in host.guests.values())
        for name, host in world.state().hosts.items()
    }


def untouched(world):
    return (
        guests(world) == {"a": ["g"], "b": []}
        and world.where("g") == ["a"]
        and world.violations() == []
    )


def called(world, uuid_of):
    """The stand-in's name, and the identity that it is given."""
    here, there = (world.state().hosts[name].uuid for name in "ab")
    name = f"{NAME}{here[:8]}-{there[:8]}"
    return name, uuid_of(name)


@each_style
@requirement("preflight.rehearsal")
def test_a_way_that_is_open_is_said_to_be_and_nothing_is_left(style):
    world = furnished(style)
    report = checked(world)
    assert report.ok
    assert report.rehearsal.tried
    assert report.rehearsal.arrived
    assert report.rehearsal.why == "a stand-in went from a to b"
    assert report.rehearsal.seconds > 0
    assert not of_rehearsal(report.rehearsal)
    assert untouched(world)


@requirement("preflight.rehearsal")
def test_who_does_not_ask_has_none():
    world = furnished()
    before = len(world.state().history)
    plan = migrator(world).plan("g", world.uri("a"), world.uri("b"))
    assert plan.rehearsal is None
    assert len(world.state().history) == before


@pytest.mark.parametrize(
    ("step", "side"), [("prepare", "destination"), ("perform", "source")]
)
@each_style
@requirement("preflight.rehearsal")
def test_a_way_that_is_closed_is_a_blocker_before_the_guest_takes_it(style, step, side):
    world = furnished(style)
    world.script(Fault(step, "error", message="no route to b"))
    report = checked(world)
    assert not report.ok
    assert report.rehearsal.tried
    assert not report.rehearsal.arrived
    blocker = next(f for f in report.findings if f.id == "way-closed")
    assert blocker.level is Level.BLOCKER
    assert blocker.side == side
    assert "no route to b" in blocker.message
    assert blocker.remedy
    assert blocker.evidence.startswith("rolled back: ")
    assert untouched(world)


@requirement("preflight.rehearsal")
def test_a_way_that_goes_nowhere_is_given_up_within_its_limit():
    world = furnished()
    world.script(Fault("perform", "link-down", when="during"))
    report = checked(world)
    assert ids(report).count("way-closed") == 1
    assert untouched(world)


@requirement("preflight.rehearsal")
def test_a_move_that_rehearses_does_not_begin_where_the_way_is_closed():
    world = furnished()
    world.script(Fault("perform", "error", message="refused"))
    with pytest.raises(ExceptionGroup) as refused:
        migrator(world).migrate("g", world.uri("a"), world.uri("b"), rehearse=True)
    assert refused.group_contains(Refused, match="stand-in")
    assert untouched(world)


@requirement("preflight.rehearsal")
def test_what_was_rehearsed_can_be_run_and_is_not_tried_again():
    world = furnished()
    ours = migrator(world)
    plan = ours.plan("g", world.uri("a"), world.uri("b"), rehearse=True)
    tried = [record for record in world.state().history if record.what == "stand-in"]
    assert ours.run(plan).succeeded
    again = [record for record in world.state().history if record.what == "stand-in"]
    assert len(tried) == len(again) == 1
    assert guests(world) == {"a": [], "b": ["g"]}
    assert world.violations() == []


@requirement("preflight.rehearsal")
def test_only_a_definition_has_no_way():
    world = furnished(state=RunState.SHUTOFF)
    report = checked(world, offline=True)
    assert not report.rehearsal.tried
    assert ids(report) == ["not-rehearsed"]
    assert "only a definition" in report.rehearsal.why


@requirement("preflight.rehearsal")
def test_a_host_that_starts_no_stand_in_is_a_warning():
    world = furnished()
    world.script(Fault("stand_in", "error", message="no memory"))
    report = checked(world)
    assert report.ok
    assert not report.rehearsal.tried
    assert [f.level for f in report.findings if f.id == "not-rehearsed"] == ["warning"]
    assert "no memory" in report.rehearsal.why
    assert untouched(world)


@pytest.mark.parametrize("host", ["a", "b"])
@requirement("preflight.rehearsal-left")
def test_what_a_killed_controller_left_is_removed_once_it_is_old(host):
    world = furnished()
    now = world.clock.wall()
    name, _ = called(world, lambda _: "")
    with migrator(world).host(world.uri(host)) as place:
        start(place, name, identity(name, now, "0a1b"))
    report = checked(world)
    assert not report.rehearsal.tried
    assert "may be under way" in report.rehearsal.why
    assert guests(world)[host] == sorted([name, *"g"] if host == "a" else [name])
    world.clock.sleep(STALE_S + 1)
    assert checked(world).rehearsal.tried
    assert untouched(world)


@requirement("preflight.rehearsal-left")
def test_somebody_s_guest_of_that_name_is_left_alone():
    world = furnished()
    name, _ = called(world, lambda _: "")
    world.add_guest("b", name)
    world.clock.sleep(STALE_S + 1)
    report = checked(world)
    assert not report.rehearsal.tried
    assert "none of ours" in report.rehearsal.why
    assert guests(world)["b"] == [name]


@requirement("preflight.rehearsal-left")
def test_a_stand_in_that_can_not_be_ended_is_told_by_host():
    world = furnished()
    world.script(Fault("destroy", "error", message="it hangs", side="destination"))
    report = checked(world)
    assert report.ok
    assert report.rehearsal.tried
    left = next(f for f in report.findings if f.id == "rehearsal-left")
    assert left.message == "a stand-in was left on b: it hangs"


@requirement("preflight.rehearsal-left")
def test_a_controller_that_is_killed_meanwhile_leaves_what_the_next_one_removes():
    world = furnished()
    world.script(Fault("perform", "kill-controller", when="after"))
    with pytest.raises(ControllerKilled):
        checked(world)
    world.clock.sleep(STALE_S + 1)
    assert checked(world).rehearsal.tried
    assert untouched(world)


@requirement("preflight.rehearsal")
@pytest.mark.parametrize("stuck", [False, True])
def test_who_interrupts_a_rehearsal_moves_no_guest(monkeypatch, stuck):
    world = furnished()
    if stuck:
        world.script(Fault("destroy", "error", message="it hangs"))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearsal, "_moved", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrator(world).migrate("g", world.uri("a"), world.uri("b"), rehearse=True)
    assert world.where("g") == ["a"]
    assert "g" in guests(world)["a"]
    assert world.violations() == []


@requirement("preflight.rehearsal")
def test_who_cancels_meanwhile_gets_the_stand_in_back_and_moves_no_guest():
    world = furnished()
    began = threading.Event()
    real, cancel = rehearsal.carried_out, []

    def carried_out(mover, migration, planned, hosts, flag):
        if planned.plan.guest.name.startswith(NAME):
            cancel.append(flag)
            began.set()
            assert flag.wait(30)
        return real(mover, migration, planned, hosts, flag)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "carried_out", carried_out)
        uris = world.uri("a"), world.uri("b")
        handle = migrator(world).start("g", *uris, rehearse=True)
        assert began.wait(30)
        handle.cancel()
        result = handle.wait(30)
    assert len(cancel) == 1
    assert result.outcome is Outcome.ROLLED_BACK
    assert untouched(world)


@requirement("preflight.rehearsal")
@pytest.mark.parametrize(
    ("said", "tried"),
    [
        ("tcp://[2001:db8::1]:49152", "tcp://[2001:db8::1]:49300"),
        ("tcp:10.0.0.2:49152", "tcp://10.0.0.2:49300"),
        ("tcp://c", "tcp://c:49300"),
        (None, "tcp://b:49300"),
    ],
)
def test_disks_are_tried_where_the_memory_goes_on_their_own_port(said, tried):
    request = SimpleNamespace(
        options=Options(migrate_uri=said, disks_port=49300),
        destination=SimpleNamespace(name="b"),
        disks=[SimpleNamespace(copied=True)],
    )
    memory, disks = rehearsal._ways(request)
    assert (memory.migrate_uri, disks.migrate_uri) == (said, tried)


@requirement("preflight.rehearsal")
def test_the_command_line_says_it(capsys):
    world = World.create("said", replace=True)
    world.add_guest("a", "g")
    words = ["g", world.uri("b"), "-c", world.uri("a"), "--rehearse"]
    assert main(["plan", *words, "--json", "--measure", "0"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["rehearsal"]["tried"]
    assert main(["explain", *words, "--measure", "0"]) == 0
    assert "rehearsal: a stand-in went from a to b in" in capsys.readouterr().out
    assert main(["check", *words]) == 0
    assert "rehearsal: a stand-in went from a to b in" in capsys.readouterr().out
    world.script(Fault("prepare", "error", message="no port"))
    assert main(["check", *words]) == 2
    assert "way-closed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "stand_ins"), [({"disks_port": 49300}, 2), ({}, 1)], ids=["named", "not"]
)
@requirement("preflight.rehearsal")
def test_a_port_that_is_named_for_disks_is_tried_as_well(asked, stand_ins):
    world = with_disk()
    assert checked(world, **asked).rehearsal.tried
    tried = [record for record in world.state().history if record.what == "stand-in"]
    assert len(tried) == stand_ins
    assert len({record.uuid for record in tried}) == stand_ins
    assert guests(world) == {"a": ["g"], "b": []}


@requirement("preflight.rehearsal")
def test_a_port_for_disks_that_is_closed_is_told():
    world = with_disk()
    world.script(Fault("perform", "error", message="refused", nth=2))
    report = checked(world, disks_uri="tcp://b:49300")
    assert ids(report).count("way-closed") == 1
    assert world.violations() == []
