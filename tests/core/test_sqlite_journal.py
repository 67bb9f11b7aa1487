"""The journal in a file: durable, private, and refused when it can't be trusted."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.core.journal_file import mode, raw
from tests.core.plans import plan_of
from tests.requirements import requirement
from virtmigrate.errors import JournalError
from virtmigrate.sqlite_file import VERSION
from virtmigrate.sqlite_journal import SQLiteJournal, default_path

PLAN = plan_of()
SECRET = "hunter2"


# Where it is, and whose --------------------------------------------------------------


@requirement("journal.place")
@requirement("cli.environment")
def test_default_path_follows_the_environment(monkeypatch):
    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", "/somewhere")
    assert default_path() == Path("/somewhere/journal.db")
    monkeypatch.delenv("VIRTMIGRATE_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_path() == Path("/xdg/virtmigrate/journal.db")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/user")
    expected = Path("/home/user/.local/state/virtmigrate/journal.db")
    assert default_path() == expected


@requirement("journal.trusted")
@requirement("journal.private")
def test_directory_and_files_are_the_owners_alone(path):
    before = os.umask(0)
    try:
        journal = SQLiteJournal(path)
        journal.open("m1", PLAN, 1.0)
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    files = {p.name: mode(p) for p in path.parent.iterdir()}
    expected = ("journal.db", "journal.db-wal", "journal.db-shm")
    assert files == dict.fromkeys(expected, 0o600)
    journal.release()
    journal.release()


def a_link(path):
    path.parent.mkdir(mode=0o700)
    target = path.parent / "elsewhere.db"
    target.touch(mode=0o600)
    path.symlink_to(target)


def a_dangling_link(path):
    path.parent.mkdir(mode=0o700)
    path.symlink_to(path.parent / "nowhere.db")


def a_linked_directory(path):
    real = path.parent.parent / "real"
    real.mkdir(mode=0o700)
    path.parent.symlink_to(real)


def a_group_writable_directory(path):
    path.parent.mkdir()
    path.parent.chmod(0o770)


def a_world_writable_directory(path):
    path.parent.mkdir()
    path.parent.chmod(0o1777)


def a_group_writable_file(path):
    path.parent.mkdir(mode=0o700)
    path.touch()
    path.chmod(0o620)


def garbage(path):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database, at all " * 400)
    path.chmod(0o600)


def a_directory(path):
    path.mkdir(parents=True, mode=0o700)


def a_foreign_database(path):
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    raw(path, "CREATE TABLE bookmarks (url TEXT)")


def a_later_version(path):
    SQLiteJournal(path).release()
    raw(path, f"PRAGMA user_version={VERSION + 1}")


def a_directory_of_somebody_else(path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 12345, 12345)


def a_file_in_the_way(path):
    path.parent.touch()


UNTRUSTED = [
    a_link,
    a_dangling_link,
    a_linked_directory,
    a_group_writable_directory,
    a_world_writable_directory,
    a_group_writable_file,
    garbage,
    a_directory,
    a_foreign_database,
    a_later_version,
    a_directory_of_somebody_else,
    a_file_in_the_way,
]


@pytest.mark.parametrize("make", UNTRUSTED, ids=lambda make: make.__name__)
@requirement("journal.trusted")
def test_an_untrusted_place_is_refused_and_left_alone(path, make):
    make(path)
    before = sorted(str(p) for p in path.parent.parent.rglob("*"))
    with pytest.raises(JournalError) as caught:
        SQLiteJournal(path)
    assert caught.value.subject
    after = sorted(str(p) for p in path.parent.parent.rglob("*"))
    assert [p for p in after if not p.endswith(("-wal", "-shm"))] == before


def test_many_may_create_it_at_once(path):
    """`journal_mode=WAL` does not wait for others: nobody may see a file without it."""
    made, failed = [], []
    barrier = threading.Barrier(8)

    def create():
        barrier.wait(10)
        try:
            made.append(SQLiteJournal(path))
        except JournalError as error:
            failed.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(25)
    assert failed == []
    made[0].open("m1", PLAN, 1.0)
    assert all(len(journal.entries()) == 1 for journal in made)
    for journal in made:
        journal.release()
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"]


def test_to_open_it_twice_drops_no_lock(path, journal):
    """Else another process may take the log away under an open journal."""
    SQLiteJournal(path)
    thief = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute("
    thief += "'PRAGMA journal_mode=DELETE')"
    command = (sys.executable, "-c", thief, path)
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert "database is locked" in ran.stderr
    journal.open("m1", PLAN, 1.0)
    assert len(journal.entries()) == 1


# What it holds -----------------------------------------------------------------------


def test_it_outlives_the_object(path, journal):
    journal.open("m1", PLAN, 1.0)
    journal.append("m1", "intent", 2.0, {"step": "begin"}, durable=True)
    again = SQLiteJournal(path)
    assert [r.kind for r in again.records("m1")] == ["intent"]
    assert again.plan("m1") == PLAN
    again.release()


@requirement("journal.durable")
@requirement("journal.wal-full")
def test_it_is_synced_at_each_commit(journal):
    settings = {
        name: journal._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    full = 2
    assert settings == {"journal_mode": "wal", "synchronous": full}


@requirement("journal.trusted")
def test_a_record_that_could_not_be_written_leaves_no_gap(path, journal):
    journal.open("m1", PLAN, 1.0)
    journal.append("m1", "record", 2.0, {"n": 1}, durable=False)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    journal._db.execute("PRAGMA busy_timeout=10")
    with pytest.raises(JournalError, match="locked"):
        journal.append("m1", "commit", 2.0, {}, durable=True)
    with pytest.raises(JournalError, match="locked"):
        journal.close("m1", "rolled back", 3.0, settled=True)
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.append("m1", "rollback", 2.0, {}, durable=True)
    journal.close("m1", "rolled back", 3.0, settled=True)
    assert [r.kind for r in journal.records("m1")] == ["record", "rollback"]


def test_what_is_no_json_is_an_error_and_leaves_no_gap(journal):
    journal.open("m1", PLAN, 1.0)
    with pytest.raises((JournalError, TypeError)):
        journal.append("m1", "record", 2.0, {"cookie": b"\x00"}, durable=False)
    journal.append("m1", "intent", 2.0, {}, durable=True)
    assert [r.seq for r in journal.records("m1")] == [1]


COPY = "SELECT migration, 4, kind, at, body, crc"
GARBLE = {
    "a body": ("UPDATE record SET body=? WHERE seq=2", '{"step": "forged"}'),
    "no JSON": ("UPDATE record SET body=? WHERE seq=2", '{"step": '),
    "a kind": ("UPDATE record SET kind=? WHERE seq=2", "commit"),
    "a time": ("UPDATE record SET at=? WHERE seq=2", 0.0),
    "a checksum": ("UPDATE record SET crc=? WHERE seq=2", 1),
    "a missing record": ("DELETE FROM record WHERE seq=?", 2),
    "a missing first": ("DELETE FROM record WHERE seq=?", 1),
    "a copy": (f"INSERT INTO record {COPY} FROM record WHERE seq=?", 3),
}


@pytest.mark.parametrize("what", GARBLE)
@requirement("journal.trusted")
def test_a_garbled_journal_is_refused_by_name(path, journal, what):
    journal.open("m1", PLAN, 1.0)
    for step in ("begin", "prepare", "perform"):
        journal.append("m1", "intent", 1.0, {"step": step}, durable=True)
    raw(path, *GARBLE[what])
    with pytest.raises(JournalError, match="of m1 is garbled") as caught:
        journal.records("m1")
    assert caught.value.remedy
    other = SQLiteJournal(path)
    with pytest.raises(JournalError):
        other.append("m1", "commit", 2.0, {}, durable=True)
    other.release()


@requirement("journal.trusted")
def test_a_garbled_plan_is_refused_by_name(path, journal):
    journal.open("m1", PLAN, 1.0)
    raw(path, "UPDATE migration SET plan=?", '{"version": 1}')
    with pytest.raises(JournalError, match="plan of m1 is garbled"):
        journal.plan("m1")


@requirement("journal.trusted")
def test_a_broken_schema_that_is_no_text_is_refused_by_name(path):
    SQLiteJournal(path).release()
    whole, made = path.read_bytes(), b"CREATE TABLE migration"
    assert made in whole
    path.write_bytes(whole.replace(made, b"CREATE TABLE :\x80gration"))
    with pytest.raises(JournalError, match=r"garbled.*\\x80"):
        SQLiteJournal(path)


@requirement("journal.trusted")
def test_a_truncated_file_is_an_error_not_an_empty_journal(path):
    journal = SQLiteJournal(path)
    for number in range(40):
        journal.open(f"m{number}", plan_of(uuid=f"guest-{number}"), 1.0)
    journal.release()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(JournalError):
        SQLiteJournal(path).entries()


@requirement("secrets.never-shown")
def test_a_plans_secrets_are_not_in_the_file(path):
    xml = f"<graphics type='vnc' passwd=\"{SECRET}\" listen='::'/>"
    uri = f"tcp://root:{SECRET}@10.0.0.2:49152"
    plan = plan_of(persist_xml=xml, dest_xml=xml, migrate_uri=uri)
    journal = SQLiteJournal(path)
    journal.open("m1", plan, 1.0)
    journal.release()
    for file in path.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file
    journal = SQLiteJournal(path)
    kept = journal.plan("m1")
    assert kept.settlement["dest_xml"].effective == xml.replace(SECRET, "***")
    assert kept.steps == plan.steps
    journal.release()


@requirement("journal.plain-json")
def test_bodies_are_plain_json_in_the_file(path, journal):
    journal.open("m1", PLAN, 1.0)
    journal.append("m1", "intent", 1.0, {"step": "begin"}, durable=True)
    with sqlite3.connect(path) as db:
        (body,) = db.execute("SELECT body FROM record").fetchone()
    db.close()
    assert json.loads(body) == {"step": "begin"}


NEWER = {1: ("owed", "plan_crc", "seal", "head_seq", "head_crc")}
NEWER[2] = NEWER[1][1:]


@pytest.mark.parametrize("version", NEWER)
@requirement("journal.plain-json")
def test_a_journal_of_an_earlier_version_is_read_and_goes_on(path, version):
    before = SQLiteJournal(path)
    before.open("m1", plan_of(), 1.0)
    before.append("m1", "intent", 1.0, {"step": "begin"}, durable=True)
    before.release()
    for column in NEWER[version]:
        raw(path, f"ALTER TABLE migration DROP COLUMN {column}")
    raw(path, f"PRAGMA user_version={version}")
    journal = SQLiteJournal(path)
    assert [r.kind for r in journal.records("m1")] == ["intent"]
    assert journal.plan("m1") == plan_of()
    assert journal.entries()[0].owed == ()
    journal.close("m1", "succeeded", 2.0, settled=True, owed=("undo_persist",))
    assert SQLiteJournal(path).entries()[0].owed == ("undo_persist",)


CHANGED = {
    "guest": "other",
    "uuid": "other",
    "source": "mock://x?host=z",
    "destination": "mock://x?host=z",
    "opened": 2.0,
    "closed": 2.0,
    "outcome": "succeeded",
    "owed": '["undo_persist"]',
    "plan_crc": 7,
    "pid": "x",
}


@pytest.mark.parametrize("column", CHANGED)
@requirement("journal.trusted")
def test_an_entry_that_was_changed_is_refused(path, column):
    SQLiteJournal(path).open("m1", plan_of(), 1.0)
    raw(path, f"UPDATE migration SET {column}=?", CHANGED[column])
    with pytest.raises(JournalError, match="the entry of m1 is garbled"):
        SQLiteJournal(path).entries()


@pytest.mark.parametrize("last", [1, 3])
@requirement("journal.trusted")
def test_a_story_without_its_end_is_refused(path, journal, last):
    journal.open("m1", PLAN, 1.0)
    for step in ("begin", "prepare", "perform"):
        journal.append("m1", "intent", 1.0, {"step": step}, durable=True)
    raw(path, "DELETE FROM record WHERE seq>=?", last)
    with pytest.raises(JournalError, match="the end of m1 is garbled"):
        journal.records("m1")
