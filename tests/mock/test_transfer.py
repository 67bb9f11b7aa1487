"""Pre-copy's physics, without any world."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate_mock import Habits, bitmap
from virtmigrate_mock.state import Live, Transfer
from virtmigrate_mock.transfer import (
    CHECK_S,
    DEVICE_STATE_S,
    Conditions,
    Stage,
    advance,
    begin,
    boundary,
    rate,
    sync,
)

PATTERNS = ("sequential", "random", "dense")


def guest(memory=1000.0, working_set=100.0, dirty=10.0, **habits):
    live = Live(memory, working_set, dirty, "", running_since=0.0)
    live.habits = Habits(**habits)
    return live


def transfer(live, **more):
    memory = live.memory_mib
    return begin(
        Transfer(0.0, 0.0, memory, memory, memory, **more),
        live,
    )


def ride(moving, live, link=100.0, until=1e4):
    """To the end; gives when the guest was stopped, and when it was over."""
    conditions = Conditions(link, running=True)
    assert advance(moving, live, conditions, until) is Stage.STOP
    stopped = moving.at
    conditions = Conditions(link, running=False)
    assert advance(moving, live, conditions, until) is Stage.DONE
    return stopped, moving.at


def test_an_idle_guest_stops_when_the_rest_fits():
    live = guest(dirty=0)
    moving = transfer(live)
    # 30 MiB fit into 300 ms: from then on its CPUs stand.
    stopped, done = ride(moving, live)
    assert stopped == pytest.approx(9.7)
    assert done == pytest.approx(10.0 + DEVICE_STATE_S)
    assert moving.sent_mib == pytest.approx(1000)
    assert moving.iteration == 3, "the first sync, the last, and that of the stopped"


def test_what_is_rewritten_in_a_pass_is_the_next_pass():
    live = guest()
    moving = transfer(live)
    assert advance(moving, live, Conditions(100, running=True), 9.8) is Stage.MOVING
    # At 9.7 s 30 MiB were left, and 97 had been rewritten.
    assert moving.iteration == 2
    assert moving.pass_mib == pytest.approx(30 + 97)
    assert moving.dirtied_mib == pytest.approx(1)
    assert moving.dirty_mib_s == pytest.approx(97 / 9.7)
    stopped, done = ride(moving, live)
    assert moving.sent_mib == pytest.approx(done * 100, rel=0.001)
    assert done - stopped <= 0.3 + DEVICE_STATE_S


def test_more_than_the_working_set_is_never_rewritten():
    live = guest(dirty=90)
    moving = transfer(live)
    assert advance(moving, live, Conditions(100, running=True), 9.9) is Stage.MOVING
    assert moving.pass_mib == pytest.approx(100 + 30)


@requirement("physics.pages")
def test_a_page_written_after_the_sync_is_sent_again_sent_or_not():
    """The writer is ahead of the sender all the time; its pages go twice."""
    live = guest(memory=100, working_set=100, dirty=150)
    moving = transfer(live, downtime_ms=1)
    advance(moving, live, Conditions(100, running=True), 1.2)
    assert moving.iteration == 2
    assert moving.pass_mib == pytest.approx(100)
    areas = moving.areas
    assert bitmap.size(areas) == pytest.approx(moving.remaining_mib)


def test_a_guest_that_writes_faster_than_the_link_never_converges():
    live = guest(dirty=200)
    moving = transfer(live)
    assert advance(moving, live, Conditions(100, running=True), 1000) is Stage.MOVING
    assert moving.sent_mib == pytest.approx(100_000)


def test_a_higher_downtime_lets_it_converge():
    live = guest(dirty=200)
    moving = transfer(live, downtime_ms=1000)
    stopped, done = ride(moving, live)
    assert stopped == pytest.approx(9.0 + 1.0, abs=CHECK_S)
    assert done - stopped <= 1.0 + DEVICE_STATE_S + 1e-6


def test_auto_converge_throttles_until_it_converges():
    live = guest(dirty=200)
    moving = transfer(live, auto_converge=True)
    ride(moving, live)
    assert 50 <= moving.throttle_percent <= 80


def test_a_paused_guest_rewrites_nothing():
    live = guest()
    moving = transfer(live)
    assert advance(moving, live, Conditions(100, running=False), 1e4) is Stage.STOP
    assert moving.at == pytest.approx(9.7)
    assert moving.remaining_mib == pytest.approx(30)


def test_nothing_is_sent_over_a_dead_link():
    live = guest()
    moving = transfer(live)
    assert boundary(moving, live, 0.0) == math.inf
    assert advance(moving, live, Conditions(0, running=True), 60) is Stage.MOVING
    assert (moving.sent_mib, moving.dirtied_mib) == (0.0, 100.0)


def test_a_link_that_slows_down_is_measured_anew():
    live = guest(dirty=0)
    moving = transfer(live)
    advance(moving, live, Conditions(100, running=True), 5.0)
    assert moving.bandwidth_mib_s == 100
    advance(moving, live, Conditions(25, running=True), 5.2)
    assert moving.bandwidth_mib_s == pytest.approx(25)
    stopped, done = ride(moving, live, link=25)
    assert done - stopped <= 0.3 + DEVICE_STATE_S + 1e-6


@pytest.mark.parametrize(
    ("cap", "more", "sent"),
    [
        (0, {}, 100),
        (30, {}, 30),
        (30, {"postcopy": True}, 100),
        (30, {"stopped_at": 1.0}, 100),
    ],
)
def test_a_cap_limits_pre_copy_alone(cap, more, sent):
    assert rate(transfer(guest(), cap_mib_s=cap, **more), 100) == sent


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_bitmap_says_what_is_left(pattern):
    live = guest(working_set=400, dirty=60, pattern=pattern, hot_percent=10)
    moving = transfer(live)
    for tenth in range(1, 120):
        advance(moving, live, Conditions(100, running=True), tenth / 10)
        left = bitmap.size(moving.areas)
        assert left == pytest.approx(moving.remaining_mib, abs=1e-6)
        ends = [area.end_mib for area in moving.areas]
        assert ends == sorted(ends)
        assert ends[-1] == 1000
        assert all(0 <= area.dirty <= 1 for area in moving.areas)
    sync(moving, live)
    assert moving.dirtied_mib == 0


@given(
    dirty=st.floats(0, 300),
    working_set=st.floats(1, 1000),
    link=st.floats(50, 500),
    cuts=st.lists(st.floats(0, 60), max_size=12),
    throttled=st.booleans(),
    pattern=st.sampled_from(PATTERNS),
)
def test_how_often_one_looks_changes_nothing(
    dirty, working_set, link, cuts, throttled, pattern
):
    live = guest(working_set=working_set, dirty=dirty, pattern=pattern)
    at_once = transfer(live, auto_converge=throttled)
    in_steps = transfer(live, auto_converge=throttled)
    conditions = Conditions(link, running=True)
    end = max([*cuts, 60.0])
    stage = advance(at_once, live, conditions, end)
    for until in [*sorted(cuts), end]:
        if advance(in_steps, live, conditions, until) is not Stage.MOVING:
            break
    assert (in_steps.stopped_at is None) is (stage is Stage.MOVING)
    assert in_steps.at == pytest.approx(at_once.at)
    assert in_steps.sent_mib == pytest.approx(at_once.sent_mib, rel=1e-5, abs=1e-3)
    assert in_steps.iteration == at_once.iteration


@given(
    dirty=st.floats(0, 49),
    working_set=st.floats(1, 1000),
    pattern=st.sampled_from(PATTERNS),
)
def test_below_the_link_rate_it_always_ends(dirty, working_set, pattern):
    live = guest(working_set=working_set, dirty=dirty, pattern=pattern)
    moving = transfer(live)
    stopped, done = ride(moving, live)
    assert moving.sent_mib >= 1000 - 1e-6
    # What is written in the moment before the stop comes on top: less than a page.
    page_s = 4096 / (1 << 20) / 100
    assert done - stopped <= moving.downtime_ms / 1000 + DEVICE_STATE_S + page_s
