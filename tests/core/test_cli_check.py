"""`check` and `explain`: everything that is in the way, and a plan as tables."""

from __future__ import annotations

import json
import re

import pytest

from tests.core.declared import vz_like
from tests.core.runs import DESTINATION, SOURCE
from tests.core.scripted import XML, Copy
from tests.core.terminal import Terminal
from tests.core.test_findings import fails, sees
from tests.requirements import requirement
from virtmigrate.errors import HostUnreachable, Side
from virtmigrate.explain import data, explain
from virtmigrate.host import RunState
from virtmigrate.plan import Level
from virtmigrate.plan_file import read_plan

HOSTS = ("demo", DESTINATION, "-c", SOURCE)
REFUSED = ("--offline", "--bandwidth", "7")


@pytest.fixture
def crowded(capsys, terminal, world):
    """Blockers on both sides, a warning, a note, a plugin that fails."""
    world.hosts.update(b=Copy(RunState.PAUSED, XML))
    world.hosts["a"].job = True
    plugins = (sees("slow"), sees("hint", Level.NOTE), fails(OSError("no disk")))
    return Terminal(capsys, world, plugins)


def at_a_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


def words_of(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text).split()


# check --------------------------------------------------------------------------------


@requirement("check.everything")
@requirement("say.all-at-once")
def test_everything_in_the_way_is_one_table(crowded, world):
    said = crowded("check", *HOSTS)
    assert said.code == 2
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines if re.match(r"  (b|w|note)", line)] == [
        "blocker",
        "blocker",
        "warning",
        "warning",
        "note",
    ]
    for word in ("already-active", "job-active", "slow", "not-checked", "hint"):
        assert word in said.out
    assert "source" in said.out
    assert "destination" in said.out
    assert "see to slow" in said.out
    assert lines[-1] == "it can't move like this: 2 blockers, 2 warnings, 1 note"
    assert max(map(len, lines)) <= 80
    assert world.calls == []


@requirement("check.everything")
@requirement("cli.json")
def test_with_blockers_json_is_still_the_report(crowded):
    said = crowded("check", *HOSTS, "--json")
    assert said.code == 2
    assert said.err == ""
    found = said.json()["findings"]
    assert said.json()["ok"] is False
    assert said.json()["guest"]["name"] == "demo"
    assert {each["id"] for each in found["blocker"]} == {"already-active", "job-active"}
    assert {each["side"] for each in found["blocker"]} == {"source", "destination"}
    assert all(each["remedy"] for part in found.values() for each in part)
    assert [each["id"] for each in found["note"]] == ["hint"]


@requirement("check.everything")
def test_nothing_in_the_way_is_said_and_leaves_no_journal(terminal, tmp_path):
    said = terminal("check", *HOSTS)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "nothing is in the way: no findings"
    assert terminal("check", *HOSTS, "--json").json()["findings"] == {
        "blocker": [],
        "warning": [],
        "note": [],
    }
    assert not (tmp_path / "state").exists()


def test_a_host_that_can_not_be_asked_at_all_is_an_error(terminal, world):
    world.breaks("destination.look", "before", HostUnreachable("x", side=Side.BOTH))
    said = terminal("check", *HOSTS, "--json")
    assert (said.code, said.json()["outcome"]) == (1, "error")
    said = terminal("check", "nobody", *HOSTS[1:], "--json")
    assert (said.code, said.json()["outcome"]) == (2, "refused")


@requirement("explain.same-tables")
def test_a_terminal_gets_a_table_in_colour(crowded, monkeypatch):
    plain = crowded("check", *HOSTS).out
    at_a_terminal(monkeypatch)
    said = crowded("check", *HOSTS)
    assert "\x1b[31mblocker" in said.out
    assert set(words_of(said.out)) == set(words_of(plain))


# --ignore -----------------------------------------------------------------------------


@requirement("ignore.warnings-only")
def test_a_warning_is_ignored_by_its_id_and_kept_for_programs(crowded):
    words = ("--ignore", "slow", "--ignore", "hint")
    said = crowded("check", *HOSTS, *words)
    assert "slow was seen" not in said.out
    assert "(ignored: slow, hint)" in said.out
    found = crowded("check", *HOSTS, *words, "--json").json()["findings"]
    marks = {e["id"]: e["ignored"] for part in found.values() for e in part}
    assert marks["slow"]
    assert marks["hint"]
    assert not marks["not-checked"]


@requirement("ignore.warnings-only")
@pytest.mark.parametrize("command", ["plan", "migrate"])
def test_to_ignore_a_blocker_is_refused_by_name(crowded, world, command):
    said = crowded(command, *HOSTS, "--ignore", "job-active", "--json")
    assert said.code == 2
    (bad,) = [e for e in said.json()["refusals"] if e["error"] == "BadInput"]
    assert (bad["subject"], "job-active" in bad["message"]) == ("ignore", True)
    assert bad["remedy"]
    assert world.calls == []


@pytest.mark.parametrize("command", ["check", "plan", "explain", "migrate"])
def test_what_is_no_id_is_told_with_all_else_that_is_wrong(terminal, command):
    said = terminal(command, " ", DESTINATION, "-c", SOURCE, "--ignore=A B", "--json")
    assert said.code == 2
    assert {e["subject"] for e in said.json()["refusals"]} == {"guest", "ignore"}


@requirement("ignore.warnings-only")
def test_a_plan_that_ignores_is_written_looked_at_and_run(capsys, terminal, tmp_path):
    there = Terminal(capsys, terminal.world, (sees("slow"),))
    file = tmp_path / "plan.json"
    file.write_text(there("plan", *HOSTS, "--ignore=slow", "--json").out, "utf-8")
    assert "slow was seen" not in there("explain", "--plan", str(file)).out
    assert there("run", str(file)).code == 0


# explain ------------------------------------------------------------------------------


@requirement("explain.same-tables")
def test_it_says_what_plan_says(terminal, monkeypatch):
    said = terminal("explain", *HOSTS, "--no-live")
    assert said.code == 0
    assert said.out == terminal("plan", *HOSTS, "--no-live").out
    assert words_of(said.out)[:2] == ["Plan", words_of(said.out)[1]]
    at_a_terminal(monkeypatch)
    drawn = terminal("explain", *HOSTS, "--no-live").out
    assert set(words_of(drawn)) == set(words_of(said.out))
    assert drawn == terminal("plan", *HOSTS, "--no-live").out


@requirement("explain.same-tables")
def test_the_tables_are_there_for_programs(terminal):
    told = terminal("explain", *HOSTS, "--no-live", "--json").json()
    plan = read_plan(terminal("plan", *HOSTS, "--no-live", "--json").out)
    assert told == json.loads(json.dumps(data(plan)))
    assert told["ok"] is True
    assert told["digest"] == plan.digest()
    live = next(row for row in told["options"] if row["option"] == "live")
    assert (live["word"], live["asked"], live["effective"]) == ("--live", False, False)
    assert live["how"] in ("native", "emulated")
    assert [step["id"] for step in told["steps"]] == [step.id for step in plan.steps]
    assert all(
        {"phase", "side", "hook", "why", "undo"} <= s.keys() for s in told["steps"]
    )


@requirement("explain.same-tables")
@requirement("check.everything")
def test_a_refused_plan_shows_what_could_be_settled_and_the_blockers(crowded, world):
    said = crowded("explain", *HOSTS, *REFUSED)
    assert said.code == 2
    assert said.out.startswith("No plan: demo (running, persistent)")
    assert re.search(r"  bandwidth +7 +7 +native", said.out)
    assert "offline-of-running-guest" in said.out
    assert "job-active" in said.out
    assert "\n  phase" not in said.out
    told = crowded("explain", *HOSTS, *REFUSED, "--json").json()
    assert (told["ok"], told["digest"], told["steps"]) == (False, None, [])
    levels = [finding["level"] for finding in told["findings"]]
    assert levels == sorted(levels, key=list(Level).index)
    assert world.calls == []


@requirement("explain.same-tables")
def test_an_option_that_is_refused_says_so_in_its_row(terminal, world):
    world.declare = vz_like
    words = ("--no-compressed", "--tunnelled", "--bandwidth", "7")
    told = terminal("explain", *HOSTS, *words, "--json")
    assert told.code == 2
    rows = {row["option"]: row["how"] for row in told.json()["options"]}
    refused = {name for name, how in rows.items() if how == "refused"}
    assert refused == {"compressed", "tunnelled", "bandwidth_mib_s"}
    assert {each["subject"] for each in told.json()["findings"]} >= refused
    text = terminal("explain", *HOSTS, *words).out
    assert re.search(r"  compressed +no +no +refused", text)


@requirement("explain.same-tables")
def test_what_was_written_down_is_explained_and_no_host_is_asked(
    terminal, world, tmp_path
):
    text = terminal("plan", *HOSTS, "--json").out
    file = tmp_path / "plan"
    file.write_text(text, encoding="utf-8")
    moved = terminal("migrate", *HOSTS, "--json").json()["migration"]
    world.down |= {"a", "b"}
    plan = read_plan(text)
    for written in (str(file), moved[:6]):
        said = terminal("explain", "--plan", written)
        assert said.code == 0, said.err
        assert plan.digest()[:12] in said.out
        assert terminal("explain", "--plan", written, "--json").json()["digest"] == (
            plan.digest()
        )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "name GUEST and DESTINATION_URI"),
        (["demo"], "name GUEST and DESTINATION_URI"),
        (["--plan", "3f9c"], "no file, and no migration"),
        (["--plan", "none.json"], "No such file"),
        (["demo", DESTINATION, "--plan", "3f9c"], "leave everything else out"),
        (["--plan", "3f9c", "--live"], "leave everything else out"),
        (["--plan", "3f9c", "--ignore", "x"], "leave everything else out"),
    ],
)
def test_what_can_not_be_explained_is_refused(terminal, words, hint):
    said = terminal("explain", *words, "--json")
    assert said.code == 2
    assert hint in said.out
    assert all(each["remedy"] for each in said.json()["refusals"])


@requirement("explain.same-tables")
def test_nothing_in_a_cell_steers_a_terminal(terminal, world, monkeypatch):
    world.hosts["a"].name = "d\x1b[2Jm"
    at_a_terminal(monkeypatch)
    world.hosts["a"].job = True
    said = terminal("check", "d\x1b[2Jm", *HOSTS[1:])
    assert "\x1b[2J" not in said.out
    assert "\\x1b[2J" in said.out


def test_a_report_with_a_plan_is_explained_as_that_plan(run):
    report = run.migrator.check("demo", SOURCE, DESTINATION)
    assert explain(report) == report.plan.explain()
