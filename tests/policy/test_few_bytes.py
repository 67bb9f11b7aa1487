"""A policy that aims at few bytes sends each page about once, if it may."""

from __future__ import annotations

import pytest

from tests.policy.precopy import EVERY, Guest, run, steady
from tests.policy.test_adaptive import CONVERGE, DIVERGE, GUESTS, LINKS
from tests.requirements import requirement
from virtmigrate.ends import MORE
from virtmigrate.forecast import Link, foresee
from virtmigrate.policy import Do, Objective
from virtmigrate.presets import preset

LINK_MIB_S, MEMORY_MIB = 64, 256
CONSENTING = preset().allowing(postcopy=True)
FEW = CONSENTING.model_copy(update={"objective": Objective.BYTES})
SLOW = 0.5
"""Of the link: pre-copy would not take twice as long."""
SAMPLED = 1 << 14


def moved(policy, guest, link=LINK_MIB_S):
    """One transfer of which a measurement told."""
    return run(policy, guest, link, aside=guest.aside(), xbzrle=True)


@requirement("ends.early")
@pytest.mark.parametrize("rate", [0.5, 0.75, 0.9, 1.5])
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_each_page_goes_about_once(order, rate):
    guest = Guest(steady(LINK_MIB_S * rate), order=order)
    few, fast = moved(FEW, guest), moved(CONSENTING, guest)
    assert few.sent_mib <= fast.sent_mib
    *_, (_, number, decision) = few.steps
    assert (number, decision.do) == (1, Do.POSTCOPY)
    assert few.sent_mib <= 1.2 * MEMORY_MIB
    if rate <= SLOW:
        assert few.sent_mib < 0.8 * fast.sent_mib


@pytest.mark.parametrize("working_mib", [1, 8, 16])
def test_what_rewrites_little_is_not_switched(working_mib):
    guest = Guest(steady(96), working_mib=working_mib)
    assert moved(FEW, guest).how == "pre-copy"


@requirement("ends.limits")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("guest", CONVERGE | DIVERGE)
def test_it_never_sends_more_than_who_aims_at_little_time(guest, link):
    kind, way = GUESTS[guest], LINKS[link]
    few, fast = moved(FEW, kind, way), moved(CONSENTING, kind, way)
    assert few.sent_mib <= fast.sent_mib + MORE * MEMORY_MIB


@requirement("ends.forecast")
@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9, 1.5])
def test_it_is_foretold(rate):
    guest = Guest(steady(LINK_MIB_S * rate))
    known = guest.workload().model_copy(update={"looked_at": (SAMPLED,) * 3})
    told = foresee(known, FEW, Link(LINK_MIB_S, "by --bandwidth"), EVERY, runs=True)
    came = run(FEW, guest, LINK_MIB_S, workload=known, planned_mib_s=LINK_MIB_S)
    assert told.way == came.how
    assert told.sent_bytes / (1 << 20) == pytest.approx(came.sent_mib, rel=0.1)
