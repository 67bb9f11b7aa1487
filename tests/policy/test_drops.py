"""A link that has just dropped: nothing is decided from its first moments either."""

from __future__ import annotations

import pytest

from tests.policy.precopy import Guest, between, run, steady
from tests.requirements import requirement
from virtmigrate.presets import preset

LINK_MIB_S = 64
WAYS = {"none": {}, "postcopy": {"postcopy": True}, "pause": {"pause": True}}
DROPS = ((4.2, 6.0, 0.25), (4.5, 6.5, 0.1), (5.0, 7.0, 0.25))
"""From, to, and the share of the link that is left."""


@requirement("ends.drop")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("since_s", "until_s", "share"), DROPS)
@pytest.mark.parametrize(
    ("order", "rate", "working_mib"),
    [
        ("sequential", 0.25, 128),
        ("sequential", 1.5, 48),
        ("random", 0.5, 48),
        ("random", 1.5, 128),
    ],
)
def test_the_first_look_at_it_decides_nothing(
    order, rate, working_mib, since_s, until_s, share, way
):
    guest = Guest(steady(LINK_MIB_S * rate), working_mib=working_mib, order=order)
    link = between(since_s, until_s, LINK_MIB_S * share, LINK_MIB_S)
    end = run(preset().allowing(**WAYS[way]), guest, link, aside=guest.aside())
    # What is decided just as it drops was seen before.
    assert [at for at, _, _ in end.steps if since_s + 0.05 < at < until_s] == []
