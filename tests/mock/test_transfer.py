"""Pre-copy's arithmetic, without any world."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtmigrate_mock.state import Live, Transfer
from virtmigrate_mock.transfer import (
    DEVICE_STATE_S,
    Conditions,
    Stage,
    advance,
    boundary,
    rate,
)


def guest(memory=1000.0, working_set=100.0, dirty=10.0):
    return Live(memory, working_set, dirty, "", running_since=0.0)


def transfer(memory=1000.0, **more):
    return Transfer(
        started=0.0, at=0.0, total_mib=memory, remaining_mib=memory, pass_mib=memory,
        **more,
    )  # fmt: skip


def figures(moving):
    return {k: -1.0 if v is None else v for k, v in asdict(moving).items()}


def ride(moving, live, link=100.0, until=1e6):
    """To the end; gives when the guest was stopped, and when it was over."""
    conditions = Conditions(link, running=True)
    assert advance(moving, live, conditions, until) is Stage.STOP
    stopped = moving.at
    conditions = Conditions(link, running=False)
    assert advance(moving, live, conditions, until) is Stage.DONE
    return stopped, moving.at


def test_an_idle_guest_takes_one_pass():
    moving = transfer()
    assert ride(moving, guest(dirty=0)) == (10.0, 10.0 + DEVICE_STATE_S)
    assert moving.sent_mib == 1000


def test_what_is_rewritten_in_a_pass_is_the_next_pass():
    # 1000 MiB at 100/s: 10 s, in which 10 MiB/s rewrites 100; those take 1 s, rewriting
    # 10, which fit into 300 ms.
    moving = transfer()
    assert ride(moving, guest()) == (11.0, 11.1 + DEVICE_STATE_S)
    assert moving.sent_mib == pytest.approx(1110)
    assert moving.iteration == 3


def test_more_than_the_working_set_is_never_rewritten():
    moving = transfer()
    assert advance(moving, guest(dirty=90), Conditions(100, running=True), 10.5) is (
        Stage.MOVING
    )
    assert moving.pass_mib == 100


def test_a_guest_that_writes_faster_than_the_link_never_converges():
    moving = transfer()
    live = guest(dirty=200)
    assert advance(moving, live, Conditions(100, running=True), 1e6) is Stage.MOVING
    assert moving.iteration == pytest.approx(1e6 - 8, abs=2)


def test_a_higher_downtime_lets_it_converge():
    moving = transfer(downtime_ms=1000)
    assert ride(moving, guest(dirty=200))[0] == 10.0


def test_auto_converge_throttles_until_it_converges():
    moving = transfer(auto_converge=True)
    ride(moving, guest(dirty=200))
    assert moving.throttle_percent == 80


def test_a_paused_guest_rewrites_nothing():
    moving = transfer()
    assert advance(moving, guest(), Conditions(100, running=False), 1e6) is Stage.STOP
    assert (moving.at, moving.remaining_mib) == (10.0, 0.0)


def test_nothing_is_sent_over_a_dead_link():
    moving = transfer()
    assert boundary(moving, 0.0) == math.inf
    assert advance(moving, guest(), Conditions(0, running=True), 60) is Stage.MOVING
    assert (moving.sent_mib, moving.dirtied_mib) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("cap", "postcopy", "sent"), [(0, False, 100), (30, False, 30), (30, True, 100)]
)
def test_a_cap_limits_pre_copy_alone(cap, postcopy, sent):
    assert rate(transfer(cap_mib_s=cap, postcopy=postcopy), 100) == sent


@given(
    dirty=st.floats(0, 300),
    working_set=st.floats(1, 1000),
    link=st.floats(50, 500),
    cuts=st.lists(st.floats(0, 60), max_size=12),
    throttled=st.booleans(),
)
def test_how_often_one_looks_changes_nothing(dirty, working_set, link, cuts, throttled):
    live = guest(working_set=working_set, dirty=dirty)
    at_once = transfer(auto_converge=throttled)
    in_steps = replace(at_once)
    conditions = Conditions(link, running=True)
    end = max([*cuts, 60.0])
    stage = advance(at_once, live, conditions, end)
    for until in [*sorted(cuts), end]:
        if advance(in_steps, live, conditions, until) is not Stage.MOVING:
            break
    assert (in_steps.stopped_at is None) is (stage is Stage.MOVING)
    assert figures(in_steps) == pytest.approx(figures(at_once), rel=1e-6, abs=1e-6)


@given(dirty=st.floats(0, 49), working_set=st.floats(1, 1000))
def test_below_the_link_rate_it_always_ends(dirty, working_set):
    moving = transfer()
    stopped, done = ride(moving, guest(working_set=working_set, dirty=dirty))
    assert moving.sent_mib >= 1000
    assert done - stopped <= moving.downtime_ms / 1000 + DEVICE_STATE_S + 1e-9
