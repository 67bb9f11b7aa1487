"""A cache for differences is given back while the guest stands still: what it costs."""

from __future__ import annotations

import pytest

from tests.policy.replay import MIB, replayed, stuck
from tests.requirements import requirement
from virtmigrate.cache import CACHE_MOST, stopping_s
from virtmigrate.course import course
from virtmigrate.policy import GIB, Act, Do, Limits, Policy, Rule, When
from virtmigrate.presets import preset


def longest_ms(cache_bytes, *, size=4 * GIB, delta=True):
    """The longest stop that a transfer is told that would take 500 ms."""
    trace = stuck(size, max(1600, 800 * size / GIB))
    more = {"delta": delta, "cache_bytes": cache_bytes}
    _, did = replayed(preset("nova"), trace, began=0.0, **more)
    return max(decision.value for _, decision in did if decision.do is Do.DOWNTIME)


@requirement("ends.limits")
def test_it_is_taken_off_the_stop_that_is_told():
    # 512 MiB take 46 ms; 15 of them, with 15 of the devices, are kept back anyway.
    assert longest_ms(512 * MIB) == 500 - 31


@requirement("ends.limits")
@pytest.mark.parametrize(
    "given",
    [
        {"cache_bytes": 128 * MIB},
        {"cache_bytes": 4 * GIB, "delta": False},
        {"cache_bytes": 4 * GIB, "size": 128 * MIB},  # no more than that can be in it
    ],
)
def test_what_holds_little_takes_nothing_off(given):
    assert longest_ms(**given) == 500


@requirement("ends.limits")
def test_a_cache_that_somebody_chose_takes_half_of_the_stop_at_most():
    assert longest_ms(1 << 50, size=16 * GIB) == 250


@requirement("ends.limits")
def test_nothing_that_was_told_is_taken_back_for_it():
    whole = Act(do=Do.DOWNTIME, value=1000)
    policy = Policy(
        name="whole",
        summary="tells 480 ms, and from the second pass on all that is permitted",
        limits=Limits(max_downtime_ms=500, max_total_s=600),
        at_start=(Act(do=Do.DOWNTIME, value=480),),
        rules=(Rule(id="whole", when=When(passes_above=1), ladder=(whole,)),),
        at_deadline=(Do.ABORT,),
    )
    more = {"delta": True, "cache_bytes": 4 * GIB}
    _, did = replayed(policy, stuck(4 * GIB, 300), began=0.0, **more)
    assert [(d.do, d.value) for _, d in did] == [(Do.DOWNTIME, 480)]
    _, did = replayed(policy, stuck(4 * GIB, 300), began=0.0)
    assert [d.value for _, d in did] == [480, 500]


@requirement("ends.forecast")
def test_the_stop_that_is_foretold_has_it():
    rate, memory = 256 * MIB, 4 * GIB

    def stop_ms(working_set, difference):
        writes = course(
            lambda t: min(working_set, rate * t),
            memory,
            rate,
            300,
            difference=difference,
        )
        assert writes.converges
        return writes.stop_ms

    assert stop_ms(16 * MIB, 0.1) == pytest.approx(stop_ms(16 * MIB, None))
    with_much = 1000 * stopping_s(CACHE_MOST)
    assert stop_ms(2 * GIB, 0.1) >= with_much > 1000 * stopping_s(0)
