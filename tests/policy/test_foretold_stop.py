"""The stop that is foretold, and the bytes, against those of the transfer."""

from __future__ import annotations

import statistics

import pytest

from tests.policy.precopy import Guest, run, steady
from tests.policy.test_forecast import MIB, foretold
from tests.requirements import requirement
from virtmigrate.forecast import Verdict
from virtmigrate.policy import Do, Objective
from virtmigrate.presets import preset


@requirement("ends.forecast")
@pytest.mark.parametrize(
    ("name", "told_ms", "off_ms"),
    [("adaptive", 285, 15), ("virsh", 300, 30), ("nova", 80, 15)],
)
def test_the_stop_and_the_bytes_are_those_of_the_transfer(name, told_ms, off_ms):
    """The hypervisor stops a guest by what the policy has told it at first."""
    policy, stops, sent = preset(name), [], []
    for ratio in (0.1, 0.25, 0.4, 0.6):
        for high in (False, True):
            guest = Guest(steady(64 * ratio), high=high)
            told, came = foretold(guest, policy), run(policy, guest, until_s=40)
            assert came.how == "pre-copy"
            assert told.downtime_ms <= policy.limits.max_downtime_ms
            assert told.downtime_ms == pytest.approx(told_ms)
            stops.append(abs(told.downtime_ms - came.downtime_ms))
            sent.append(told.sent_bytes / MIB / came.sent_mib - 1)
    assert statistics.median(stops) <= off_ms
    assert max(stops) <= off_ms + 40
    assert statistics.median(map(abs, sent)) <= 0.03
    assert max(map(abs, sent)) <= 0.1


@requirement("ends.forecast")
def test_who_aims_at_a_short_stop_is_told_a_short_one():
    short = preset().model_copy(update={"objective": Objective.GAP})
    told = foretold(Guest(steady(16)), short)
    assert told.downtime_ms == pytest.approx(130)
    # What fits into no such stop gets the whole of what is permitted.
    close = preset().limited(max_downtime_ms=2000)
    guest = Guest(steady(96))
    assert foretold(guest, close).downtime_ms <= 2000
    assert foretold(guest, close).verdict is Verdict.CONVERGES
    # A hypervisor that can't be told is taken to permit what the policy does.
    untold = foretold(Guest(steady(16)), preset(), able=frozenset({Do.ABORT}))
    assert untold.downtime_ms == pytest.approx(300)
