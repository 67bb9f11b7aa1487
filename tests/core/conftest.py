"""What the core's tests share. They are pure: no plugin, no libvirt, no daemon."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import World
from virtmigrate.sqlite_journal import SQLiteJournal


@pytest.fixture
def path(tmp_path):
    """Where a journal's file goes."""
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path):
    """A journal in that file."""
    made = SQLiteJournal(path)
    yield made
    made.release()


@pytest.fixture
def world():
    """Two scripted hosts with a running, persistent guest on the first."""
    return World()


@pytest.fixture
def run(world):
    """Migrations in that world, with journal and events."""
    return Run(world)


@pytest.fixture
def terminal(capsys, world, tmp_path, monkeypatch):
    """The command line, its journal in a directory of its own, 80 columns wide."""
    from tests.core.terminal import Terminal  # noqa: PLC0415 - needs the extra `cli`

    for name in ("VIRTMIGRATE_CONNECT", "VIRTMIGRATE_DEBUG", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", str(tmp_path / "state"))
    return Terminal(capsys, world)
