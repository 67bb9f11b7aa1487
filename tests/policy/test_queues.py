"""How much of a permitted stop is told, by what waits in the sender's sockets."""

from __future__ import annotations

import math

import pytest

from tests.requirements import requirement
from virtmigrate.convergence import decide
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.policy import Do, Objective
from virtmigrate.presets import LITTLE_MS, preset

RATE = 64 << 20
LEFT = 4 << 30
LITTLE = round(LITTLE_MS / 1000 * RATE)


def told(queued_bytes, policy=None, seconds=2.0):
    """The downtimes that a transfer is told in its first pass, ms."""
    policy, history = policy or preset(), History(0.0, able=frozenset({Do.DOWNTIME}))
    values = []
    for tick in range(1, round(seconds / 0.1)):
        at_s = tick / 10
        history.add(
            at_s,
            Sample(
                total_bytes=LEFT,
                processed_bytes=round(at_s * RATE),
                remaining_bytes=LEFT - round(at_s * RATE),
                iteration=1,
                queued_bytes=queued_bytes,
            ),
        )
        if (found := decide(policy, history, at_s)) is not None:
            assert found.do is Do.DOWNTIME
            values.append(found.value)
            history.did(found.rule, found.do, at_s, found.value)
    return values


@requirement("ends.limits")
def test_where_little_waits_nearly_all_of_the_stop_is_told_once():
    assert told(LITTLE - 1) == [255, 285]
    assert told(0) == [255, 285]


@requirement("ends.limits")
@pytest.mark.parametrize("queued", [None, LITTLE + RATE, 4 << 20, math.nan, -1])
def test_where_much_waits_or_nobody_knows_the_room_is_kept(queued):
    assert told(queued) == [255]


def test_a_policy_that_wants_a_short_stop_is_not_told_a_longer_one():
    short = preset().model_copy(update={"objective": Objective.GAP})
    assert told(0, short) == [100]


def test_the_policies_of_others_do_not_know_of_it():
    assert told(0, preset("virsh")) == [300]
