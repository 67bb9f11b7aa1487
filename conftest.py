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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in `tests/lab`; give real hosts a longer limit if none is stated."""
    for item in items:
        if item.path.is_relative_to(LAB_TESTS):
            item.add_marker("lab")
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT_S))
