"""Promises and tests name each other; what nobody carries is found here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests import disk_promises
from tests.design_promises import BUILT, LATER
from tests.requirements import DESIGN, REQUIREMENTS, requirement

TESTS = Path(__file__).parents[1]


def carried_in(source: str) -> set[str]:
    """Promises that the tests in one file carry, read without running it."""
    return {
        decorator.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name.lower().startswith("test")
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func).split(".")[-1] == "requirement"
        and isinstance(decorator.args[0], ast.Constant)
    }


@cache
def carried() -> dict[str, set[str]]:
    """Promise -> files whose tests carry it."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for promise in carried_in(path.read_text(encoding="utf-8")):
            found.setdefault(promise, set()).add(str(path.relative_to(TESTS)))
    return found


def test_every_promise_is_carried_by_a_test():
    deferred = {name for name, row in REQUIREMENTS.items() if row.deferred}
    assert sorted(REQUIREMENTS.keys() - deferred - carried().keys()) == []


def test_every_carried_promise_exists():
    unknown = {
        name: files for name, files in carried().items() if name not in REQUIREMENTS
    }
    assert unknown == {}


def test_promises_are_whole_sentences_with_a_source():
    for name, row in REQUIREMENTS.items():
        assert row.text.endswith("."), name
        assert row.source, name


def test_no_promise_of_another_page_replaces_one():
    design = [name for name, row in REQUIREMENTS.items() if row.source == DESIGN]
    assert sorted(design) == sorted([*BUILT, *LATER])
    disks = disk_promises.BUILT
    assert all(REQUIREMENTS[name].text == text for name, text in disks.items())
    others = set(REQUIREMENTS) - {*design, *disks}
    lines = (TESTS / "requirements.py").read_text(encoding="utf-8").splitlines()
    written = [x for x in lines if x.startswith('    "') and ": Requirement(" in x]
    assert len(written) == len(others)


def test_an_unknown_promise_is_refused_where_it_is_written():
    with pytest.raises(KeyError, match=r"tests/requirements\.py"):
        requirement("no.such.promise")


def test_the_scan_sees_functions_classes_and_coroutines_but_no_helpers():
    source = """
@requirement("a")
def test_one(): ...
@pytest.mark.requirement("b")
async def test_two(): ...
@requirement("c")
class TestThree: ...
@requirement("d")
def helper(): ...
"""
    assert carried_in(source) == {"a", "b", "c"}
