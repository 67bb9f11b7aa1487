"""A mirror that can't catch up is told from one that is slow, dropped or still."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.replay import replayed
from tests.requirements import requirement
from virtmigrate.convergence import START
from virtmigrate.host import Sample
from virtmigrate.mirror import LINK_S, SPANS_MOST, Mirror
from virtmigrate.policy import Act, Do, Limits, Policy, Rule, When
from virtmigrate.presets import LAGS_S, PRESETS, preset

MIB = 1 << 20
EACH_S = 0.5


def read(total, sent, left):
    """As libvirt counts while the mirror runs; what is rewritten counts again."""
    total, sent, left = (int(mib * MIB) for mib in (total, sent, left))
    return Sample(
        total_bytes=total,
        processed_bytes=sent,
        remaining_bytes=left,
        iteration=0,
        disk_total_bytes=total,
        disk_processed_bytes=sent,
        disk_remaining_bytes=left,
    )


def mirrored(size, rates, writes, hot=None, each_s=EACH_S):
    """A disk of MiB over a link, each moment's MiB/s, of which some is rewritten.

    Args:
        size: MiB.
        rates: MiB/s that go through, a moment each.
        writes: MiB/s that the guest rewrites, a moment each.
        hot: MiB that it rewrites, round and round; by default all of them.
        each_s: A moment.
    """
    sent, cold, dirty = 0.0, size - (hot or size), hot or size
    for rate, written in zip(rates, writes, strict=False):
        yield each_s, read(sent + cold + dirty, sent, cold + dirty)
        gone = rate * each_s
        sent += min(gone, cold + dirty)
        cold, gone = max(0.0, cold - gone), max(0.0, gone - cold)
        if cold + dirty <= gone:
            return
        dirty = min(hot or size, max(0.0, dirty - gone) + written * each_s)


def steps(trace, policy=None):
    """What a policy does about it, beside its own beginning."""
    _, did = replayed(policy or preset(), list(trace), began=0.0)
    return [(at, decision) for at, decision in did if decision.rule != START]


def lags(trace):
    """When a mirror is found to lag, each look for itself."""
    mirror, at, found = Mirror(), 0.0, []
    for step, sample in trace:
        at += step
        mirror.add(at, sample)
        found += [at] * (mirror.lag(LAGS_S) is not None)
    return found


def lasting(value, seconds):
    return itertools.repeat(value, int(seconds / EACH_S))


@requirement("disks.lags")
@given(st.integers(16, 512), st.integers(4, 200), st.floats(1.01, 4), st.floats(0.3, 1))
def test_what_is_rewritten_as_fast_as_it_is_sent_is_found(size, rate, ratio, share):
    """All that it rewrites, or a part: once the rest is there, it gets nowhere."""
    hot = size * share
    cold_s = (size - hot) / rate
    if hot < 2 * rate * EACH_S:
        return  # so little that it is there between two looks
    seconds = (cold_s + LAGS_S + 5) * 1.4 + 5
    trace = mirrored(size, lasting(rate, seconds), lasting(rate * ratio, seconds), hot)
    at, *_ = lags(trace)
    assert cold_s <= at <= seconds


@requirement("disks.lags")
def test_it_is_given_up_by_a_limit_with_a_name():
    trace = mirrored(64, lasting(10.0, 40), lasting(16.0, 40), 32)
    ((at, decision),) = steps(trace)
    assert (decision.rule, decision.do) == ("mirror-lags", Do.ABORT)
    assert LAGS_S < at < LAGS_S + 10
    limit = decision.limit
    assert (limit.name, limit.value, limit.unit) == ("mirror_lags", LAGS_S, "s")
    assert limit.origin == "policy adaptive"
    assert "32 MiB remain, no less than 2" in decision.why
    assert "10.0 MiB/s are sent, 10.0 MiB/s are rewritten" in decision.why
    assert "limit mirror-lags 20 s, from policy adaptive" in decision.why


@requirement("disks.lags")
@given(
    st.integers(1, 1 << 20),
    st.lists(st.floats(0.01, 1000), min_size=1, max_size=12),
    st.floats(0, 0.85),
)
def test_one_that_merely_is_slow_never_is(size, rates, ratio):
    """However big the disk, and whatever the link does: it gets on with each byte."""
    course = [rate for rate in rates for _ in range(40)]
    trace = mirrored(size, course, [rate * ratio for rate in course])
    assert lags(trace) == []


@requirement("disks.lags")
@given(
    st.floats(0, 0.35),
    st.floats(2, LINK_S - 2 * EACH_S),
    st.floats(10, 120),
    st.floats(0.4, 0.85),
)
def test_nor_one_whose_link_has_dropped(share, drop_s, before_s, ratio):
    """The guest writes more than what goes through meanwhile, and less before it."""
    rate = 50.0
    course = [
        *lasting(rate, before_s),
        *lasting(rate * share, drop_s),
        *lasting(rate, 120),
    ]
    assert lags(mirrored(1 << 20, course, itertools.repeat(rate * ratio))) == []


@requirement("disks.lags")
def test_nor_one_that_stands_still_or_comes_late():
    still = [(EACH_S, read(256, 40, 216))] * 200
    assert lags(still) == []
    assert steps([(EACH_S, None)] * 200) == []


@requirement("disks.lags")
def test_what_an_hour_has_copied_is_not_thrown_away_for_a_minute():
    """Nor while what a burst has left over goes."""
    hour, burst = 3600, 100
    course = [*lasting(50.0, hour + burst + 600)]
    written = [*lasting(5.0, hour), *lasting(80.0, burst), *lasting(5.0, 600)]
    assert lags(mirrored(1 << 20, course, written)) == []
    young = [*lasting(5.0, 60), *lasting(80.0, burst)]
    assert lags(mirrored(1 << 20, course, young))


@requirement("disks.lags")
def test_a_burst_that_is_over_is_waited_for():
    course = lasting(50.0, 120)
    written = [*lasting(5.0, 40), *lasting(90.0, 12), *lasting(5.0, 68)]
    assert lags(mirrored(1 << 20, course, written)) == []


@requirement("disks.lags")
def test_synchronous_writes_are_the_remedy_and_not_ended():
    mirror = Mirror(synchronous=True)
    at = 0.0
    for step, sample in mirrored(64, lasting(8.0, 200), lasting(20.0, 200)):
        at += step
        mirror.add(at, sample)
        assert mirror.lag(LAGS_S) is None
    assert mirror.left


@requirement("disks.lags")
def test_a_day_of_it_is_kept_in_little():
    mirror = Mirror()
    for n in range(100_000):
        mirror.add(float(n), read(1 << 20, n, (1 << 20) - n))
    assert len(mirror.spans) <= SPANS_MOST
    assert mirror.spans[0].at_s == 0.0
    assert mirror.lag(LAGS_S) is None


@requirement("disks.lags")
@pytest.mark.parametrize("name", [name for name in PRESETS if name != "adaptive"])
def test_the_peers_have_no_such_limit(name):
    trace = mirrored(64, lasting(8.0, 100), lasting(20.0, 100))
    assert all(d.do is not Do.ABORT for _, d in steps(trace, preset(name)))


@requirement("disks.lags")
def test_a_policy_of_ones_own_may_say_when():
    mine = Policy(
        name="mine",
        limits=Limits(max_total_s=900),
        rules=(
            Rule(
                id="disks",
                when=When(mirror_lags_s=40),
                ladder=(Act(do=Do.ABORT),),
            ),
        ),
    )
    trace = mirrored(64, lasting(8.0, 100), lasting(20.0, 100))
    ((at, decision),) = steps(trace, mine)
    assert 40 <= at <= 45
    assert (decision.limit.name, decision.limit.value) == ("mirror_lags", 40)
    assert decision.limit.origin == "policy mine"
