"""Checks that are switched off: by name, one by one, and never without a word."""

from __future__ import annotations

import logging

import pytest

from tests.core.runs import DESTINATION, SOURCE
from tests.core.scripted_plugin import ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Manager, MemoryJournal, Migrator
from virtmigrate.errors import BadInput
from virtmigrate.insecure import INSECURE, words
from virtmigrate.phases import Outcome
from virtmigrate.uri import parse_uri


@pytest.fixture
def migrator(world):
    """One that may say in the clear, with what it tells."""

    def make(*insecure):
        manager = Manager([ScriptedPlugin(world)], discover=False)
        heard = []
        made = Migrator(
            manager=manager,
            journal=MemoryJournal(),
            clock=world.clock,
            insecure=insecure,
            sinks=[heard.append],
        )
        made.heard = heard
        return made

    return make


@requirement("insecure.named")
def test_it_is_logged_planned_told_and_written_down(migrator, caplog):
    with caplog.at_level(logging.WARNING):
        mover = migrator("tcp")
    assert words("tcp") in caplog.text
    plan = mover.plan("demo", SOURCE, DESTINATION)
    assert plan.insecure == ("tcp",)
    (finding,) = [f for f in plan.findings if f.id == "insecure-tcp"]
    assert finding.level == "warning"
    assert words("tcp") in plan.explain()
    result = mover.migrate("demo", SOURCE, DESTINATION)
    assert result.outcome is Outcome.SUCCEEDED
    assert words("tcp") in result.warnings
    assert words("tcp") in [e.message for e in mover.heard if e.kind == "warned"]
    told = [r.body for r in mover.journal.records(result.migration)]
    assert {"message": words("tcp")} in told
    assert mover.journal.plan(result.migration).insecure == ("tcp",)


@requirement("insecure.named")
@pytest.mark.parametrize("name", ["all", "*", "", "TCP", "-rf", "ext", "authfile"])
def test_there_is_no_other_name(migrator, name):
    with pytest.raises(BadInput) as caught:
        migrator(name)
    assert all(known in caught.value.remedy for known in INSECURE)


def test_a_plan_is_run_only_with_the_checks_that_it_was_made_with(migrator):
    plan = migrator("tcp").plan("demo", SOURCE, DESTINATION)
    with pytest.raises(ExceptionGroup, match="not as they were"):
        migrator().run(plan)
    assert migrator("tcp").run(plan).outcome is Outcome.SUCCEEDED


def test_each_name_says_what_it_lets_through():
    for name in INSECURE:
        assert words(name).startswith(f"--insecure {name}: ")


@requirement("insecure.named")
def test_the_grammar_is_no_check_that_can_be_switched_off():
    with pytest.raises(BadInput, match="no host name"):
        parse_uri("x+ssh://-oProxyCommand=id/", insecure=frozenset(INSECURE))
