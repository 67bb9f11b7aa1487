"""Failures of peer-to-peer moves, and while the source is confirming."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from tests.vz.test_faults import SIDES, settled
from virtmigrate import Outcome, hookimpl


def came_to(move, result):
    """How it ended, where it is, and what its history lacks."""
    return result.outcome, move.where(), move.hosts.check("g").problems


AT_A = Outcome.ROLLED_BACK, {"vz-a": "running"}, ()
AT_B = Outcome.SUCCEEDED, {"vz-b": "running"}, ()


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
    gone = phase == "finish" or (phase, when) == ("perform", "after")
    assert came_to(move, result) == (AT_B if gone else AT_A), result


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
    assert came_to(move, result) == AT_B, result
