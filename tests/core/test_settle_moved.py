"""A guest that was handed over, or is just being: by looks at both hosts."""

from __future__ import annotations

import pytest

from tests.core.contexts import settler
from tests.core.scripted import XML, Copy
from tests.core.test_settle import scene
from tests.requirements import requirement
from virtmigrate.adjudication import Told
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.settle import QUIET_S


@requirement("lost.unknown")
@pytest.mark.parametrize("told", ["j1", "j2", "j3", "jR"])
@pytest.mark.parametrize("there", ["A", "S"])
def test_a_guest_that_was_retired_as_moved_did_not_stop_by_itself(told, there):
    world = scene("S", there)
    world.hosts["a"].moved = True
    settled = settler(world, Told(told), two_step=True).settle()
    assert (settled.outcome, world.calls) == (Outcome.QUARANTINED, [])
    assert "handed over" in settled.reason


def test_where_nothing_was_prepared_a_guest_was_moved_by_somebody_else():
    world = scene("S", "A")
    world.hosts["a"].moved = True
    made = settler(world, Told.BEGUN, two_step=True, prepared=False)
    assert made.settle().outcome is Outcome.ROLLED_BACK


@requirement("lost.decision-table")
@pytest.mark.parametrize(("two_step", "loser"), [(True, "b"), (False, "a")])
def test_of_two_that_run_the_older_one_is_paused(two_step, loser):
    """Where the hypervisor starts it there by itself, the source is the older one."""
    world = scene("R", "R")
    settler(world, Told.PERFORM_INTENDED, two_step=two_step).settle()
    assert world.hosts[loser].state is RunState.PAUSED


@requirement("lost.unknown")
@pytest.mark.parametrize("ends", [True, False])
def test_a_post_copy_that_may_come_to_its_end_is_waited_for_within_a_bound(ends):
    world = scene("PC", "PC")
    began = world.clock.now()

    def complete(world):
        if ends and world.clock.now() - began > QUIET_S / 2:
            world.hosts["a"] = Copy(RunState.SHUTOFF, XML, moved=True)
            world.hosts["b"] = Copy(RunState.RUNNING, XML)
            world.newest = "b"

    world.breaks("destination.look", "before", complete)
    settled = settler(world, Told.COMMITTED, two_step=True).settle()
    assert settled.outcome is (Outcome.SUCCEEDED if ends else Outcome.UNKNOWN)
    assert world.wrongs == []
    assert world.clock.now() - began <= QUIET_S + 1
