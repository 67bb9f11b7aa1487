"""The tutorial and the example plugin are one: each line of code stands in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.requirements import requirement

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin"
FILES = (
    "src/virtmigrate_paper/hypervisor.py",
    "src/virtmigrate_paper/plugin.py",
    "tests/test_conformance.py",
)


def missing(code: str, page: str) -> list[str]:
    """Lines of code that do not stand in the page, in their order."""
    lines = iter(page.splitlines())
    wanted = [
        line
        for line in code.splitlines()
        if line and not line.startswith(('"""', "import json"))
    ]
    return [line for line in wanted if line not in lines]


@pytest.mark.parametrize("file", FILES)
@requirement("plugins.example")
def test_each_line_of_the_example_stands_in_the_page(file):
    page = (ROOT / "docs" / "write-a-plugin.md").read_text(encoding="utf-8")
    lacking = missing((PLUGIN / file).read_text(encoding="utf-8"), page)
    assert [line for line in lacking if "virtmigrate_paper" not in line] == []


def test_a_changed_line_is_found():
    assert missing("a\nb\n", "a\nc\n") == ["b"]
    assert missing("a\nb\n", "x\na\nb\n") == []
