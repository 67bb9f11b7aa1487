"""Pages that were looked at say in the second pass that differences will do."""

from __future__ import annotations

import pytest

from tests.policy.precopy import Guest, run, steady
from tests.policy.test_aside import looked
from tests.requirements import requirement
from virtmigrate.outlook import outlook
from virtmigrate.presets import preset

LINK_MIB_S, LOOKS_S, SECOND = 64, 0.25, 2
WORD, SOME, WHOLE = 0.02, 0.3, 1.0
"""What a rewritten page takes as a difference, of a page."""
RATES = (0.75, 0.9, 1.1, 1.25, 1.5)


def moved(order, rate, share, *, pages=True, seen=1.0, working_mib=128, policy=None):
    """One transfer with differences, what a guest writes being measured beside it."""
    dirty = steady(LINK_MIB_S * rate)
    guest = Guest(dirty, working_mib=working_mib, order=order, encoded=share)
    ours = policy or preset()
    return run(
        ours,
        guest,
        LINK_MIB_S,
        aside=guest.aside(seen),
        pages=looked(share) if pages else None,
        xbzrle=True,
        until_s=60,
        watch=lambda history: outlook(history, ours),
    )


def by_pass_2(end):
    """What stood when pass 2, or the first 250 ms after its start, were over."""
    second = [each for each in end.foretold if each[1] > 1]
    began_s = second[0][0] - second[0][2]
    told = [ahead for at, n, _, ahead in second if n == 2 or at <= began_s + LOOKS_S]
    return told[-1]


@requirement("ends.verdict")
@pytest.mark.parametrize("seen", [0.85, 1.0, 1.15])
@pytest.mark.parametrize(("share", "most"), [(WORD, 1.5), (SOME, 1.25)])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_that_differences_will_do_is_known_by_pass_2(order, rate, share, most, seen):
    rate = min(rate, most)
    end = moved(order, rate, share, seen=seen)
    assert (by_pass_2(end).converges, end.how) == (True, "pre-copy")


@requirement("ends.verdict")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_one_pass_shows_it_where_the_measurement_saw_nothing(order, rate):
    end = moved(order, rate, WORD, seen=0.0)
    assert (by_pass_2(end).converges, end.how) == (True, "pre-copy")


@requirement("ends.verdict")
@pytest.mark.parametrize("share", [WORD, SOME, 0.7])
@pytest.mark.parametrize("working_mib", [24, 128, 200])
@pytest.mark.parametrize("rate", [1.5, 3])
def test_and_says_nothing_that_does_not_come(rate, working_mib, share):
    end = moved("sequential", rate, share, seen=0.0, working_mib=working_mib)
    assert by_pass_2(end).converges in (None, end.how == "pre-copy")


@requirement("ends.verdict")
@pytest.mark.parametrize("rate", [1.5, 2, 4])
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_and_not_of_a_guest_that_fills_whole_pages(order, rate):
    end = moved(order, rate, WHOLE, policy=preset("virsh"))
    assert end.how == "never"
    assert by_pass_2(end).converges is not True


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_nor_where_nobody_looked(order):
    assert by_pass_2(moved(order, 1.1, WORD, pages=False)).converges is None


@requirement("ends.limits")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_who_may_just_be_over_in_time_is_not_given_up_by_a_guess(order, rate):
    took_s = moved(order, rate, WORD).total_s
    tight = preset().limited(max_total_s=1.05 * took_s)
    end = moved(order, rate, WORD, policy=tight)
    # From the third pass on they are seen, and judged as what is seen.
    assert [decision for _, number, decision in end.steps if number == SECOND] == []


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_the_time_that_remains_is_foretold_with_it(order, rate):
    end = moved(order, rate, WORD)
    second = [each for each in end.foretold if each[1] == 2 and each[3].converges]
    assert second
    for at_s, _, _, ahead in second:
        # How much was written before, and so is known, is a guess on the safe side.
        assert 0.97 <= (at_s + ahead.remaining_s) / end.total_s <= 1.25
        assert ahead.remaining_s >= ahead.postcopy_s


@requirement("ends.limits")
@pytest.mark.parametrize("share", [WORD, SOME, WHOLE])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_with_consent_to_post_copy_it_is_no_slower_for_knowing(order, rate, share):
    policy = preset().allowing(postcopy=True)
    knows = moved(order, rate, share, policy=policy)
    waits = moved(order, rate, share, pages=False, policy=policy)
    assert knows.total_s <= 1.05 * waits.total_s
