"""What samples are taken to show: when a pass began, and that a guest stands still."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate.convergence import STANDSTILL, decide
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.policy import Do
from virtmigrate.presets import preset

MIB = 1 << 20
RATE = 64 * MIB


def sample(at_s, number, left, **fields):
    return Sample(
        total_bytes=256 * MIB,
        processed_bytes=int(at_s * RATE),
        remaining_bytes=int(left),
        iteration=number,
        **fields,
    )


def two_passes(**second):
    """A first pass of 2 s, then a second one that is seen 50 ms later."""
    history = History(0.0)
    for tick in range(20):
        at_s = tick / 10
        history.add(at_s, sample(at_s, 1, (4 - at_s) * RATE))
    history.add(2.0, sample(2.0, 2, 40 * MIB, **second))
    return history.passes[-1]


@requirement("ends.verdict")
@pytest.mark.parametrize("age_ms", [10, 50, 90])
def test_a_pass_that_an_event_told_of_began_then(age_ms):
    """What was sent since then was a part of it."""
    seen, told = two_passes(), two_passes(pass_ms=age_ms)
    assert (seen.at_s, seen.size) == (2.0, 40 * MIB)
    assert told.at_s == pytest.approx(2.0 - age_ms / 1000)
    assert told.size == pytest.approx(40 * MIB + age_ms / 1000 * RATE)
    assert told.rest == pytest.approx(seen.rest + age_ms / 1000 * RATE)


@requirement("ends.hostile")
def test_no_pass_began_before_the_one_before():
    assert two_passes(pass_ms=3_600_000).at_s == 0.0


@requirement("ends.standstill")
@pytest.mark.parametrize("switchover_s", [5.0, 30.0])
def test_a_guest_that_its_hypervisor_has_stopped_for_too_long_is_given_back(
    switchover_s,
):
    """Nothing moves any more, and the deadline is far off."""
    policy = preset().limited(max_total_s=3600.0)
    limits = policy.limits.model_copy(update={"max_switchover_s": switchover_s})
    policy = policy.model_copy(update={"limits": limits})
    history, last = History(0.0, able=frozenset(Do)), sample(4.0, 2, 9 * MIB)
    for tick in range(400):
        at_s = tick / 10
        stopped = sample(4.0, 2, 9 * MIB, stopped=True)
        history.add(at_s, last if at_s < 1 else stopped)
        decision = decide(policy, history, at_s)
        if decision is not None and decision.rule == STANDSTILL:
            break
        if decision is not None:
            assert at_s < 1, "once it stands still nothing helps it along"
            history.did(decision.rule, decision.do, at_s, decision.value)
    assert decision.do is Do.ABORT
    assert (decision.limit.name, decision.limit.value) == (
        "max_switchover",
        switchover_s,
    )
    assert at_s == pytest.approx(1 + switchover_s, abs=0.2)


@requirement("ends.standstill")
def test_a_guest_that_stands_still_while_memory_moves_is_left_alone():
    policy = preset("virsh").limited(max_total_s=3600.0)
    limits = policy.limits.model_copy(update={"max_switchover_s": 5.0})
    policy = policy.model_copy(update={"limits": limits})
    history = History(0.0, able=frozenset(Do))
    for second in range(60):
        shown = sample(second, 1, (60 - second) * RATE / 16, stopped=True)
        history.add(float(second), shown)
        assert decide(policy, history, float(second)) is None
