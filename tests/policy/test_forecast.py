"""A forecast against the transfer that it foretells."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench import forecast
from tests.policy.precopy import EVERY, Guest, run, steady
from tests.requirements import requirement
from virtmigrate import MemoryJournal
from virtmigrate.convergence import decide
from virtmigrate.ends import Case
from virtmigrate.forecast import SMALL_WRITES, Link, Verdict, Workload, foresee
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.likely import likely
from virtmigrate.links import link_between
from virtmigrate.pages import Pages
from virtmigrate.policy import Do, Objective
from virtmigrate.presets import preset

MIB = 1 << 20
LINK = Link(64.0, "--bandwidth")
GUESTS = {
    f"{ratio} of {working}, {'high' if high else 'low'}": Guest(
        steady(64 * ratio), working_mib=working, high=high
    )
    for ratio in (0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.5, 2)
    for working in (16, 64, 128)
    for high in (False, True)
}


def foretold(guest, policy, link=LINK, able=EVERY, noise=1.0):
    return foresee(guest.workload(noise), policy, link, able, runs=True)


@requirement("ends.forecast")
def test_times_and_verdicts_are_those_of_the_transfer():
    errors, near = [], []
    for name, guest in GUESTS.items():
        policy = preset("virsh")
        told, came = foretold(guest, policy), run(policy, guest, until_s=40)
        assert (told.verdict is Verdict.CONVERGES) == (came.how == "pre-copy"), name
        if came.how == "pre-copy":
            assert told.way == "pre-copy"
            edge = 0.8 < guest.dirty(0) / 64 < 1
            (near if edge else errors).append(told.total_s / came.total_s - 1)
    assert statistics.median(map(abs, errors)) <= 0.05
    assert statistics.quantiles(map(abs, errors), n=20)[-1] <= 0.15
    # Where it only just converges, pages that are due anyway are written again: it is
    # over sooner than foretold, never much later.
    assert min(near) >= -0.06


@requirement("ends.forecast")
def test_with_consent_post_copy_is_foretold():
    policy = preset().allowing(postcopy=True)
    for ratio in (1.5, 2):
        guest = Guest(steady(64 * ratio))
        told = foretold(guest, policy)
        # What is measured beside the move leaves no doubt: it is switched at once.
        came = run(policy, guest, aside=guest.aside())
        assert told.way == came.how == "post-copy"
        assert told.total_s == pytest.approx(came.total_s, rel=0.05)


@requirement("ends.forecast")
@pytest.mark.parametrize("ratio", [0.5, 0.75, 1.5])
def test_a_policy_that_switches_only_where_it_must_is_foretold_so(ratio):
    gap = (
        preset().allowing(postcopy=True).model_copy(update={"objective": Objective.GAP})
    )
    guest = Guest(steady(64 * ratio))
    told, came = foretold(guest, gap), run(gap, guest, aside=guest.aside())
    assert told.way == came.how
    assert told.total_s == pytest.approx(came.total_s, rel=0.1)


@requirement("ends.forecast")
def test_what_it_would_take_is_said():
    told = foretold(Guest(steady(96)), preset("virsh"))
    assert told.verdict is Verdict.NEEDS
    assert [need.split()[0] for need in told.needs] == [
        "--max-downtime",
        "--allow-postcopy",
        "--allow-pause",
        "a",
    ]
    bare = foretold(Guest(steady(96)), preset("virsh"), able=frozenset({Do.ABORT}))
    assert (bare.verdict, bare.needs) == (Verdict.CANNOT, ())


@requirement("ends.forecast")
def test_what_is_not_known_is_said():
    told = foretold(Guest(steady(96)), preset(), link=None)
    assert (told.verdict, told.total_s) == (Verdict.UNKNOWN, None)
    assert "link: unknown" in told.basis[-1]
    unmeasured = Workload(memory_bytes=1 << 28)
    told = foresee(unmeasured, preset(), LINK, EVERY, runs=True)
    assert (told.verdict, told.total_s) == (Verdict.UNKNOWN, None)
    stopped = foresee(unmeasured, preset(), LINK, EVERY, runs=False)
    assert (stopped.way, stopped.verdict) == ("stopped", Verdict.CONVERGES)
    assert stopped.total_s == pytest.approx(4, abs=0.1)


NOISES = st.floats(0.85, 1.15)
LEAST, MOST = 0.75, 1.25
"""A guest whose verdict is the same if it writes so much less, or more, is clear."""


def scaled(workload, *factors):
    """The same guest, measured as writing so many times as much at each point."""
    curve = tuple(
        (at, int(amount * factor))
        for (at, amount), factor in zip(workload.curve, factors, strict=True)
    )
    return workload.model_copy(update={"curve": curve})


@requirement("ends.forecast")
@pytest.mark.parametrize("name", ["virsh", "adaptive", "nova", "kubevirt", "ganeti"])
@given(
    st.floats(0.05, 4),
    st.floats(0.1, 8),
    st.sampled_from([256, 1024, 8192]),
    st.tuples(NOISES, NOISES, NOISES),
    st.booleans(),
)
def test_a_measurement_with_noise_turns_no_verdict_that_is_clear(
    name, ratio, hot_s, memory_mib, noise, pause
):
    # Random writes within what the link sends in so many seconds.
    most = min(memory_mib, 64 * hot_s)
    curve = tuple(
        (at, int(MIB * most * (1 - math.exp(-64 * ratio * at / most))))
        for at in (1.0, 2.0, 4.0)
    )
    guest = Workload(memory_bytes=memory_mib * MIB, curve=curve)
    policy = preset(name).allowing(pause=pause)

    def verdict(*factors):
        seen = scaled(guest, *factors)
        return foresee(seen, policy, LINK, EVERY, runs=True).verdict

    # How long a pause takes is read off a curve far beyond its last point: noise of its
    # shape may turn that.
    noise = noise[:1] * 3 if pause else noise
    clear = {verdict(*[factor] * 3) for factor in (LEAST, 1, MOST)}
    if len(clear) == 1:
        assert {verdict(*noise)} == clear


@requirement("ends.forecast")
@pytest.mark.parametrize("noise", [0.85, 1.15])
@pytest.mark.parametrize("working_mib", [128, 256])
@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (0.1, Verdict.CONVERGES),
        (0.75, Verdict.CONVERGES),
        (1.25, Verdict.NEEDS),
        (2, Verdict.NEEDS),
    ],
)
def test_a_quarter_from_the_link_s_rate_the_verdict_is_sure(
    ratio, verdict, working_mib, noise
):
    guest = Guest(steady(64 * ratio), working_mib=working_mib)
    assert foretold(guest, preset("virsh"), noise=noise).verdict is verdict


PAGES = st.sampled_from([32, 128, 512, 32768])
SHARES = st.floats(0, 1)


def sampled(memory_mib, pages, *points):
    """A measurement: (seconds, share of the pages looked at that had changed)."""
    return Workload(
        memory_bytes=memory_mib * MIB,
        curve=tuple((at, int(share * memory_mib * MIB)) for at, share in points),
        looked_at=(pages,) * len(points),
    )


@given(PAGES, SHARES, SHARES, st.booleans())
def test_each_way_in_which_a_guest_may_write_is_possible(pages, low, high, one):
    points = [(1.0, low)] if one else [(1.0, low), (4.0, high)]
    workload = sampled(256, pages, *points)
    times = [0.0, 0.1, 0.5, 1, 2, 4, 8, 100]
    kinds = likely(workload)
    assert kinds
    for f in kinds:
        amounts = [f(t) for t in times]
        assert amounts == sorted(amounts)
        assert amounts[0] >= 0
        assert amounts[-1] <= workload.memory_bytes * (1 + 1e-9)


@requirement("ends.forecast")
@given(SHARES, st.booleans())
@example(0.33984375, True)
def test_the_more_pages_were_looked_at_the_narrower_it_is(share, postcopy):
    policy = preset("virsh").allowing(postcopy=postcopy)

    def width(pages):
        seen = sampled(256, pages, (1.0, share / 4), (4.0, share))
        told = foresee(seen, policy, LINK, EVERY, runs=True)
        low, high = told.total_range_s or (0, math.inf)
        assert told.total_s is None or low <= told.total_s <= high
        return high - low

    if width(1 << 20) < math.inf and width(128) < math.inf:
        # Quantiles of a few kinds of guests: one that falls out moves them a little.
        assert width(1 << 20) <= 1.05 * width(128) + 0.01


@requirement("ends.forecast")
def test_close_to_the_link_s_rate_a_rough_measurement_does_not_tell():
    def told(pages, ratio):
        pace = ratio * 64 / 1024
        seen = sampled(1024, pages, (1.0, pace), (4.0, 4 * pace))
        return foresee(seen, preset("virsh"), LINK, EVERY, runs=True)

    rough = told(64, 0.95)
    assert rough.verdict is Verdict.UNKNOWN
    assert 0.1 < rough.chance < 0.9
    assert rough.total_s
    assert rough.needs
    assert told(1 << 20, 0.8).verdict is Verdict.CONVERGES
    assert told(1 << 20, 1.3).verdict is Verdict.NEEDS


@requirement("ends.forecast")
def test_a_guest_that_rested_in_the_short_window_is_foretold_by_the_long_one():
    # 2 s at twice the link's rate, 3 s at next to nothing, within 128 MiB.
    seen = sampled(256, 128, (1.0, 0.02), (4.0, 0.5))
    told = foresee(seen, preset(), LINK, EVERY, runs=True, delta=True)
    low, high = told.total_range_s
    assert low <= 6.0 <= high
    assert high - low > 0.5


@requirement("ends.forecast")
def test_whether_differences_will_help_is_not_claimed():
    guest = Guest(steady(96)).workload()

    def told(**consents):
        policy = preset().allowing(**consents)
        return foresee(guest, policy, LINK, EVERY, runs=True, delta=True)

    alone = told()
    assert alone.verdict is Verdict.UNKNOWN
    assert alone.chance == SMALL_WRITES
    assert alone.way == "pre-copy"
    assert "--allow-postcopy" in alone.needs
    paused = told(pause=True)
    assert paused.verdict is Verdict.CONVERGES
    assert paused.total_range_s[1] > 1.5 * paused.total_s
    assert told(postcopy=True).verdict is Verdict.CONVERGES


@requirement("ends.forecast")
@pytest.mark.parametrize(
    ("changed", "difference", "verdict", "chance"),
    [
        (40, 1.0, Verdict.NEEDS, 0.0),
        (40, 0.01, Verdict.CONVERGES, 1.0),
        (3, 1.0, Verdict.UNKNOWN, SMALL_WRITES),
    ],
    ids=["whole pages", "words", "too few pages"],
)
def test_whether_differences_will_help_is_told_by_pages_that_were_looked_at(
    changed, difference, verdict, chance
):
    pages = Pages(looked_at=512, zero=0, changed=changed, difference=difference)
    guest = Guest(steady(96)).workload().model_copy(update={"pages": pages})
    told = foresee(guest, preset(), LINK, EVERY, runs=True, delta=True)
    assert (told.verdict, told.chance) == (verdict, chance)
    # It is paused at once, not after a third pass that shows what is known.
    paused = preset().allowing(pause=True)
    ends = foresee(guest, paused, LINK, EVERY, runs=True, delta=True)
    assert ends.total_range_s[1] < 1.5 * ends.total_s or chance == SMALL_WRITES


@requirement("ends.forecast")
def test_what_was_never_touched_takes_no_time():
    idle = Workload(memory_bytes=256 * MIB, curve=((1.0, 0), (4.0, 0)))
    half = idle.model_copy(update={"used_bytes": 128 * MIB})
    whole_s, half_s = (
        foresee(seen, preset(), LINK, EVERY, runs=True).total_s for seen in (idle, half)
    )
    assert half_s == pytest.approx(whole_s / 2, rel=0.05)


@requirement("ends.forecast")
def test_the_whole_time_is_foretold_by_what_moves_took_around_their_transfer():
    seen = sampled(256, 1 << 20, (1.0, 0.1), (4.0, 0.2))
    link = Link(64.0, "--bandwidth", 1.25)
    told = foresee(seen, preset(), link, EVERY, runs=True)
    assert told.whole_s == pytest.approx(told.total_s + 1.25)
    assert any("around the transfer: 1.2 s" in line for line in told.basis)
    assert foresee(seen, preset(), LINK, EVERY, runs=True).whole_s is None


@requirement("ends.forecast-error")
def test_forecasts_of_measured_guests_come_true_on_the_mock_s_physics():
    dice = random.Random(4)
    told = [(s, forecast.foretold(s, 5.0, dice)) for s in forecast.stories(60, dice)]
    seen = forecast.Seen.of(told)
    assert seen.median_error <= 0.05
    assert seen.p95_error <= 0.15
    assert seen.in_range >= 0.8
    assert seen.wrong <= 0.05 * len(told)
    assert seen.median_stop_ms <= 30
    assert seen.median_sent <= 0.03
    assert seen.p95_sent <= 0.15


def test_a_journal_without_migrations_knows_no_link():
    assert link_between(MemoryJournal(), "scripted:///a", "scripted:///b") is None


@requirement("ends.forecast")
@given(
    st.floats(0.2, 2.5),
    st.floats(0.1, 0.9),
    st.sampled_from([0, 128, 512]),
    st.sampled_from([None, 0.9, 0.6]),
)
def test_a_switch_in_the_first_pass_is_foretold_if_and_only_if_it_comes(
    ratio, working, pages, share
):
    """A plan that was measured is run with what was measured: one rule decides both."""
    size, rate = 256 * MIB, 64.0 * MIB
    used = int(size * (share or 1))
    most = working * used
    curve = tuple((at, int(min(most, ratio * rate * at))) for at in (2.0, 8.0))
    looked_at = (pages, pages) if pages else ()
    workload = Workload(
        memory_bytes=size,
        used_bytes=used if share else None,
        curve=curve,
        looked_at=looked_at,
    )
    policy = preset().allowing(postcopy=True)
    history = History(0.0, able=EVERY, workload=workload)
    done = []
    for tick in range(1, 21):
        sent = int(tick / 20 * rate)
        sample = Sample(
            total_bytes=size,
            processed_bytes=sent,
            remaining_bytes=size - sent,
            iteration=1,
        )
        history.add(tick / 20, sample)
        act = decide(policy, history, tick / 20)
        if act is not None:
            history.did(act.rule, act.do, tick / 20, act.value)
            done.append(act.do)
    case = Case(policy, EVERY, size, used, 0, rate, True, curve, pages)
    assert (Do.POSTCOPY in done) is case.at_once
    if case.at_once:
        told = foresee(workload, policy, LINK, EVERY, runs=True)
        assert told.way == "post-copy"
        assert told.total_s < 1.2 * used / rate + 0.1
