"""`virtmigrate report`: files, names, refusals."""

from __future__ import annotations

import sys

import pytest

from tests.core.scripted import NAME
from tests.requirements import requirement
from virtmigrate.cli.commands.report import _file_name
from virtmigrate.report import REMEDY

HOSTS = ("scripted:///a", "scripted:///b")


@pytest.fixture
def migration(terminal, tmp_path, monkeypatch):
    """The id of a migration that is in the journal; files go to a folder of ours."""
    monkeypatch.chdir(tmp_path)
    said = terminal("-c", HOSTS[0], "migrate", NAME, HOSTS[1], "--json")
    return said.json()["migration"]


@requirement("report.from-journal")
def test_a_page_and_a_picture_are_written(terminal, migration, tmp_path, world):
    calls = len(world.calls)
    said = terminal("report", migration[:6])
    page, picture = tmp_path / f"{migration}.html", tmp_path / f"{migration}.png"
    assert (said.code, said.out) == (0, f"{page}\n{picture}\n")
    assert NAME in page.read_text(encoding="utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(world.calls) == calls


def test_files_may_be_named(terminal, migration, tmp_path):
    said = terminal("report", migration, "--html", "a.html", "--png", "b.png")
    assert said.code == 0
    assert {"a.html", "b.png"} <= {path.name for path in tmp_path.iterdir()}


def test_json_has_the_story_and_says_where_it_wrote(terminal, migration, tmp_path):
    told = terminal("report", migration, "--json").json()
    assert told["html"] == str(tmp_path / f"{migration}.html")
    assert (told["guest"], told["outcome"]) == (NAME, "succeeded")
    assert "landed" in [mark["label"] for mark in told["marks"]]
    assert told["digest"]


@pytest.mark.parametrize("taken", ["html", "png"])
def test_what_is_there_is_not_overwritten_unless_told_so(
    terminal, migration, tmp_path, taken
):
    there = tmp_path / f"{migration}.{taken}"
    there.write_text("mine", encoding="utf-8")
    said = terminal("report", migration)
    assert said.code == 2
    assert "--force" in said.err
    assert there.read_text(encoding="utf-8") == "mine"
    assert len(list(tmp_path.glob(f"{migration}.*"))) == 1
    assert terminal("report", migration, "--force").code == 0
    assert there.read_bytes() != b"mine"


def test_what_can_not_be_written_is_refused(terminal, migration):
    said = terminal("report", migration, "--html", "no/such/folder/a.html")
    assert said.code == 2
    assert "can't be written" in said.err
    same = terminal("report", migration, "--html", "a", "--png", "a")
    assert "the same file" in same.err


@pytest.mark.parametrize("wanted", ["", "zzz"])
def test_an_id_that_is_not_there_is_refused(terminal, migration, wanted):
    assert terminal("report", wanted).code == 2


def test_no_journal_is_no_migration(terminal):
    assert "no migration 'x'" in terminal("report", "x").err


def test_without_the_extra_it_says_what_to_install(
    terminal, migration, tmp_path, monkeypatch
):
    for name in [
        name for name in sys.modules if name.startswith("virtmigrate.report.p")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = terminal("report", migration)
    assert said.code == 2
    assert REMEDY in " ".join(said.err.split())
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(
    ("migration_id", "name"),
    [
        ("68359dc8c88a", "68359dc8c88a"),
        ("../../etc/x", "_.._etc_x"),
        ("..", "migration"),
    ],
)
def test_an_id_makes_a_file_name_whatever_it_is(migration_id, name):
    assert _file_name(migration_id) == name
