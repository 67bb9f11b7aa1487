"""The kit itself: who is wrong fails it, nothing is overridden silently, it tells all.

Each false declaration and each wrong plugin must fail every standard test that is named
beside it; that the honest styles pass them is what `test_mock` shows.
"""

from __future__ import annotations

import inspect
import itertools
import sys
import textwrap
from types import SimpleNamespace

import pytest

import virtmigrate.events
import virtmigrate.explain  # noqa: F401
from tests.conformance.benches import MockBench, VzLikeBench
from tests.conformance.liars import DECLARATIONS, PLUGINS, STORAGES
from tests.requirements import requirement
from virtmigrate import Manager, hookspecs
from virtmigrate_mock.storage import MockStorage
from virtmigrate_testkit import Bench, Conformance, conformance, differs
from virtmigrate_testkit.misfortune import EMULATED, STRIKES

pytest_plugins = ["pytester"]
BENCHES = {"qemu-like": MockBench, "vz-like": VzLikeBench}
MANAGER = Manager()
"""Loads the plugins here: what is loaded inside a run goes when that run ends, and a
plugin that is loaded twice does not know its own hosts."""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run standard tests in a pytest of their own; gives the outcomes by name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def go(made: type[Conformance], *tests: str):
        class Collector:
            outcomes: dict[str, str] = {}

            def pytest_runtest_logreport(self, report):
                if report.when == "call" or report.outcome != "passed":
                    self.outcomes[report.nodeid.rpartition("::")[2]] = report.outcome

        source = "import holder\nTestIt = holder.made\n"
        path = pytester.makepyfile(test_it=source)
        monkeypatch.setitem(sys.modules, "holder", SimpleNamespace(made=made))
        collector = Collector()
        wanted = [f"{path}::TestIt::{test}" for test in tests] or [str(path)]
        args = ["-p", "no:cacheprovider", "-q", *wanted]
        result = pytester.inline_run(*args, plugins=[collector])
        return collector.outcomes, result

    return go


def bench_of(style: str, base: type[Bench], **more: object) -> type[Bench]:
    return type("LiarBench", (base,), {"style": style, **more})


@requirement("plugin.kit")
@pytest.mark.parametrize("lie", DECLARATIONS)
def test_a_false_declaration_fails(run, lie):
    make, tests = DECLARATIONS[lie]
    style = make()
    base = BENCHES[style.removesuffix("-liar")]
    outcomes, _ = run(conformance(bench_of(style, base)), *tests)
    assert outcomes == dict.fromkeys(tests, "failed")


@requirement("plugin.kit")
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.__name__)
def test_a_plugin_that_does_wrong_fails(run, plugin):
    style, tests = PLUGINS[plugin]
    bench = bench_of(style, BENCHES[style], plugins=(plugin(),))
    outcomes, _ = run(conformance(bench), *tests)
    assert outcomes == dict.fromkeys(tests, "failed")


@requirement("plugin.kit")
@pytest.mark.parametrize("lie", STORAGES)
def test_a_storage_that_does_wrong_fails(run, monkeypatch, lie):
    method, wrong, test = STORAGES[lie]
    monkeypatch.setattr(MockStorage, method, wrong)
    outcomes, _ = run(conformance(bench_of("qemu-like", MockBench)), test)
    assert set(outcomes.values()) == {"failed"}


def test_the_honest_pass_what_the_liars_fail(run):
    for style, base in BENCHES.items():
        rows = [*DECLARATIONS.values(), *PLUGINS.values()]
        tests = sorted({test for _, tests in rows for test in tests})
        outcomes, _ = run(conformance(bench_of(style, base)), *tests)
        assert "failed" not in outcomes.values(), outcomes
        assert sorted(outcomes) == tests


@requirement("plugin.kit")
def test_an_error_and_a_cancel_strike_every_hook_of_a_migration():
    hooks = {
        name.removeprefix("virtmigrate_")
        for name, hook in vars(hookspecs).items()
        if name.startswith("virtmigrate_")
        and "ctx" in inspect.signature(hook).parameters
    }
    struck = {(each.hook, each.when, each.what) for each in (*STRIKES, *EMULATED)}
    wanted = itertools.product(hooks, ("before", "after"), ("error", "cancel"))
    assert set(wanted) - struck == set()


def test_an_override_needs_a_reason():
    with pytest.raises(TypeError, match="test_bare_move"):
        type("Silent", (Conformance,), {"test_bare_move": lambda self: None})
    with pytest.raises(TypeError, match="test_bare_move"):
        type("Gone", (Conformance,), {"test_bare_move": None})
    with pytest.raises(ValueError, match="reason"):
        differs(" ")


def test_an_override_with_a_reason_is_run(run):
    @differs("it moves otherwise here")
    def other(self):
        other.ran = True

    body = {"bench": MockBench, "test_bare_move": other}
    made = type("TestDeclared", (Conformance,), body)
    outcomes, _ = run(made, "test_bare_move", "test_nothing_is_overridden_silently")
    assert set(outcomes.values()) == {"passed"}
    assert other.ran


def test_an_override_by_assignment_is_found(run):
    made = conformance(MockBench)
    made.test_bare_move = lambda self: None
    outcomes, _ = run(made, "test_nothing_is_overridden_silently")
    assert outcomes == {"test_nothing_is_overridden_silently": "failed"}


@pytest.mark.parametrize(
    ("left_out", "outcome"),
    [
        ({"test_bare_move": "no guest here"}, "passed"),
        ({"test_of_mine": "it is not there"}, "failed"),
        ({"test_bare_move": " "}, "failed"),
    ],
)
def test_what_is_left_out_must_exist_and_have_a_reason(run, left_out, outcome):
    bench = bench_of("qemu-like", MockBench, not_applicable=left_out)
    test = "test_what_is_not_applicable_exists"
    assert run(conformance(bench), test)[0] == {test: outcome}


def test_the_closing_line_counts_and_gives_reasons(run, capsys):
    left_out = {"test_persistence[*": "there is one definition"}
    bench = bench_of("qemu-like", MockBench, not_applicable=left_out, label="mine")
    run(
        conformance(bench),
        "test_persistence",
        "test_bare_move",
        "test_nobody_is_absent",
    )
    shown = capsys.readouterr().out
    closing = """\
        virtmigrate-testkit: mine: 2 tests run, 0 failed, 16 not applicable
           16 there is one definition
        """
    assert textwrap.dedent(closing) in shown
