"""What never begins: refused requests, stale plans, guests that are taken."""

from __future__ import annotations

import pytest

from tests.core.runs import DESTINATION, SOURCE, Run
from tests.core.scripted import NAME, XML, Copy
from tests.requirements import requirement
from virtmigrate import MemoryJournal, NotSucceeded, Options, hookimpl
from virtmigrate.errors import (
    BadInput,
    GuestNotFound,
    HostError,
    NotMovable,
    leaves,
)
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.plan import Plan
from virtmigrate.presets import preset

# Refusals -----------------------------------------------------------------------------


@requirement("say.refused-untouched")
def test_a_refused_request_touches_nothing_and_writes_nothing(world, run):
    with pytest.raises(ExceptionGroup) as caught:
        run.migrate(offline=True, tunnelled=True, p2p=False, parallel=True)
    assert leaves(caught.value)
    assert world.calls == []
    assert run.events == []
    assert run.journal.entries() == []


@requirement("say.refused-untouched")
def test_an_unknown_guest_and_a_bad_uri_are_refused(world, run):
    with pytest.raises(GuestNotFound):
        run.migrator.migrate("nobody", "scripted:///a", "scripted:///b")
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.migrate("demo", "-x", "scripted://-oProxyCommand=id/b")
    sides = [e.side for e in leaves(caught.value)]
    assert sides == ["source", "destination"]
    assert all(isinstance(e, BadInput) for e in leaves(caught.value))
    assert world.calls == []


@requirement("say.refused-untouched")
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda w: w.hosts.update(b=Copy(RunState.PAUSED, XML)), "already-active"),
        (lambda w: setattr(w.hosts["a"], "job", True), "job-active"),
        (
            lambda w: setattr(w.hosts["a"], "state", RunState.PAUSED_MIGRATION),
            "half-migrated",
        ),
        (lambda w: setattr(w.hosts["a"], "state", RunState.POSTCOPY), "in-postcopy"),
    ],
)
def test_what_the_pre_flight_finds_refuses_the_plan(world, run, change, found):
    change(world)
    with pytest.raises(ExceptionGroup) as caught:
        run.migrate()
    (error,) = leaves(caught.value)
    assert isinstance(error, NotMovable)
    assert error.remedy
    assert world.calls == []
    assert found


def test_the_same_host_twice_is_refused(run):
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.migrate("demo", "scripted:///a", "scripted:///a")
    assert "source and destination are the same host" in str(leaves(caught.value)[0])


@requirement("journal.one-per-guest")
def test_a_guest_in_an_open_migration_is_refused_untouched(world, run):
    run.journal.open("other", run.plan(), 1.0)
    with pytest.raises(NotMovable, match="migration other"):
        run.migrate()
    assert world.calls == []


# A plan made before -------------------------------------------------------------------


@requirement("say.plan-first")
def test_a_plan_can_be_run_later_if_the_world_is_as_it_was(world, run):
    plan = run.plan()
    assert world.calls == []
    assert run.migrator.run(plan).outcome is Outcome.SUCCEEDED


@requirement("say.plan-first")
def test_a_pre_flight_sees_what_the_policy_wishes(world):
    seen = []

    class Looks:
        @hookimpl
        def virtmigrate_preflight(self, request):
            seen.append((request.options.postcopy, request.effective.postcopy))
            return []

    run, consents = Run(world, plugins=(Looks(),)), preset().allowing(postcopy=True)
    for policy, asked in ((consents, None), (preset(), None), (consents, False)):
        options = Options(postcopy=asked)
        run.migrator.plan(NAME, SOURCE, DESTINATION, options, policy=policy)
    assert seen == [(None, True), (None, False), (False, False)]


@requirement("say.plan-first")
@pytest.mark.parametrize(
    "asked",
    [
        {"timeout_s": 600},
        {"timeout_s": 600, "timeout_postcopy": True, "postcopy": True},
        {"postcopy": True, "postcopy_after_precopy": True},
        {"timeout_s": 600, "postcopy": True, "postcopy_after_precopy": True},
    ],
)
def test_a_plan_with_timers_can_be_run_from_its_file_too(run, asked):
    plan = run.plan(**asked)
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again.digest() == plan.digest()
    assert run.migrator.run(again).outcome is Outcome.SUCCEEDED


@requirement("say.plan-first")
def test_a_plan_of_a_world_that_has_changed_is_refused(world, run):
    plan = run.plan()
    world.state = world.hosts["a"].state = RunState.PAUSED
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.run(plan)
    assert leaves(caught.value)[0].remedy == "plan again"
    assert world.calls == []


def test_a_migration_that_did_not_succeed_can_be_raised(world, run):
    world.breaks("perform", "before", HostError("no"))
    with pytest.raises(NotSucceeded) as caught:
        run.migrate().raise_unless_succeeded()
    assert caught.value.exit_code == 1
    assert caught.value.result.outcome is Outcome.ROLLED_BACK


@requirement("journal.own")
def test_a_journal_that_only_lives_in_memory_is_enough(world):
    run = Run(world)
    run.migrator._journal = MemoryJournal()
    assert run.migrate().succeeded
