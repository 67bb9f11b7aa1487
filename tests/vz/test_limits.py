"""A hypervisor that counts percent and has no knobs: limits hold all the same."""

from __future__ import annotations

from tests.requirements import requirement
from virtmigrate import Outcome
from virtmigrate.presets import preset


def moved(move, policy=None):
    return move.migrator.migrate("g", *move.uris, policy=policy)


@requirement("ends.deadline")
def test_a_limit_of_time_ends_it(move, furnish):
    furnish(memory_mib=4000)
    result = moved(move, preset().limited(max_total_s=1.0))
    assert result.outcome is Outcome.ROLLED_BACK, result
    fired = result.fired
    assert (fired.limit, fired.value, fired.unit) == ("max_total", 1.0, "s")
    assert (fired.origin, fired.action) == ("request", "abort")
    assert move.where() == {"vz-a": "running"}


@requirement("ends.consent")
def test_consents_are_no_demands_where_nothing_can_be_done(move, furnish):
    furnish(memory_mib=400)
    policy = preset().allowing(postcopy=True, pause=True, throttle=True)
    result = moved(move, policy)
    assert result.succeeded, result
    assert [e for e in move.events if e.kind == "acted"] == []
    assert not result.effective.postcopy


def test_progress_foretells_the_end_and_nothing_that_it_does_not_know(move, furnish):
    furnish(memory_mib=400)
    assert moved(move).succeeded
    told = [e for e in move.events if e.kind == "progress"]
    assert all(e.converges is None for e in told)
    ahead = [e.remaining_s for e in told if e.remaining_s is not None]
    assert ahead
    assert all(seconds >= 0 for seconds in ahead)


def test_nothing_is_foretold_from_a_percentage(move, furnish):
    furnish(memory_mib=400)
    plan = move.migrator.plan("g", *move.uris, measure_s=1.0)
    assert plan.forecast is None or plan.forecast.verdict == "unknown"
