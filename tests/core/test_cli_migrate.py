"""`migrate`, `status` and `journal` in a scripted world: outcomes, streams, codes."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.core.plans import plan_of
from tests.core.scripted import NAME, UUID
from tests.requirements import requirement
from virtmigrate import events
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable, Side
from virtmigrate.host import RunState
from virtmigrate.journal import Owner
from virtmigrate.sqlite_journal import SQLiteJournal

SOURCE, DESTINATION = "scripted:///a", "scripted:///b"


@pytest.fixture
def migrate(terminal):
    def call(*words):
        return terminal("-c", SOURCE, "migrate", NAME, DESTINATION, *words)

    return call


@requirement("default.bare")
def test_a_bare_move_ends_well(migrate, world):
    said = migrate()
    assert (said.code, said.out) == (0, "")
    assert "succeeded: demo" in said.err
    assert "landed: running at the destination" in said.err
    assert world.hosts["b"].state is RunState.RUNNING
    assert max(map(len, said.err.split("\n"))) <= 80


@requirement("cli.effective")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "in effect: the defaults"),
        (("--no-live", "--bandwidth", "9"), "in effect: --no-live --bandwidth 9"),
        (("--live", "--allow-postcopy"), "in effect: --live --postcopy"),
    ],
)
def test_a_move_ends_with_the_options_that_were_in_effect(migrate, words, told):
    lines = [line.strip() for line in migrate(*words).err.split("\n")]
    assert told in lines


@requirement("cli.json")
def test_json_is_the_result_and_people_are_told_on_stderr(migrate):
    said = migrate("--json")
    assert said.json()["outcome"] == "succeeded"
    assert said.json()["uuid"] == UUID
    assert "succeeded: demo" in said.err


@requirement("cli.events")
def test_events_are_one_json_line_each_and_end_with_the_result(migrate, world):
    world.pulses = 2
    said = migrate("--events", "--quiet")
    told = [events.EVENT.validate_json(line) for line in said.out.splitlines()]
    assert told[0].kind == "started"
    assert [e.kind for e in told].count("progress") == 2
    assert told[-1].result.succeeded
    assert "landed:" not in said.err


@requirement("cli.exit-codes")
def test_a_failing_step_is_rolled_back_and_exit_code_1(migrate, world):
    world.breaks("prepare", "before", HostError("no memory", side=Side.DESTINATION))
    said = migrate("--json")
    assert said.code == 1
    assert said.json()["outcome"] == "rolled back"
    assert "fault: prepare: destination: no memory" in said.err
    assert world.hosts["a"].state is RunState.RUNNING


@requirement("cli.exit-codes")
def test_what_can_not_be_known_is_exit_code_3_and_names_recover(migrate, world):
    def vanish(world):
        world.down.add("b")
        raise AnswerLost("no answer", side=Side.DESTINATION)

    world.breaks("finish(go)", "after", vanish)
    said = migrate("--json")
    assert said.code == 3
    assert f"virtmigrate recover {said.json()['migration']}" in said.err


@requirement("cli.exit-codes")
def test_a_refused_request_is_exit_code_2_and_touches_nothing(migrate, world):
    said = migrate("--no-live", "--timeout-suspend", "--json")
    assert said.code == 2
    assert said.json()["outcome"] == "refused"
    assert world.calls == []


@requirement("cli.events")
def test_a_refusal_among_events_is_a_line_too(migrate):
    said = migrate("--events", "--disks-port", "-1")
    assert said.code == 2
    assert said.out.count("\n") == 1
    assert said.json()["kind"] == "refused"


@pytest.mark.parametrize(
    "words", [("--json", "--events"), ("--verbose", "--quiet")], ids=" ".join
)
def test_words_that_exclude_each_other_are_refused(migrate, world, words):
    said = migrate(*words)
    assert said.code == 2
    assert "exclude each other" in said.err
    assert world.calls == []


def test_a_host_that_does_not_answer_is_exit_code_1(migrate, world):
    world.breaks(
        "source.look", "before", HostUnreachable("nobody there", side=Side.SOURCE)
    )
    said = migrate()
    assert said.code == 1
    assert "error: source: nobody there" in said.err


def test_the_name_of_a_guest_steers_no_terminal(terminal, world):
    world.hosts["a"].name = "d\x1b[2Jemo"
    said = terminal("-c", SOURCE, "migrate", "d\x1b[2Jemo", DESTINATION)
    assert said.code == 0
    assert "\x1b" not in said.err
    assert "d\\x1b[2Jemo" in said.err


@requirement("say.plan-first")
@requirement("plan.touches-nothing")
def test_the_plan_says_what_was_asked_what_holds_and_how(terminal, world):
    said = terminal("plan", "-c", SOURCE, NAME, DESTINATION, "--no-live")
    lines = [line.split() for line in said.out.split("\n")]
    assert ["live", "no", "no", "native"] in lines
    assert any(line[:3] == ["finish", "destination", "finish"] for line in lines)
    assert max(map(len, said.out.split("\n"))) <= 80
    assert world.phases() == []


def test_a_plan_as_json_has_its_digest(terminal):
    data = terminal("plan", "-c", SOURCE, NAME, DESTINATION, "--json").json()
    assert len(data["digest"]) == 64
    assert [step["id"] for step in data["steps"]][:2] == ["capture", "begin"]


# status and journal


def test_where_nothing_was_ever_done_nothing_is_made(terminal, tmp_path):
    assert terminal("status").out == "no open migrations\n"
    assert terminal("journal").out == "no migrations yet\n"
    assert terminal("status", "--json").json() == {"open": [], "owing": []}
    assert terminal("settle").out == "nothing is owed\n"
    assert terminal("settle", "--json").json() == {"debts": []}
    assert terminal("journal", "--json").json() == {"migrations": []}
    assert not (tmp_path / "state").exists()


def test_what_was_done_can_be_read_later(terminal, migrate):
    migration = migrate("--json").json()["migration"]
    (entry,) = terminal("journal", "--json").json()["migrations"]
    assert (entry["migration"], entry["outcome"]) == (migration, "succeeded")
    assert migration in terminal("journal").out
    one = terminal("journal", migration[:6], "--json").json()
    assert one["plan"]["guest"]["name"] == NAME
    assert "commit" in [record["kind"] for record in one["records"]]
    text = terminal("journal", migration)
    assert "commit" in text.out
    assert max(map(len, text.out.split("\n"))) <= 80
    assert terminal("status").out == "no open migrations\n"


@pytest.mark.parametrize("words", [("nosuch",), ("",)])
def test_a_migration_that_is_not_there_is_refused(terminal, migrate, words):
    assert terminal("journal", *words).code == 2
    migrate()
    said = terminal("journal", *words)
    assert said.code == 2
    assert "no migration" in said.err


@pytest.fixture
def open_migration(tmp_path):
    """A journal with two open migrations: one of this process, one of a dead one."""
    journal = SQLiteJournal(tmp_path / "state" / "journal.db")
    journal.open("aaa111", plan_of(), 1.0)
    dead = replace(Owner.me(), pid=os.getpid(), started=1)
    other = "0" * 8 + UUID[8:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Owner, "me", classmethod(lambda cls: dead))
        journal.open("aaa222", plan_of(uuid=other), 2.0)
    journal.release()


def test_status_tells_the_living_from_the_dead(terminal, open_migration):
    data = terminal("status", "--json").json()["open"]
    assert [entry["needs_recovery"] for entry in data] == [False, True]
    said = terminal("status")
    assert f"process {os.getpid()} carries it out" in said.out
    assert "virtmigrate recover aaa222" in said.out
    assert "virtmigrate recover aaa111" not in said.out


def test_half_an_id_that_fits_two_is_refused(terminal, open_migration):
    said = terminal("journal", "aaa")
    assert said.code == 2
    assert "2 migrations begin with" in said.err


def test_a_journal_that_others_may_write_is_an_error(terminal, tmp_path, migrate):
    migrate()
    (tmp_path / "state").chmod(0o777)
    said = terminal("status", "--json")
    assert said.code == 5
    assert said.json()["errors"][0]["error"] == "JournalError"
