"""Blocking calls in a thread, the engine's pulse beside them, and the clocks."""

from __future__ import annotations

import threading
import time

import pytest

from tests.core.contexts import context
from tests.core.scripted import VirtualClock, World
from virtmigrate.attend import attend
from virtmigrate.clock import Clock, RealClock
from virtmigrate.errors import AnswerLost, HostError, Side

SOON_S = 0.001


@pytest.fixture
def ctx(world):
    return context(world)


def test_the_answer_of_the_call_comes_back(ctx):
    assert attend(lambda: b"cookie", ctx, deadline_s=None, pulse_s=SOON_S) == b"cookie"


@pytest.mark.parametrize("error", [HostError("no"), ValueError("x"), SystemExit(3)])
def test_what_the_call_raises_is_raised_here(ctx, error):
    def call():
        raise error

    with pytest.raises(type(error)) as caught:
        attend(call, ctx, deadline_s=None, pulse_s=SOON_S)
    assert caught.value is error


def test_the_engine_looks_in_until_the_call_returns(ctx):
    enough = threading.Event()
    threads = []

    def pulse():
        ctx.engine.pulses += 1
        threads.append(threading.current_thread())
        if ctx.engine.pulses == 3:
            enough.set()

    ctx.engine.pulse = pulse

    def call():
        threads.append(threading.current_thread())
        assert enough.wait(10)
        return "done"

    assert attend(call, ctx, deadline_s=None, pulse_s=SOON_S) == "done"
    assert ctx.engine.pulses >= 3
    beside, *here = threads
    assert beside.daemon
    assert set(here) == {threading.current_thread()}


def test_a_call_that_never_answers_is_lost_at_its_deadline(ctx):
    release = threading.Event()
    ctx.engine.pulse = lambda: ctx.clock.sleep(1.0)
    with pytest.raises(AnswerLost, match="within 5 s") as caught:
        attend(lambda: release.wait(20), ctx, deadline_s=5.0, pulse_s=SOON_S)
    release.set()
    assert caught.value.side is Side.SOURCE
    assert ctx.clock.now() == 1006.0


def test_clocks():
    for clock in (RealClock(), VirtualClock()):
        typed: Clock = clock
        before = typed.now()
        typed.sleep(SOON_S)
        assert typed.now() >= before + SOON_S
    assert abs(RealClock().wall() - time.time()) < 5
    assert World().clock.wall() == 1000.0
