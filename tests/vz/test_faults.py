"""Failures in each phase: the guest runs in one place, or nothing was touched."""

from __future__ import annotations

import threading
import time

import pytest

from tests.requirements import requirement
from tests.vz_host.conftest import virsh
from virtmigrate import Outcome
from virtmigrate.results import Paid

WAIT_S = 20
SIDES = {"begin": "a", "prepare": "b", "perform": "a", "finish": "b"}


def settled(move, host, *, dies, **asked):
    """What a move came to, once a host that a fault killed is there again."""

    def bring_back():
        host.wait_dead(WAIT_S)
        host.up()

    back = threading.Thread(target=bring_back)
    if dies:
        back.start()
    result = move(**asked)
    if dies:
        back.join(WAIT_S)
    if result.outcome is Outcome.UNKNOWN:
        result = move.migrator.recover(result.migration)
    return result


@requirement("lost.run-state")
@requirement("lost.unknown")
@requirement("lost.finish-reply")
@pytest.mark.parametrize("live", [True, False], ids=["live", "coma"])
@pytest.mark.parametrize("action", ["error", "cut"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", SIDES)
def test_a_phase_that_fails(move, furnish, phase, when, action, live):
    furnish()
    move.hosts[SIDES[phase]].fault(phase, when=when, action=action, text="no")
    result = move(live=live)
    health = move.hosts.check("g")
    assert health.problems == ()
    gone = phase == "finish" or (phase, when) == ("perform", "after")
    where = "vz-b" if gone else "vz-a"
    assert health.running_on == (where,), result
    assert move.where() == {where: "running"}
    wanted = Outcome.SUCCEEDED if gone else Outcome.ROLLED_BACK
    assert result.outcome is wanted, result
    if (phase, action) == ("perform", "error") and not gone:
        assert [fault.step for fault in result.faults] == ["perform"], (
            "that a cancelled finish gives nothing is no fault"
        )
    assert move.journal.entries()[0].closed is not None


@requirement("lost.killed")
@requirement("lost.run-state")
@pytest.mark.parametrize("live", [True, False], ids=["live", "coma"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", SIDES)
def test_a_host_that_dies_in_a_phase(move, furnish, phase, when, live):
    furnish()
    host = move.hosts[SIDES[phase]]
    host.fault(phase, when=when, action="die")
    result = settled(move, host, dies=True, live=live)
    move.migrator.settle()
    gone = phase == "finish" or (phase, when) == ("perform", "after")
    where = "vz-b" if gone else "vz-a"
    assert result.outcome is (Outcome.SUCCEEDED if gone else Outcome.ROLLED_BACK)
    assert move.where() == {where: "running"}
    assert move.hosts.check("g").ok


@requirement("undefine.absent")
@requirement("lost.configuration")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("action", ["error", "cut"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_to_define_the_source_again_that_fails(
    move, furnish, when, action, p2p
):
    furnish()
    definition = virsh(move.hosts["a"], "dumpxml", "g").out
    move.hosts["a"].fault("define_flags", when=when, action=action)
    result = move(undefine_source=False, p2p=p2p)
    assert move.hosts["a"].control()["faults"] == 0, "it has struck"
    assert result.outcome is Outcome.SUCCEEDED
    assert [fault.step for fault in result.faults] == ["restore_source"]
    assert result.obligations == (), "the host answered again, and it was done"
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    assert virsh(move.hosts["a"], "dumpxml", "g").out == definition
    assert move.migrator.settle() == []
    assert move.hosts.check("g").problems == ()


@requirement("undefine.absent")
@requirement("lost.configuration")
@requirement("lost.killed")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_source_that_dies_while_it_gets_its_definition_back(move, furnish, when, p2p):
    furnish()
    host = move.hosts["a"]
    definition = virsh(host, "dumpxml", "g").out
    host.fault("define_flags", when=when, action="die")
    result = move(undefine_source=False, p2p=p2p)
    assert result.outcome is Outcome.UNKNOWN, result
    assert "the destination runs it" in result.reason
    host.wait_dead()
    host.up()
    recovered = move.migrator.recover(result.migration)
    assert (recovered.outcome, recovered.obligations) == (Outcome.SUCCEEDED, ())
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    assert virsh(host, "dumpxml", "g").out == definition
    assert move.migrator.settle() == []
    assert move.hosts.check("g").problems == ()


@requirement("undefine.absent")
@requirement("lost.configuration")
def test_a_definition_that_could_not_be_given_back_is_owed_and_paid_once(move, furnish):
    furnish()
    host = move.hosts["a"]
    definition = virsh(host, "dumpxml", "g").out
    for _ in "at its step", "before the end", "when it is settled":
        host.fault("define_flags", action="error")
    result = move(undefine_source=False, persist_dest=False)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.obligations == ("restore_source", "undo_persist")
    assert move.where() == {"vz-b": "running"}
    assert {debt.state for debt in move.migrator.settle()} == {Paid.OWED}
    assert host.control()["faults"] == 0, "each has struck"
    paid = {debt.obligation: debt.state for debt in move.migrator.settle()}
    assert paid == {"restore_source": Paid.PAID, "undo_persist": Paid.OWED}
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    assert virsh(host, "dumpxml", "g").out == definition
    assert [d.obligation for d in move.migrator.settle()] == ["undo_persist"]
    assert move.hosts.check("g").problems == ()


@requirement("ends.cancel")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "coma"])
def test_a_cancel_in_the_middle(move, furnish, p2p, live):
    furnish()
    move.hosts["a"].control(stalled=True)
    handle = move.start(p2p=p2p, live=live)
    until = time.monotonic() + WAIT_S
    while not move.hosts["a"].control()["jobs"]:
        assert time.monotonic() < until
    handle.cancel()
    result = handle.wait(WAIT_S)
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.limit == "cancelled by the caller"
    assert move.where() == {"vz-a": "running"}
    assert move.hosts.check("g").ok
    move.hosts["a"].control(stalled=False)
    assert move(p2p=p2p).succeeded


@requirement("lost.unknown")
@requirement("lost.killed")
@pytest.mark.parametrize("dies", ["a", "b"])
def test_a_host_that_is_killed_in_the_transfer(move, furnish, dies):
    furnish()
    move.hosts["a"].control(stalled=True)
    handle = move.start()
    until = time.monotonic() + WAIT_S
    while not move.hosts["a"].control()["jobs"]:
        assert time.monotonic() < until
    move.hosts[dies].kill()
    back = threading.Timer(1.0, move.hosts[dies].up)
    back.start()
    result = handle.wait(25)
    back.join()
    if result.outcome is Outcome.UNKNOWN:
        result = move.migrator.recover(result.migration)
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert move.where() == {"vz-a": "running"}
    assert move.hosts.check("g").ok


@requirement("persist.deferred")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", SIDES)
def test_undefine_is_never_called_on_a_running_guest(move, furnish, phase, when):
    furnish()
    move.hosts[SIDES[phase]].fault(phase, when=when, action="cut")
    result = move(persist_dest=False, undefine_source=False)
    move.migrator.settle()
    assert move.hosts.check("g").ok
    assert result.outcome in (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)
