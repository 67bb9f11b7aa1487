"""A transfer that goes round and round: when it is known to gain nothing."""

from __future__ import annotations

import pytest

from tests.policy.precopy import MIB
from tests.requirements import requirement
from virtmigrate.deltas import covered
from virtmigrate.history import ROUNDS, TIMES, History
from virtmigrate.host import Sample
from virtmigrate.outlook import outlook
from virtmigrate.policy import Do
from virtmigrate.presets import preset

SIZE_MIB = 256


def told(sizes_mib, *, each_s=1.0, each_mib=64, sent=True, history=None):
    """What passes of these sizes, one after the other, leave of it."""
    history = history or History(0.0)
    for number, size in enumerate((SIZE_MIB, *sizes_mib), start=1):
        for half in (0, 1):
            at_s = (number - 1 + half / 2) * each_s
            gone = (number - 1 + half / 2) * each_mib * MIB
            history.add(
                at_s,
                Sample(
                    total_bytes=SIZE_MIB * MIB,
                    processed_bytes=round(gone) if sent else None,
                    remaining_bytes=round(size * MIB / (1 + half)),
                    iteration=number,
                ),
            )
    return history


ENOUGH = TIMES * SIZE_MIB // 64


@requirement("ends.limits")
def test_twice_the_memory_sent_without_a_gain_is_enough():
    assert not told([100] * ENOUGH).gained_nothing()
    assert told([100] * (ENOUGH + 3)).gained_nothing()


def test_a_pass_with_less_to_send_begins_it_anew():
    falling = [200 * 0.9**number for number in range(4 * ENOUGH)]
    assert not told(falling).gained_nothing()
    assert told([*falling, *[falling[-1]] * (ENOUGH + 3)]).gained_nothing()


def test_what_is_told_of_a_longer_stop_begins_it_anew():
    history = told([100] * (ENOUGH + 3))
    history.did("a-longer-stop-fits", Do.DOWNTIME, 20.0, 300)
    assert not history.gained_nothing()


@requirement("ends.drop")
def test_a_link_that_stands_still_is_no_reason():
    assert not told([100] * (ENOUGH + 3), each_s=100.0, each_mib=1).gained_nothing()


@pytest.mark.parametrize("sent", [True, False])
def test_passes_that_fly_by_are_counted(sent):
    few, many = ([20] * (ROUNDS + more) for more in (-2, 2))
    short = {"each_s": 0.1, "each_mib": 1, "sent": sent}
    assert not told(few, **short).gained_nothing()
    assert told(many, **short).gained_nothing()


@requirement("ends.limits")
@pytest.mark.parametrize("throttles", [False, True])
def test_a_guest_that_is_throttled_more_and_more_is_waited_for(throttles):
    history = told([200] * (ENOUGH + 3), history=History(0.0, throttles=throttles))
    verdict = outlook(history, preset()).converges
    assert verdict is (None if throttles else False)


def test_how_fast_short_passes_get_through_memory_is_their_sum():
    assert covered(told([40] * 3, each_s=0.5)) is None
    assert covered(told([40] * 8, each_s=0.5)) == pytest.approx(2 * 36 * MIB, rel=0.2)


def test_passes_of_which_some_went_by_unseen_tell_nothing():
    history = told([40] * 8, each_s=0.5)
    del history.passes[-3]
    assert covered(history) is None
