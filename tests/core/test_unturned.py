"""Limits that a hypervisor does not take: set again, or named where they are not."""

from __future__ import annotations

import pytest

from tests.core.test_monitor import Watched, under
from tests.requirements import requirement
from virtmigrate.convergence import decide
from virtmigrate.errors import HostError
from virtmigrate.history import INSISTS, History
from virtmigrate.host import Sample
from virtmigrate.policy import Act, Do, Rule, When
from virtmigrate.presets import preset

KNOB = "source.knob downtime-ms"
BUSY = HostError("cannot acquire state change lock")


def tried(watched):
    return watched.world.calls.count(KNOB)


def busy(times):
    """Fails so often."""
    left = iter(range(times))

    def fail(world):
        if next(left, None) is not None:
            raise BUSY

    return fail


@requirement("ends.limit-kept")
def test_a_limit_that_stays_unset_is_named_once_and_tried_each_second():
    watched = under(preset().limited(max_downtime_ms=200))
    watched.world.breaks(KNOB, "before", BUSY)
    watched.for_seconds(20)
    assert tried(watched) == 20
    assert watched.book.warnings == [
        f"the limit downtime-ms 170 could not be set: as the policy begins: {BUSY}"
    ]
    assert watched.acted() == []


@requirement("ends.limit-kept")
def test_a_policy_that_looks_seldom_sets_its_limits_soon():
    watched = under(preset("vdsm-minimal-downtime"))
    watched.world.breaks(KNOB, "before", busy(2))
    watched.for_seconds(5)
    assert tried(watched) == 3
    assert watched.acted() == [("downtime-ms", "as the policy begins")]


def test_a_knob_that_came_too_late_is_not_warned_of():
    watched = Watched()
    watched.world.breaks(KNOB, "before", HostError("no job is active on the guest"))
    watched.for_seconds(1)
    assert (tried(watched), watched.book.warnings) == (1, [])
    done = Watched()
    done.world.breaks(KNOB, "before", HostError("no job is active on the guest"))
    done.sampled = Sample(total_bytes=9, remaining_bytes=0, iteration=2)
    done.for_seconds(2)
    assert done.book.warnings == []


def test_a_limit_that_was_unset_to_the_end_is_named_although_tried_but_once():
    watched = Watched()
    watched.world.breaks(KNOB, "before", BUSY)

    def perform():
        for _ in range(5):
            watched.world.clock.sleep(0.1)
            watched.monitor.pulse()

    watched.monitor.watch(perform)
    assert tried(watched) == 1
    assert len(watched.book.warnings) == 1


@requirement("ends.limit-kept")
def test_a_ladder_goes_on_only_after_a_few_tries():
    rule = Rule(
        id="x",
        when=When(after_s=1),
        ladder=(Act(do=Do.DOWNTIME, value=250), Act(do=Do.ABORT)),
    )
    policy = preset("virsh").model_copy(update={"rules": (rule,)})
    history = History(0.0, able=frozenset({Do.DOWNTIME}), downtime_ms=300)
    found = []
    for tick in range(60):
        history.add(tick / 10, Sample(remaining_bytes=9, total_bytes=9, iteration=1))
        decision = decide(policy, history, tick / 10)
        if decision is None:
            continue
        found.append((tick / 10, decision.do))
        if decision.do is Do.ABORT:
            break
        history.refuse(decision.do, tick / 10)
    assert [do for _, do in found] == [Do.DOWNTIME] * INSISTS + [Do.ABORT]
    assert found[-1][0] == pytest.approx(1 + INSISTS - 1 + 0.1)


@requirement("ends.limit-kept")
def test_what_was_set_after_all_holds_nothing_up():
    history = History(0.0)
    history.refuse(Do.DOWNTIME, 1.0)
    assert history.waits(Do.DOWNTIME)
    assert history.insists()
    history.did("x", Do.DOWNTIME, 1.5, 200)
    assert not history.waits(Do.DOWNTIME)
    assert not history.insists()
