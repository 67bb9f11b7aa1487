"""The pre-flight of every plugin: collected, bounded, none hides what another found."""

from __future__ import annotations

import threading

import pytest

from tests.core.contexts import found_by, request
from tests.core.runs import DESTINATION, SOURCE, Run
from tests.core.scripted import NAME, ScriptedHost
from tests.requirements import requirement
from virtmigrate import Manager, Options, Side, findings, hookimpl
from virtmigrate.errors import (
    BadInput,
    HostError,
    HostUnreachable,
    NotMovable,
    OptionRefused,
    PluginError,
    Refused,
    leaves,
)
from virtmigrate.findings import ignorable, look
from virtmigrate.plan import Finding, Level

WAIT_S = 10


class Bystander:
    """A cross-cutting plugin whose pre-flight is a function."""

    def __init__(self, preflight):
        self.virtmigrate_preflight = hookimpl(preflight)


def finding(name, level=Level.WARNING, side=Side.SOURCE):
    return Finding(
        id=name,
        level=level,
        side=side,
        subject=name,
        message=f"{name} was seen",
        remedy=f"see to {name}",
        evidence=f"{name} was seen",
    )


def sees(name, level=Level.WARNING):
    return Bystander(lambda: [finding(name, level)])


def fails(error):
    def preflight():
        raise error

    return Bystander(preflight)


def own(world, preflight):
    """Give the hypervisor's own plugin a pre-flight."""
    run = Run(world)
    plugin = run.manager.records[0].plugin
    plugin.virtmigrate_preflight = hookimpl(preflight)
    return Run(world, manager=Manager([plugin], discover=False))


@pytest.fixture
def far(monkeypatch):
    """Hosts that take their time: they are asked side by side."""
    monkeypatch.setattr(ScriptedHost, "remote", True, raising=False)


@pytest.fixture(params=[False, True], ids=["near", "far"])
def both_ways(request, monkeypatch):
    """Hosts that answer at once, and hosts that don't."""
    monkeypatch.setattr(ScriptedHost, "remote", request.param, raising=False)


@pytest.fixture
def hanging():
    """A pre-flight that does not end before the test does."""
    over = threading.Event()

    def preflight():
        assert over.wait(WAIT_S)
        return []

    yield preflight
    over.set()


def ids(told):
    return [each.id for each in told]


# Collecting ---------------------------------------------------------------------------


@requirement("hooks.preflight-collected")
def test_the_nearest_plugin_comes_first_and_nothing_twice(world):
    run = Run(world, (sees("one"), sees("two"), sees("one")))
    assert ids(run.plan().findings) == ["one", "two"]


@requirement("hooks.preflight-collected")
def test_of_a_mixed_pair_the_bystanders_and_the_core_are_asked(world):
    def never():
        raise AssertionError

    run = own(world, never)
    run.manager.register(sees("bystander"))
    asked = request(world)
    asked.destination.hypervisor = "other"
    asked.destination.uuid = asked.source.uuid
    assert ids(look(run.manager, asked).findings) == ["bystander", "same-host"]


@requirement("preflight.side-by-side")
def test_far_hosts_are_asked_by_all_plugins_at_the_same_time(world, far):
    meeting = threading.Barrier(3)

    def meets():
        meeting.wait(WAIT_S)
        return [finding("met")]

    run = own(world, meets)
    for _ in range(2):
        run.manager.register(Bystander(meets))
    assert ids(run.plan().findings) == ["met"]


@requirement("preflight.side-by-side")
def test_near_hosts_are_asked_in_this_thread_one_plugin_after_the_other(world):
    threads = []
    run = own(world, lambda: threads.append(threading.current_thread()) or [])
    run.plan()
    assert threads == [threading.current_thread()]


@requirement("plugin.wrappers")
def test_a_wrapper_surrounds_what_each_plugin_finds(world):
    class Censor:
        @hookimpl(wrapper=True)
        def virtmigrate_preflight(self):
            lists = yield
            return [[f for f in part if f.id != "one"] for part in lists]

    run = Run(world, (sees("one"), sees("two"), Censor()))
    assert ids(run.plan().findings) == ["two"]


# One that fails -----------------------------------------------------------------------


@requirement("preflight.isolated")
@pytest.mark.parametrize(
    "error",
    [
        HostUnreachable("no way to it", side=Side.DESTINATION, remedy="mend the way"),
        ValueError("oops, password=hunter2"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_bystander_that_fails_is_a_warning_beside_the_others(world, both_ways, error):
    plan = Run(world, (sees("one"), fails(error), sees("two"))).plan()
    two, failed, one = plan.findings
    assert (two.id, one.id) == ("two", "one")
    assert (failed.id, failed.level) == ("not-checked", Level.WARNING)
    assert "Bystander" in failed.subject
    assert "Bystander" in failed.message
    assert failed.remedy
    assert "hunter2" not in failed.model_dump_json()


@requirement("preflight.isolated")
def test_a_bystander_that_hangs_is_a_warning_once_its_time_is_over(
    world, both_ways, monkeypatch, hanging
):
    monkeypatch.setattr(findings, "LONGEST_S", 0.05)
    plan = Run(world, (sees("one"), Bystander(hanging))).plan()
    hung = next(f for f in plan.findings if f.id == "not-checked")
    assert "did not end within 0.05 s" in hung.message
    assert hung.level is Level.WARNING
    assert "one" in ids(plan.findings)


@requirement("preflight.isolated")
def test_a_bystander_that_refuses_is_one_of_the_refusals(world):
    refusal = NotMovable("not on a Friday", subject="friday", remedy="wait")
    run = Run(world, (fails(refusal), sees("one", Level.BLOCKER)))
    with pytest.raises(ExceptionGroup) as caught:
        run.plan(offline=True)
    told = {error.subject for error in leaves(caught.value)}
    assert told >= {"friday", "one", "offline-of-running-guest"}


@requirement("preflight.own-must-answer")
def test_no_guest_moves_if_its_hypervisors_plugin_could_not_look(world):
    def breaks():
        raise HostUnreachable("gone", side=Side.DESTINATION)

    with pytest.raises(HostUnreachable, match="gone"):
        own(world, breaks).migrate()
    assert world.calls == []


@requirement("preflight.own-must-answer")
def test_a_broken_plugin_hides_no_blocker_of_another(world):
    def breaks():
        raise ZeroDivisionError

    run = own(world, breaks)
    run.manager.register(sees("pinned", Level.BLOCKER))
    with pytest.raises(ExceptionGroup) as caught:
        run.plan()
    kinds = [type(error) for error in leaves(caught.value)]
    assert kinds == [PluginError, NotMovable]


@requirement("preflight.own-must-answer")
def test_a_hypervisors_plugin_that_hangs_ends_the_plan(
    world, far, monkeypatch, hanging
):
    monkeypatch.setattr(findings, "OWN_LONGEST_S", 0.05)
    with pytest.raises(HostError, match=r"scripted did not end within 0\.05 s"):
        own(world, hanging).plan()


def test_an_error_in_place_of_findings_is_told_by_whom(world):
    (failed,) = look(
        Run(world, (fails(KeyError("x")),)).manager, request(world)
    ).findings
    assert failed.evidence == "PluginError"
    assert found_by(Run(world).manager.bystanders(), request(world)) == []


# Ignoring -----------------------------------------------------------------------------


@requirement("ignore.warnings-only")
@pytest.mark.parametrize("level", [Level.WARNING, Level.NOTE])
def test_what_is_ignored_stays_in_the_plan_and_out_of_sight(world, level):
    run = Run(world, (sees("one", level), sees("two", level)))
    plan = run.migrator.plan(NAME, SOURCE, DESTINATION, ignore=["one"])
    assert {f.id: f.ignored for f in plan.findings} == {"one": True, "two": False}
    assert plan.ignore == ("one",)
    assert "one was seen" not in plan.explain()
    assert "two was seen" in plan.explain()
    assert plan.digest() != run.plan().digest()


@requirement("ignore.warnings-only")
def test_a_blocker_that_is_to_be_ignored_refuses_by_name(world):
    run = Run(world, (sees("pinned", Level.BLOCKER),))
    with pytest.raises(ExceptionGroup) as caught:
        run.migrator.migrate(NAME, SOURCE, DESTINATION, ignore=["pinned"])
    bad, blocker = leaves(caught.value)
    assert isinstance(bad, BadInput)
    assert "--ignore pinned" in bad.message
    assert bad.remedy == blocker.remedy == "see to pinned"
    assert world.calls == []


@requirement("ignore.warnings-only")
def test_an_id_that_nothing_has_is_noted(run):
    plan = run.migrator.plan(NAME, SOURCE, DESTINATION, ignore=["typo"])
    (note,) = plan.findings
    assert (note.id, note.level, note.subject) == (
        "ignored-unseen",
        Level.NOTE,
        "typo",
    )


@pytest.mark.parametrize("name", ["", "--x", "Name-Taken", "a b", "a\x1b", "a" * 65])
def test_what_can_be_no_id_is_refused(run, name):
    with pytest.raises(BadInput) as caught:
        run.migrator.plan(NAME, SOURCE, DESTINATION, ignore=[name])
    assert caught.value.subject == "ignore"
    assert ignorable(["name-taken", "runs-emulator"]) == {
        "name-taken",
        "runs-emulator",
    }


@requirement("ignore.warnings-only")
def test_a_plan_that_ignores_is_carried_out_as_it_was_made(world):
    run = Run(world, (sees("one"),))
    plan = run.migrator.plan(NAME, SOURCE, DESTINATION, ignore=["one", "typo"])
    assert run.migrator.run(plan).succeeded


# The report ---------------------------------------------------------------------------


@requirement("check.everything")
def test_a_report_says_all_that_is_in_the_way_where_options_are_refused_too(world):
    world.hosts["a"].job = True
    run = Run(world, (sees("pinned", Level.BLOCKER), sees("slow"), fails(OSError())))
    report = run.migrator.check(
        NAME, SOURCE, DESTINATION, Options(offline=True), ignore=["slow"]
    )
    assert not report.ok
    assert report.plan is None
    assert set(ids(report.of(Level.BLOCKER))) == {
        "option-refused",
        "pinned",
        "job-active",
    }
    warnings = {each.id: each.ignored for each in report.of(Level.WARNING)}
    assert warnings == {"slow": True, "not-checked": False}
    assert report.settlement["offline"].asked is True
    assert all(each.remedy and each.evidence for each in report.findings)
    assert world.calls == []


@requirement("check.everything")
def test_a_report_of_a_good_pair_holds_its_plan(run):
    report = run.migrator.check(NAME, SOURCE, DESTINATION)
    assert report.ok
    assert report.plan == run.plan()
    assert report.findings == ()


@requirement("check.everything")
def test_a_host_that_fails_in_the_middle_is_a_blocker_of_the_report(world):
    def breaks():
        raise HostUnreachable("gone", side=Side.DESTINATION, remedy="see its daemon")

    report = own(world, breaks).migrator.check(NAME, SOURCE, DESTINATION)
    (blocker,) = report.findings
    assert (blocker.id, blocker.level) == ("not-checked", Level.BLOCKER)
    assert (blocker.side, blocker.remedy) == (Side.DESTINATION, "see its daemon")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OptionRefused("no", subject="live"), "option-refused"),
        (BadInput("no"), "bad-input"),
        (NotMovable("no"), "not-movable"),
        (Refused("no"), "not-movable"),
        (PluginError("no"), "not-checked"),
    ],
)
def test_every_reason_becomes_a_blocker(error, name):
    made = findings.as_finding(error)
    assert (made.id, made.level) == (name, Level.BLOCKER)
