from __future__ import annotations

import threading

import pytest

from tests.core.runs import DESTINATION, SOURCE, STYLES
from tests.core.scripted import NAME, Copy, World
from tests.core.terminal import Terminal
from tests.requirements import requirement
from virtmigrate.host import RunState


@pytest.fixture
def vz(capsys, tmp_path, monkeypatch):
    """A vz-like guest that moved and owes; the way to type at it."""
    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", str(tmp_path))
    world = World(gone=True, declare=STYLES["vz"])
    terminal = Terminal(capsys, world)
    said = terminal(
        "-c", SOURCE, "migrate", NAME, DESTINATION,
        "--no-persistent", "--no-undefinesource", "--json",
    )  # fmt: skip
    terminal.migration = said.json()["migration"]
    assert f"later: virtmigrate settle {terminal.migration}" in said.err
    return terminal


@requirement("persist.deferred")
def test_what_is_owed_is_told_until_it_is_done(vz):
    assert "over, owes undo_persist" in vz("status").out
    waits = vz("settle")
    assert waits.code == 0
    assert waits.out.startswith(f"owed: undo_persist of {NAME} ({vz.migration})")
    vz.world.hosts["b"].state = RunState.SHUTOFF
    (debt,) = vz("settle", "--json").json()["debts"]
    assert (debt["state"], debt["migration"]) == ("paid", vz.migration)
    assert vz.world.hosts["b"] == Copy()
    assert vz("settle").out == "nothing is owed\n"
    assert vz("status").out == "no open migrations\n"


def test_the_debts_of_one_migration(vz):
    assert "owed" in vz("settle", vz.migration).out
    said = vz("settle", "nope")
    assert said.code == 2
    assert "no migration 'nope'" in said.err


def test_watching_ends_when_nothing_is_owed(vz):
    rounds = []

    def look(world):
        rounds.append(threading.current_thread())
        if len(rounds) == 3:
            world.hosts["b"].state = RunState.SHUTOFF

    vz.world.breaks("destination.look", "before", look)
    said = vz("settle", "--watch", "--every", "0.1")
    assert said.code == 0
    assert said.out.startswith("paid: undo_persist")
    assert vz.world.configurations() == ["a"]


def test_a_host_that_is_silent_is_named(vz):
    vz.world.down.add("b")
    assert "does not answer" in vz("settle").out
