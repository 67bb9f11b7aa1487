"""The default journal's file: its tables, its versions, its transactions."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 3
_SCHEMA = (
    """CREATE TABLE migration (
    id TEXT PRIMARY KEY, guest TEXT NOT NULL, uuid TEXT NOT NULL,
    source TEXT NOT NULL, destination TEXT NOT NULL, plan TEXT NOT NULL,
    pid INTEGER NOT NULL, started INTEGER NOT NULL, boot TEXT NOT NULL,
    opened REAL NOT NULL, closed REAL, outcome TEXT NOT NULL DEFAULT '',
    owed TEXT NOT NULL DEFAULT '[]', plan_crc INTEGER NOT NULL DEFAULT 0,
    seal INTEGER NOT NULL DEFAULT 0, head_seq INTEGER NOT NULL DEFAULT 0,
    head_crc INTEGER NOT NULL DEFAULT 0)""",
    "CREATE UNIQUE INDEX one_open_per_guest ON migration (uuid) WHERE closed IS NULL",
    """CREATE TABLE record (
    migration TEXT NOT NULL REFERENCES migration (id), seq INTEGER NOT NULL,
    kind TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (migration, seq)) WITHOUT ROWID""",
)
SEALED = "id, guest, uuid, source, destination, opened, closed, outcome, owed, plan_crc"
SEAL = f"seal({SEALED})"
_FROM: dict[int, tuple[str, ...]] = {
    0: _SCHEMA,
    1: ("ALTER TABLE migration ADD COLUMN owed TEXT NOT NULL DEFAULT '[]'",),
    2: (
        *(
            f"ALTER TABLE migration ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0"
            for name in ("plan_crc", "seal", "head_seq", "head_crc")
        ),
        "UPDATE migration SET plan_crc=crc32(plan)",
        """UPDATE migration SET (head_seq, head_crc) = (SELECT seq, crc FROM record
        WHERE migration=id ORDER BY seq DESC LIMIT 1)
        WHERE id IN (SELECT migration FROM record)""",
        f"UPDATE migration SET seal={SEAL}",  # noqa: S608 - columns of ours
    ),
}
"""Version to what brings a file of it to the next one; an empty file has version 0."""


def crc_of(*values: object) -> int:
    """CRC-32 of a row's values, as the file has them."""
    return zlib.crc32(repr(values).encode("utf-8", "replace"))


def connect(path: Path, wait_s: float) -> sqlite3.Connection:
    """The file, opened, in our format; a file that can't be read is closed again."""
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=wait_s
    )
    db.create_function("crc32", 1, crc_of, deterministic=True)
    db.create_function("seal", -1, crc_of, deterministic=True)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if _version(db) != VERSION:
            _bring_up(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    """An empty file, or one of an earlier version, to this version."""
    with transaction(db):
        version = _version(db)  # another process may have been faster
        if version == VERSION:
            return
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version > VERSION or (tables and not version):
            msg = f"journal {path} has version {version}, this reads {VERSION}"
            raise JournalError(msg, subject=str(path), remedy="use a newer virtmigrate")
        if version < 0:
            raise sqlite3.DatabaseError(f"its version is {version}")
        for step in range(version, VERSION if version else 1):
            for statement in _FROM[step]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={VERSION}")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, synced at the end."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
