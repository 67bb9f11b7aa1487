"""What every test run shares: documents as tests, and longer limits for real hosts."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

LAB_TIMEOUT_S = 300
"""A migration in software emulation takes seconds, a lab a few more to come up."""

# The lab's fixtures, where the lab is installed; only a root conftest may name plugins.
pytest_plugins = (
    ["virtmigrate_lab.pytest_plugin"] if find_spec("virtmigrate_lab") else []
)
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]
).pytest()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests on real hosts their longer limit, unless they state one."""
    for item in items:
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT_S))
