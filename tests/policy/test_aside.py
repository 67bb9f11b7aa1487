"""What is measured beside a move: sooner verdicts, by a margin that sampling needs."""

from __future__ import annotations

import math

import pytest

from tests.policy.precopy import MIB, Guest, run, steady
from tests.policy.test_adaptive import (
    CONVERGE,
    DIVERGE,
    GUESTS,
    LINKS,
    ended,
)
from tests.requirements import requirement
from virtmigrate.curves import NOISE
from virtmigrate.forecast import Workload
from virtmigrate.history import History
from virtmigrate.host import Sample, Written
from virtmigrate.outlook import noise
from virtmigrate.pages import Pages
from virtmigrate.policy import Do, Objective
from virtmigrate.presets import preset

NOISES = (1.0, 0.85, 1.15)


def looked(share):
    """Two looks at pages, a changed one taking so much of itself as a difference."""
    return Pages(looked_at=128, zero=0, changed=40, difference=share)


def moved(
    guest,
    link="steady",
    *,
    seen=1.0,
    pages=None,
    xbzrle=True,
    objective=None,
    **consents,
):
    """One transfer of which a measurement told, wrong by a factor."""
    policy = preset().allowing(**consents)
    if objective:
        policy = policy.model_copy(update={"objective": objective})
    kind = GUESTS[guest]
    aside = kind.aside(seen)
    return run(
        policy,
        kind,
        LINKS[link],
        aside=aside,
        pages=pages,
        xbzrle=xbzrle,
        until_s=60,
    )


@requirement("ends.early")
@pytest.mark.parametrize("consents", [{}, {"pause": True}])
@pytest.mark.parametrize("seen", NOISES)
def test_pages_that_were_looked_at_show_it_a_pass_sooner(seen, consents):
    ours = moved("dense", seen=seen, pages=looked(1.0), **consents)
    *_, (_, number, decision) = ours.steps
    assert (number, decision.do) == (2, Do.SUSPEND if consents else Do.ABORT)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("guest", ["r 1.5", "r 4", "random"])
def test_differences_that_may_help_are_waited_for(guest, share):
    with_pages, without = moved(guest, pages=looked(share)), moved(guest)
    assert with_pages.steps == without.steps


@requirement("ends.early")
@pytest.mark.parametrize("consents", [{}, {"pause": True}])
@pytest.mark.parametrize("seen", [1.0, 1.15])
def test_that_differences_do_not_help_is_seen_within_the_pass_that_shows_it(
    seen, consents
):
    *_, (at_s, number, decision) = moved("dense", seen=seen, **consents).steps
    assert (number, decision.do) == (3, Do.SUSPEND if consents else Do.ABORT)
    # Two passes, what the second left unsent, and a moment to see the rate.
    assert at_s <= 256 / 64 + 128 / 64 + 0.255 + 0.4


@requirement("ends.limits")
@pytest.mark.parametrize("seen", NOISES)
@pytest.mark.parametrize("guest", ["r 1.5", "r 4", "random", "dense"])
def test_what_surely_takes_twice_as_long_is_switched_in_the_first_pass(guest, seen):
    ours = moved(guest, seen=seen, postcopy=True)
    *_, (_, number, decision) = ours.steps
    assert (number, decision.rule) == (1, "postcopy-at-once")
    assert ours.total_s <= 0.85 * ended("postcopy after pass 1", guest).total_s


@requirement("ends.limits")
@pytest.mark.parametrize("guest", CONVERGE | DIVERGE)
def test_a_short_stop_is_worth_a_pass_more(guest):
    ours = moved(guest, postcopy=True, objective=Objective.GAP)
    if guest == "dense":
        assert ours.how == "post-copy"
        return
    assert ours.how == "pre-copy", ours
    assert ours.downtime_ms <= 331


@requirement("ends.limits")
@pytest.mark.parametrize("seen", [*NOISES, 0.7, 1.3])
@pytest.mark.parametrize("xbzrle", [False, True])
@pytest.mark.parametrize("guest", CONVERGE)
def test_no_sampling_condemns_what_converges(guest, xbzrle, seen):
    for consents in ({}, {"pause": True}):
        ours = moved(guest, seen=seen, xbzrle=xbzrle, **consents)
        assert ours.how == "pre-copy", ours


@requirement("ends.drop")
@pytest.mark.parametrize("seen", NOISES)
def test_a_link_that_drops_in_the_first_pass_does_not_switch(seen):
    ours = moved("r 0.5", "early drop", seen=seen, postcopy=True)
    assert [at for at, _, _ in ours.steps if 2 <= at < 4] == []


@requirement("ends.limits")
@pytest.mark.parametrize("rate", [0.5, 1.5, 4])
@pytest.mark.parametrize("working_mib", [15, 16, 17, 18, 19, 20, 22])
def test_what_just_fits_into_the_whole_stop_is_let_through(working_mib, rate):
    guest = Guest(steady(64 * rate), working_mib=working_mib)
    plain = run(preset("virsh"), guest, until_s=60)
    ours = run(preset(), guest, until_s=60)
    assert ours.how == plain.how == "pre-copy", ours
    assert ours.total_s <= plain.total_s + 1.0
    assert ours.downtime_ms <= 331


@requirement("ends.early")
def test_of_passes_that_are_too_short_several_are_judged():
    guest = Guest(steady(256), working_mib=24)
    assert run(preset("virsh"), guest, until_s=20).how == "never"
    ours = run(preset(), guest, until_s=20)
    assert ours.how == "abort", ours
    assert ours.total_s < 256 / 64 + 3


@requirement("ends.limits")
@pytest.mark.parametrize("guest", ["idle", "r 0.25", "r 0.5"])
def test_a_stop_leaves_room_for_what_the_hypervisor_does_not_count(guest):
    ours = ended("adaptive none", guest)
    most = preset().limits.max_downtime_ms * preset().stop_share + 30
    assert ours.downtime_ms <= most + 1


@requirement("ends.hostile")
@pytest.mark.parametrize(
    "found",
    [
        Written(math.nan, 5),
        Written(1.0, -5),
        Written(0.0, 5),
        Written(1.0, 0),
        Written(-1.0, 1 << 70),
        Written(None, None),
        Written(math.inf, math.nan, math.nan),
    ],
)
def test_a_measurement_that_can_not_be_is_none(found):
    history = History(0.0)
    history.add(0.1, Sample(iteration=1, written=found))
    assert history.workload is None
    assert noise(history) == NOISE


def test_the_fewer_pages_were_found_written_the_less_is_it_believed():
    def of(mib, memory_mib=1024):
        history = History(0.0, workload=Workload(memory_bytes=memory_mib * MIB))
        history.add(0.1, Sample(written=Written(1.0, mib * MIB, memory_mib // 2)))
        return noise(history)

    assert of(1000) == NOISE
    assert of(4) >= of(32) > of(128)
    assert of(128, 256) < of(128)
    assert of(1) <= 0.5
