"""`virtmigrate recover`: one, all, on a person's word, or only looking."""

from __future__ import annotations

import threading

import pytest

from tests.core.runs import DESTINATION, SOURCE
from tests.core.scripted import NAME, Copy
from tests.core.scripted_plugin import ScriptedPlugin
from tests.core.test_recovery import Killed
from virtmigrate import Manager, Migrator
from virtmigrate.host import RunState
from virtmigrate.planning import Request
from virtmigrate.sqlite_journal import SQLiteJournal

RUNNING, PAUSED_MIGRATION = RunState.RUNNING, RunState.PAUSED_MIGRATION


@pytest.fixture
def killed(world, tmp_path):
    """Leaves a migration open whose controller died at a call."""

    def leave(call, when="after"):
        journal = SQLiteJournal(tmp_path / "state" / "journal.db")
        manager = Manager([ScriptedPlugin(world)], discover=False)
        migrator = Migrator(manager=manager, journal=journal, clock=world.clock)
        world.breaks(call, when, Killed())
        with pytest.raises(Killed):
            migrator._migrate(
                "m1", Request(NAME), (SOURCE, DESTINATION), threading.Event()
            )
        journal._db.execute("UPDATE migration SET started=1")
        journal.release()
        world.at.clear()
        world.calls.clear()

    return leave


def test_one_is_brought_to_its_end(terminal, killed, world):
    killed("confirm(go)", "before")
    said = terminal("recover", "m1", "--json")
    assert (said.code, said.json()["outcome"]) == (0, "succeeded")
    assert world.hosts["b"].state is RUNNING
    again = terminal("recover", "m1")
    assert again.code == 0
    assert "in effect: " in again.err


def test_all_are_brought_to_their_end(terminal, killed, world):
    assert terminal("recover", "--all").err == "nothing to recover\n"
    killed("perform")
    said = terminal("recover", "--all", "--json")
    assert said.code == 1
    (one,) = said.json()["recovered"]
    assert (one["migration"], one["outcome"]) == ("m1", "rolled back")
    assert world.hosts["a"].state is RUNNING
    assert terminal("recover", "--all", "--json").json() == {"recovered": []}


def test_of_all_one_that_fails_keeps_no_other_from_its_end(terminal, killed, world):
    killed("perform")
    world.down |= {"a", "b"}
    said = terminal("recover", "--all", "--json")
    assert said.code == 1
    (one,) = said.json()["recovered"]
    assert one["errors"][0]["error"] == "HostUnreachable"
    assert terminal("status", "--json").json()["open"][0]["needs_recovery"]


@pytest.mark.parametrize("which", ["m1", "--all"])
def test_a_dry_run_only_looks(terminal, killed, world, which):
    killed("perform")
    said = terminal("recover", which, "--dry-run", "--json")
    data = said.json()["recovered"][0] if which == "--all" else said.json()
    assert said.code == 0
    assert (data["verdict"], data["told"]) == ("KR", "j1")
    assert "nothing was touched" in said.err
    assert world.calls == []
    assert terminal("status", "--json").json()["open"]


def test_a_host_that_is_off_needs_a_persons_word(terminal, killed, world):
    killed("finish(go)")
    world.down.add("a")
    assert terminal("recover", "m1").code == 3
    said = terminal("recover", "m1", "--fence-proof", "a", "--json")
    assert (said.code, said.json()["obligations"]) == (0, ["retire_source"])
    assert "see that the guest is not started at the source" in said.err
    world.down.clear()
    world.hosts["a"] = Copy()
    assert "paid: retire_source" in terminal("settle").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one migration, or --all"),
        (("m1", "--all"), "name one migration, or --all"),
        (("--all", "--fence-proof", "a"), "are about one migration"),
        (("m1", "--fence-proof", "a"), "a answers"),
        (("m1", "--fence-proof", "elsewhere"), "no host of migration m1"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    terminal, killed, world, words, said
):
    killed("perform")
    answer = terminal("recover", *words)
    assert answer.code == 2
    assert said in answer.err
    assert world.calls == []
    assert world.hosts["a"].state is PAUSED_MIGRATION
