"""Failures of peer-to-peer moves, in a coma, and while the source is confirming."""

from __future__ import annotations

import threading

import pytest

from tests.requirements import requirement
from virtmigrate import Outcome, hookimpl

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


def check(move, result, phase, when):
    """It runs in one place, and the result says in which."""
    gone = phase == "finish" or (phase, when) == ("perform", "after")
    assert move.where() == {"vz-b" if gone else "vz-a": "running"}, result
    assert move.hosts.check("g").problems == ()
    wanted = Outcome.SUCCEEDED if gone else Outcome.ROLLED_BACK
    assert result.outcome is wanted, result


@requirement("lost.run-state")
@requirement("lost.unknown")
@requirement("managed")
@pytest.mark.parametrize("action", ["error", "cut", "die"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", ["prepare", "perform", "finish"])
def test_a_phase_that_fails_between_the_daemons(move, furnish, phase, when, action):
    furnish()
    host = move.hosts[SIDES[phase]]
    host.fault(phase, when=when, action=action, text="no")
    result = settled(move, host, dies=action == "die", live=False, p2p=True)
    check(move, result, phase, when)


@requirement("lost.run-state")
@requirement("lost.killed")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", SIDES)
def test_a_host_that_dies_in_a_coma(move, furnish, phase, when):
    furnish()
    host = move.hosts[SIDES[phase]]
    host.fault(phase, when=when, action="die")
    check(move, settled(move, host, dies=True, live=False), phase, when)


class Killer:
    """Kills a host around confirm, of which the driver itself hears nothing."""

    def __init__(self, host, when):
        self.host, self.when = host, when

    @hookimpl(wrapper=True)
    def virtmigrate_confirm(self, ctx, fate):
        if self.when == "before":
            self.host.kill()
        answer = yield
        if self.when == "after":
            self.host.kill()
        return answer


@requirement("lost.run-state")
@requirement("lost.killed")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("dies", ["a", "b"])
def test_a_host_that_dies_at_confirm(move, furnish, dies, when, p2p):
    furnish()
    host = move.hosts[dies]
    move.migrator.manager.register(Killer(host, when))
    result = move(p2p=p2p, live=False)
    host.up()
    if result.outcome is Outcome.UNKNOWN:
        result = move.migrator.recover(result.migration)
    check(move, result, "finish", when)
