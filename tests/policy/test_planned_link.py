"""What a plan foretold of a switch at once is done: by one rule, at one rate."""

from __future__ import annotations

import pytest

from tests.policy.precopy import MIB, Guest, run, steady
from tests.requirements import requirement
from virtmigrate.curves import rising
from virtmigrate.ends import Case
from virtmigrate.policy import Do
from virtmigrate.presets import preset

POLICY = preset().allowing(postcopy=True)
SEEN_MIB_S = 64
RATES = range(36, 64, 2)
"""Of a guest, MiB/s: from one that is waited for to one that surely is not."""


def foretold(workload, planned_mib_s):
    """Whether the plan says that it switches at once."""
    curve = rising([(at, float(amount)) for at, amount in workload.curve])
    memory, rate = float(workload.memory_bytes), planned_mib_s * MIB
    looked_at = workload.looked_at[0] if workload.looked_at else 0
    able = frozenset({Do.POSTCOPY, Do.DOWNTIME})
    return Case(POLICY, able, memory, memory, 0, rate, True, curve, looked_at).at_once


def done(workload, guest, planned_mib_s):
    """Whether the move does so."""
    ended = run(
        POLICY,
        guest,
        SEEN_MIB_S,
        workload=workload,
        planned_mib_s=planned_mib_s,
        xbzrle=True,
        until_s=60,
    )
    return any(decision.rule == "postcopy-at-once" for _, _, decision in ended.steps)


@requirement("ends.forecast")
@pytest.mark.parametrize("planned_mib_s", [58, 61, 64, 67, 70])
def test_a_close_thing_is_decided_as_it_was_foretold(planned_mib_s):
    answers = []
    for rate in RATES:
        guest = Guest(steady(rate))
        workload = guest.workload(1.0)
        answers.append(foretold(workload, planned_mib_s))
        assert done(workload, guest, planned_mib_s) == answers[-1], rate
    assert set(answers) == {True, False}


@requirement("ends.forecast")
@pytest.mark.parametrize("planned_mib_s", [None, 20, 300])
def test_a_link_that_is_another_than_was_planned_decides_as_it_is(planned_mib_s):
    for rate in RATES:
        guest = Guest(steady(rate))
        workload = guest.workload(1.0)
        assert done(workload, guest, planned_mib_s) == done(workload, guest, SEEN_MIB_S)
