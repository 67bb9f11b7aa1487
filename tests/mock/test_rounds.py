"""Guests that rewrite whole pages about as fast as the link sends: it always ends."""

from __future__ import annotations

import pytest

from tests.mock.rig import migrator
from tests.requirements import requirement
from virtmigrate.convergence import MIRROR_LAGS
from virtmigrate.monitor import REMEDIES
from virtmigrate.phases import Outcome
from virtmigrate.policy import Objective
from virtmigrate.presets import PRESETS, preset
from virtmigrate_mock import World
from virtmigrate_mock.memory import Habits

ENDS = {"none": Outcome.ROLLED_BACK, "postcopy": Outcome.SUCCEEDED}


@requirement("ends.limits")
@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("allow", ENDS)
@pytest.mark.parametrize("dirty_mib_s", [62, 64, 66, 70, 80, 96])
def test_a_guest_that_writes_as_fast_as_the_link_is_ended_in_a_minute(
    dirty_mib_s, allow, objective
):
    world = World.create("rounds", link_mib_s=64, replace=True)
    guest = {"memory_mib": 256, "working_set_mib": 128, "dirty_mib_s": dirty_mib_s}
    world.add_guest("a", "g", **guest, habits=Habits(pattern="dense"))
    policy = preset().allowing(**({} if allow == "none" else {allow: True}))
    began = world.clock.now()
    result = migrator(world).migrate(
        "g",
        world.uri("a"),
        world.uri("b"),
        policy=policy.model_copy(update={"objective": objective}),
    )
    assert world.clock.now() - began < 60
    assert result.outcome in (Outcome.SUCCEEDED, ENDS[allow])
    assert world.violations() == []


@requirement("ends.limits")
@pytest.mark.parametrize(
    ("limits", "fired", "remedy"),
    [
        ({}, "max_downtime", "--allow-postcopy"),
        ({"max_total_s": 2.0}, "max_total", "--max-time"),
    ],
)
def test_a_limit_that_ended_a_move_says_what_could_be_permitted(limits, fired, remedy):
    world = World.create("rounds", link_mib_s=64, replace=True)
    guest = {"memory_mib": 256, "working_set_mib": 128, "dirty_mib_s": 96}
    world.add_guest("a", "g", **guest, habits=Habits(pattern="dense"))
    uris = world.uri("a"), world.uri("b")
    result = migrator(world).migrate("g", *uris, policy=preset().limited(**limits))
    assert result.fired.limit == fired
    assert remedy in result.faults[0].remedy


def test_every_limit_that_is_no_rule_of_a_peer_says_what_can_be_done():
    upheld = {
        rule.limit for policy in PRESETS.values() for rule in policy.rules if rule.limit
    }
    always = {"max_total", "max_switchover", MIRROR_LAGS}
    assert set(REMEDIES) == upheld | always
