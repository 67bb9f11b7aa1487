"""The engine's eye on a transfer: timers, abort, figures."""

from __future__ import annotations

import itertools
import threading

import pytest

from tests.core.contexts import context
from tests.core.plans import plan_of
from tests.core.scripted import World
from tests.requirements import requirement
from virtmigrate import MemoryJournal, Options
from virtmigrate.errors import (
    AnswerLost,
    Cancelled,
    GuestNotFound,
    HostError,
    JobAborted,
)
from virtmigrate.host import RunState, Sample
from virtmigrate.logbook import Logbook
from virtmigrate.monitor import Monitor
from virtmigrate.patience import UNHEEDED_S
from virtmigrate.presets import preset
from virtmigrate.timers import with_timers


class Watched:
    """A monitor in mid-perform, without an engine."""

    def __init__(self, **asked):
        self.world = World()
        self.plan = plan_of(**asked)
        self.events = []
        self.cancel = threading.Event()
        self.book = Logbook(
            "m1", MemoryJournal(), self.world.clock, [self.events.append]
        )
        self.monitor = Monitor(self.book, self.cancel)
        self.ctx = context(self.world, plan=self.plan)
        self.ctx.engine = self.monitor
        self.monitor.bind(self.ctx)
        self.book.start(self.ctx)
        self.sampled = Sample()
        self.ctx.guest.sample = lambda: self.sampled

    def for_seconds(self, seconds):
        def perform():
            for _ in range(seconds):
                self.world.clock.sleep(1)
                self.monitor.pulse()

        self.monitor.watch(perform)

    def acted(self):
        return [(e.action, e.why) for e in self.events if e.kind == "acted"]


def test_without_a_timer_only_the_permitted_stop_is_said():
    watched = Watched()
    watched.for_seconds(100)
    assert watched.world.calls == ["source.knob downtime-ms"]


def test_a_timeout_suspends_once_and_says_so_before():
    watched = Watched(timeout_s=5)
    watched.for_seconds(4)
    assert watched.world.calls == []
    watched.for_seconds(20)
    assert watched.world.calls == ["source.knob suspend"]
    assert watched.acted() == [("suspend", "--timeout: after 5 s")]
    assert watched.ctx.suspended
    kinds = [r.kind for r in watched.book.journal.records("m1")]
    assert kinds[:1] != ["acted"]
    assert kinds.index("suspended") < kinds.index("acted")


@requirement("lost.run-state")
def test_a_timeout_leaves_a_guest_that_a_person_paused_to_that_person():
    watched = Watched(timeout_s=5)
    watched.world.hosts["a"].state = RunState.PAUSED
    watched.for_seconds(20)
    assert watched.world.calls == []
    assert not watched.ctx.suspended


def test_a_timeout_may_switch_to_post_copy_instead():
    watched = Watched(timeout_s=5, timeout_postcopy=True, postcopy=True)
    watched.for_seconds(20)
    assert watched.acted() == [("postcopy", "--timeout-postcopy: after 5 s")]
    assert not watched.ctx.suspended


def test_post_copy_after_the_first_pass():
    watched = Watched(postcopy_after_precopy=True, postcopy=True)
    watched.sampled = Sample(iteration=1, remaining_bytes=9, total_bytes=9)
    watched.for_seconds(3)
    assert watched.acted() == []
    watched.sampled = Sample(iteration=2, remaining_bytes=9, total_bytes=9)
    watched.for_seconds(3)
    assert watched.acted() == [("postcopy", "--postcopy-after-precopy: pass 2")]


@pytest.mark.parametrize("error", [HostError("not now"), ValueError("a slip")])
def test_a_pause_that_may_have_come_is_warned_of_and_not_asked_for_again(error):
    watched = Watched(timeout_s=5)
    watched.world.breaks("source.knob suspend", "before", error)
    watched.for_seconds(20)
    assert watched.world.calls == ["source.knob suspend"]
    assert watched.book.warnings == [f"--timeout: after 5 s: {error}"]


@requirement("ends.cancel")
@pytest.mark.parametrize("error", [HostError("no"), GuestNotFound("?"), KeyError("k")])
def test_an_abort_that_is_refused_is_asked_for_again(error):
    watched = Watched()
    watched.cancel.set()
    attempts = []

    def refuse_twice(world):
        attempts.append(1)
        if len(attempts) < 3:
            raise error

    watched.world.breaks("source.abort", "before", refuse_twice)
    watched.for_seconds(4)
    assert len(attempts) == 4
    assert watched.acted() == [("abort", "cancelled by the caller")]


@requirement("ends.cancel")
def test_what_ends_a_perform_after_an_abort_is_called_a_cancel():
    watched = Watched()
    watched.cancel.set()

    def perform():
        watched.monitor.pulse()
        raise JobAborted("operation aborted")

    with pytest.raises(Cancelled, match="cancelled by the caller: operation aborted"):
        watched.monitor.watch(perform)
    fresh = Watched()
    with pytest.raises(JobAborted):
        fresh.monitor.watch(lambda: (_ for _ in ()).throw(JobAborted("by somebody")))


@pytest.mark.parametrize(
    ("sample", "percent"),
    [
        (Sample(), None),
        (Sample(percent=40.0), 40.0),
        (Sample(percent=140.0), 100.0),
        (Sample(percent=-3.0), 0.0),
        (Sample(total_bytes=0, remaining_bytes=0), None),
        (Sample(total_bytes=200, remaining_bytes=50), 75.0),
        (Sample(total_bytes=200, remaining_bytes=500), 0.0),
        (Sample(total_bytes=200, remaining_bytes=0), 100.0),
    ],
)
def test_percent_for_display(sample, percent):
    watched = Watched()
    watched.sampled = sample
    watched.for_seconds(1)
    (told,) = [e for e in watched.events if e.kind == "progress"]
    assert told.percent == percent


def test_no_transfer_is_no_progress():
    watched = Watched()
    watched.sampled = None
    watched.for_seconds(2)
    assert [e.kind for e in watched.events] == ["started"]


def test_figures_are_final_once_it_has_landed():
    watched = Watched()
    watched.sampled = Sample(downtime_ms=300, processed_bytes=10)
    watched.for_seconds(1)
    assert watched.monitor.downtime_ms is None
    watched.sampled = Sample(downtime_ms=17, processed_bytes=20)
    watched.monitor.complete()
    assert watched.monitor.downtime_ms == 17
    assert watched.monitor.processed_bytes == 20


def test_a_monitor_must_be_bound():
    unbound = Monitor(Watched().book, threading.Event())
    with pytest.raises(RuntimeError, match="bound"):
        unbound.pulse()


def under(policy, **asked):
    watched = Watched(policy=policy, **asked)
    watched.sampled = Sample(iteration=1, remaining_bytes=9, total_bytes=9)
    return watched


@requirement("ends.named-limit")
def test_the_limit_that_fired_is_named_with_value_unit_and_origin():
    watched = under(preset().limited(max_total_s=5))
    watched.for_seconds(8)
    fired = watched.monitor.fired
    assert (fired.limit, fired.value, fired.unit) == ("max_total", 5, "s")
    assert (fired.origin, fired.action, fired.at_s) == ("request", "abort", 5)
    assert set(watched.world.calls) == {"source.knob downtime-ms", "source.abort"}
    assert "limit max-total 5 s, from request" in watched.monitor.limit


@requirement("ends.named-limit")
def test_a_cancel_is_named_too():
    watched = under(preset())
    watched.cancel.set()
    watched.for_seconds(2)
    fired = watched.monitor.fired
    assert (fired.limit, fired.origin, fired.action) == ("request", "request", "abort")


@requirement("ends.standstill")
def test_a_pause_that_does_not_end_it_is_taken_back():
    chosen = preset().allowing(pause=True).limited(max_total_s=5)
    watched = under(chosen)
    watched.for_seconds(34)
    assert "source.abort" not in watched.world.calls

    again = under(chosen)
    again.for_seconds(40)
    assert again.world.calls.count("source.knob suspend") == 1
    assert "source.abort" in again.world.calls
    assert again.monitor.fired.limit == "max_switchover"


@requirement("ends.deadline")
def test_post_copy_that_is_refused_does_not_lift_the_deadline():
    chosen = preset("virsh").limited(max_total_s=30)
    asked = {"timeout_s": 5, "timeout_postcopy": True, "postcopy": True}
    watched = under(with_timers(chosen, Options(**asked)), **asked)
    watched.world.breaks("source.knob postcopy", "before", HostError("not now"))
    watched.for_seconds(40)
    assert watched.world.calls.count("source.knob postcopy") == 1
    assert "source.abort" in watched.world.calls
    assert (watched.monitor.fired.limit, watched.monitor.fired.at_s) == (
        "max_total",
        30,
    )


@requirement("ends.named-limit")
def test_a_rule_that_gives_up_is_named():
    watched = under(preset("kubevirt"))
    watched.sampled = Sample(iteration=1, remaining_bytes=1 << 33, total_bytes=1 << 33)
    watched.for_seconds(160)
    fired = watched.monitor.fired
    assert (fired.limit, fired.value, fired.unit) == ("no-progress", None, "")
    assert (fired.origin, fired.action) == ("policy kubevirt", "abort")


def test_samples_of_a_long_transfer_are_thinned():
    watched = under(preset("virsh"))
    watched.for_seconds(5000)
    records = watched.book.journal.records("m1")
    kept = [r for r in records if r.kind == "sample"]
    assert 300 < len(kept) < 2000


def limit(watched):
    return watched.plan.policy.limits.max_switchover_s


@requirement("calls.bounded")
def test_a_transfer_that_heeds_no_order_to_end_is_not_waited_for():
    watched = Watched()
    began = watched.world.clock.now()
    watched.cancel.set()
    with pytest.raises(Cancelled, match="told to end"):
        watched.for_seconds(100)
    assert UNHEEDED_S < watched.world.clock.now() - began <= UNHEEDED_S + 3


@requirement("calls.bounded")
def test_whether_it_switched_is_not_guessed_at_for_long():
    """In post-copy nothing may end it: it is neither ended, nor waited for."""
    watched = Watched(postcopy=True, timeout_s=5, timeout_postcopy=True)
    watched.ctx.guest.sample = lambda: None
    began = watched.world.clock.now()
    with pytest.raises(AnswerLost, match="nothing was seen of it"):
        watched.for_seconds(100)
    assert UNHEEDED_S < watched.world.clock.now() - began - 5 <= UNHEEDED_S + 3
    assert watched.world.calls == ["source.knob postcopy"]


@requirement("calls.bounded")
def test_finish_waits_for_the_last_page_only_while_pages_come():
    """The switch may be too short for a sample to show it."""
    watched = Watched(postcopy=True)
    watched.sampled = Sample(processed_bytes=7, remaining_bytes=0)
    watched.for_seconds(1)

    def finish():
        for _ in range(int(limit(watched)) + 3):
            watched.world.clock.sleep(1)
            watched.monitor.pulse()

    with pytest.raises(AnswerLost, match="moved nothing"):
        finish()
    assert watched.world.calls == ["source.knob downtime-ms"]


@requirement("calls.bounded")
def test_post_copy_that_moves_nothing_is_not_waited_for():
    """Nothing can be told to it; its link may be cut, and its guest stand still."""
    watched = Watched(postcopy=True)
    watched.sampled = Sample(processed_bytes=7, postcopy=True)
    began, most = watched.world.clock.now(), limit(watched)
    with pytest.raises(AnswerLost, match="moved nothing"):
        watched.for_seconds(100)
    assert most < watched.world.clock.now() - began <= most + 3


def test_post_copy_that_moves_is_waited_for():
    watched = Watched(postcopy=True)
    sent = itertools.count(1)
    watched.ctx.guest.sample = lambda: Sample(processed_bytes=next(sent), postcopy=True)
    seconds = 3 * int(limit(watched))
    watched.for_seconds(seconds)
    assert next(sent) > seconds, "it was looked at to the end"


def test_post_copy_that_can_not_be_seen_is_not_waited_for_either():
    watched = Watched(postcopy=True)
    samples = itertools.chain([Sample(processed_bytes=7, postcopy=True)])
    watched.ctx.guest.sample = lambda: next(samples, None)
    with pytest.raises(AnswerLost):
        watched.for_seconds(100)
