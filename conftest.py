"""What every test run shares: documents as tests, and longer limits for real hosts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

LAB_TESTS = Path(__file__).parent / "tests" / "lab"
LAB_TIMEOUT_S = 300
"""A migration in software emulation takes seconds, a lab a few more to come up."""

# The lab's fixtures, where the lab is installed; only a root conftest may name plugins.
pytest_plugins = (
    ["virtmigrate_lab.pytest_plugin"] if find_spec("virtmigrate_lab") else []
)
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]
).pytest()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--lab`."""
    parser.addoption(
        "--lab",
        action="store_true",
        help="only tests on real hosts, wherever they are, and those of the lab itself",
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Choose for `--lab`; give real hosts a longer limit where a test states none."""
    if config.getoption("--lab"):
        chosen = [item for item in items if _of_the_lab(item)]
        config.hook.pytest_deselected(items=[i for i in items if i not in chosen])
        items[:] = chosen
    for item in items:
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT_S))


def _of_the_lab(item: pytest.Item) -> bool:
    return item.path.is_relative_to(LAB_TESTS) or bool(item.get_closest_marker("lab"))
