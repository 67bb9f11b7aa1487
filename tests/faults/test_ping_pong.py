"""A hundred moves of one guest."""

from __future__ import annotations

import pytest

from tests.faults.ping_pong import travel
from tests.requirements import requirement

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]


@requirement("lost.ping-pong")
def test_a_hundred_moves_lose_nothing_and_leave_nothing_behind(hosts):
    journey = travel(hosts, 100, seed=1)
    assert journey.outcomes.total() == 100
    assert journey.faults.total() > 4
    assert journey.wrong == []
