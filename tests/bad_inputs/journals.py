"""Journals, migration ids, proofs, cookies, and the environment."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from tests.bad_inputs.case import (
    FAILED,
    MANAGER,
    MIGRATE,
    PLAN,
    SECRET,
    UNTRUSTED,
    UUID,
    A,
    B,
    Case,
    world,
)
from tests.core import test_sqlite_journal as known
from virtmigrate import MemoryJournal, Migrator
from virtmigrate.sqlite_file import VERSION
from virtmigrate.sqlite_journal import SQLiteJournal

DEAD = "m1deadbeef"


def a_plan():
    """Of the guest between the two hosts."""
    hosts = world()
    migrator = Migrator(manager=MANAGER, journal=MemoryJournal(), clock=hosts.clock)
    return migrator.plan("web", A, B)


def journal(here):
    """A migration of the past whose controller died; its file."""
    path = here / "state" / "journal.db"
    kept = SQLiteJournal(path)
    kept.open(DEAD, a_plan(), 1.0)
    for step in ("capture", "begin", "prepare", "perform"):
        kept.append(DEAD, "intent", 1.0, {"step": step}, durable=True)
    kept.release()
    altered(path, "UPDATE migration SET started=1")
    return path


def altered(path, statement, *values):
    """What a broken disk, or an intruder, would do."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def altering(statement, *values):
    return lambda here: altered(journal(here), statement, *values)


def cut(share):
    """The file, cut off at a share of its size."""

    def make(here):
        path = journal(here)
        os.truncate(path, int(path.stat().st_size * share))

    return make


def overwritten(at, content):
    """Bytes of the file, replaced at an offset."""

    def make(here):
        with journal(here).open("r+b") as file:
            file.seek(at)
            file.write(content)

    return make


def a_pipe(path):
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)


def an_empty_directory_of_all(path):
    path.parent.mkdir()
    path.parent.chmod(0o777)


def a_secret_in_a_foreign_file(path):
    path.parent.mkdir(mode=0o700)
    path.write_text(f"password={SECRET}\n" * 99, encoding="utf-8")
    path.chmod(0o600)


PLACES = (
    *[make for make in known.UNTRUSTED if "somebody_else" not in make.__name__],
    a_pipe,
    an_empty_directory_of_all,
    a_secret_in_a_foreign_file,
)
HOLDING = (
    known.a_link,
    known.a_dangling_link,
    known.a_group_writable_file,
    known.garbage,
    known.a_directory,
    known.a_foreign_database,
    known.a_later_version,
    a_pipe,
    a_secret_in_a_foreign_file,
)
"""Where a journal seems to be."""
GARBLED = {
    "a body": (altering("UPDATE record SET body='{}' WHERE seq=2"), "garbled"),
    "no JSON": (altering("UPDATE record SET body='{' WHERE seq=2"), "garbled"),
    "a deep body": (
        altering("UPDATE record SET body=? WHERE seq=2", "[" * 99_999),
        "garbled",
    ),
    "a body of bytes": (
        altering("UPDATE record SET body=x'ff00' WHERE seq=2"),
        "garbled",
    ),
    "a kind": (altering("UPDATE record SET kind='commit' WHERE seq=4"), "garbled"),
    "a moment": (altering("UPDATE record SET at=0 WHERE seq=4"), "garbled"),
    "a checksum": (altering("UPDATE record SET crc=1 WHERE seq=4"), "garbled"),
    "a record taken out": (altering("DELETE FROM record WHERE seq=2"), "garbled"),
    "the first taken out": (altering("DELETE FROM record WHERE seq=1"), "garbled"),
    "the last taken out": (altering("DELETE FROM record WHERE seq=4"), "garbled"),
    "all taken out": (altering("DELETE FROM record"), "garbled"),
    "a plan": (altering("UPDATE migration SET plan='{}'"), "garbled"),
    "a plan of bytes": (altering("UPDATE migration SET plan=x'ff00'"), "garbled"),
    "a forged host": (
        altering("UPDATE migration SET destination='mock://x?host=z'"),
        "garbled",
    ),
    "a forged guest": (altering("UPDATE migration SET guest='other'"), "garbled"),
    "a forged UUID": (altering("UPDATE migration SET uuid='other'"), "garbled"),
    "a forged end": (
        altering("UPDATE migration SET closed=2.0, outcome='succeeded'"),
        "garbled",
    ),
    "what is owed": (altering("UPDATE migration SET owed='{'"), "garbled"),
    "a process that is none": (altering("UPDATE migration SET pid='x'"), "garbled"),
    "a moment that is none": (altering("UPDATE migration SET opened='x'"), "garbled"),
    "a table taken out": (altering("DROP TABLE record"), "record"),
    "a column taken out": (
        altering("ALTER TABLE migration DROP COLUMN outcome"),
        "outcome",
    ),
    "a later version": (altering(f"PRAGMA user_version={VERSION + 1}"), "newer"),
    "a version below nothing": (altering("PRAGMA user_version=-1"), "version"),
    "half a file": (cut(0.5), "journal"),
    "a tenth of a file": (cut(0.1), "journal"),
    "a hundred bytes": (lambda here: os.truncate(journal(here), 100), "journal"),
    "zeros in the header": (overwritten(0, bytes(100)), "journal"),
    "zeros in the schema": (overwritten(100, bytes(2000)), "journal"),
    "noise in the pages": (overwritten(4096, b"\xa5" * 4096), "journal"),
}
IDS = {
    "unknown": "nope",
    "empty": "",
    "SQL": "x' OR '1'='1",
    "a wildcard": "%",
    "a path": "../../etc/passwd",
    "a NUL": "m1\0",
    "an escape": "\x1b[2J",
    "a hundred thousand letters": "m" * 100_000,
    "half a character": "\udcff",
}
PROOFS = (
    "elsewhere",
    "-rf",
    "\x1b[2J",
    "a" * 100_000,
    f"qemu+ssh://root:{SECRET}@h/system",
    "a\0b",
    "\udcff",
)
COOKIES = {
    "nothing": b"",
    "bytes": bytes(range(256)),
    "a list": b"[]",
    "numbers": b'{"phase": 1}',
    "of another phase": b'{"phase": "finish", "world": "x", "uuid": "y"}',
    "brackets": b"[" * 100_000,
    "five megabytes": b'"' + b"x" * (5 << 20) + b'"',
    "a secret": f'{{"phase": "begin", "password": "{SECRET}"}}'.encode(),
    "no XML": b"<qemu-migration>",
    "another root": b"<domain/>",
    "another guest": b"<qemu-migration><uuid>x</uuid></qemu-migration>",
    "an entity": b"<!DOCTYPE q [<!ENTITY e 'x'>]><qemu-migration>&e;</qemu-migration>",
    "a thousand levels": b"<a>" * 1000 + b"</a>" * 1000,
}
HOSTILE_DOMAIN = (
    f"<qemu-migration><uuid>{UUID}</uuid><domain><name>web</name><uuid>{UUID}</uuid>"
    "<vcpu>1000000000</vcpu></domain></qemu-migration>"
)
BAD_ENVIRONMENT = {
    "a source that is none": (
        ("plan", "web", B),
        {"VIRTMIGRATE_CONNECT": "elsewhere"},
        "begin with",
        "BadInput",
        2,
    ),
    "a source like an option": (
        ("plan", "web", B),
        {"VIRTMIGRATE_CONNECT": "qemu+ssh://-oX=y/system"},
        "dash in front",
        "BadInput",
        2,
    ),
    "a source with a password": (
        ("plan", "web", B),
        {"VIRTMIGRATE_CONNECT": f"qemu+ssh://r:{SECRET}@h/system"},
        "password",
        "BadInput",
        2,
    ),
    "a state directory that is a device": (
        MIGRATE,
        {"VIRTMIGRATE_STATE_DIR": "/dev/null"},
        "/dev/null",
        "JournalError",
        5,
    ),
    "a state directory below a file": (
        MIGRATE,
        {"VIRTMIGRATE_STATE_DIR": "{dir}/input/x"},
        "Not a directory",
        "JournalError",
        5,
    ),
    "a state directory that can't be made": (
        MIGRATE,
        {"VIRTMIGRATE_STATE_DIR": "/proc/nowhere/x"},
        "/proc/nowhere",
        "JournalError",
        5,
    ),
    "a state directory of a long name": (
        MIGRATE,
        {"VIRTMIGRATE_STATE_DIR": "/tmp/" + "x" * 300},
        "too long",
        "JournalError",
        5,
    ),
    "no plugin allowed": (
        PLAN,
        {"VIRTMIGRATE_PLUGINS": ""},
        "not allowed",
        "UnknownHypervisor",
        2,
    ),
    "other plugins allowed": (
        PLAN,
        {"VIRTMIGRATE_PLUGINS": "virtmigrate-vz, elsewhere"},
        "not allowed",
        "UnknownHypervisor",
        2,
    ),
}


def _place(make):
    return lambda here: make(here / "state" / "journal.db")


def _journals():
    for make in PLACES:
        name = make.__name__.replace("_", " ")
        for command in (MIGRATE, ("status",)):
            if command == ("status",) and make not in HOLDING:
                continue  # there was never a journal: nothing is open
            yield Case(
                "journal's place",
                f"{command[-3:][0]}, {name}",
                command,
                "",
                "JournalError",
                UNTRUSTED,
                _place(make),
            )
    for name, (make, word) in GARBLED.items():
        yield Case(
            "journal", name, ("recover", DEAD), word, "JournalError", UNTRUSTED, make
        )


def _others():
    for name, wanted in IDS.items():
        for command in ("recover", "journal"):
            typed = (command, wanted)
            yield Case(
                "migration id",
                f"{command} {name}",
                typed,
                "no migration",
                "UnknownMigration",
                make=journal,
            )
    for more in (("--all",), ()):
        typed = ("recover", *((DEAD, *more) if more else ()))
        yield Case("migration id", f"recover {len(typed)}", typed, "name one migration")
    for proof in PROOFS:
        typed = ("recover", DEAD, f"--fence-proof={proof}")
        word = "is no host of migration"
        yield Case("fence proof", repr(proof[:12]), typed, word, make=journal)
    for name, cookie in COOKIES.items():
        yield Case(
            "cookie", name, MIGRATE, "cookie", "HostError", FAILED, cookie=cookie
        )
    yield Case(
        "cookie",
        "a hostile definition",
        MIGRATE,
        "vcpu",
        "BadInput",
        FAILED,
        cookie=HOSTILE_DOMAIN.encode(),
    )
    for name, (typed, variables, word, error, code) in BAD_ENVIRONMENT.items():
        yield Case("environment", name, typed, word, error, code, touch, variables)


def touch(here):
    (here / "input").touch()


CASES = [*_journals(), *_others()]
