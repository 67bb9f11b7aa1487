"""What `virtmigrate` exports is pinned: a name comes or goes on purpose."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import virtmigrate
from tests.requirements import requirement

PUBLIC = {
    "AnswerLost",
    "BadInput",
    "Fate",
    "Handle",
    "HostError",
    "HostUnreachable",
    "Manager",
    "MemoryJournal",
    "Migrator",
    "NotSucceeded",
    "OptionRefused",
    "Options",
    "Outcome",
    "Phase",
    "Plan",
    "Refused",
    "Result",
    "Side",
    "VirtmigrateError",
    "hookimpl",
}
DEAR = {"libvirt", "typer", "rich", "lxml", "pytest"}
ASK_WHAT_WAS_LOADED = """
import sys
from virtmigrate import Migrator
print(*sorted(name.partition(".")[0] for name in sys.modules))
"""


def test_exports_are_pinned():
    assert sorted(virtmigrate.__all__) == sorted(PUBLIC)


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="no attribute 'Migration'"):
        virtmigrate.Migration  # noqa: B018
    assert set(dir(virtmigrate)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_export_says_what_it_is(name):
    assert inspect.getdoc(getattr(virtmigrate, name))


@requirement("api.light")
def test_importing_the_core_loads_nothing_dear():
    done = subprocess.run(
        [sys.executable, "-c", ASK_WHAT_WAS_LOADED],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=20,
        check=True,
    )
    assert DEAR & set(done.stdout.split()) == set()
