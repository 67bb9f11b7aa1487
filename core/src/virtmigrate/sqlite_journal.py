"""The default journal: one SQLite file, write-ahead log, synced at each commit.

Records are chained, and their migration's row says where the chain ends; the row itself
has a seal. So whatever is changed, taken out or cut off is seen, and refused: nothing
is decided by half a story. The owner is no part of the seal: it is looked up.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError
from virtmigrate.journal import Body, Entry, Owner, Record, checksum, claimed, unknown
from virtmigrate.plan import Plan
from virtmigrate.private_file import trusted
from virtmigrate.redact import redacted_json

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_SEALED = (
    "id, guest, uuid, source, destination, opened, closed, outcome, owed, plan_crc"
)
_SEAL = f"seal({_SEALED})"
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
        f"UPDATE migration SET seal={_SEAL}",  # noqa: S608 - columns of ours
    ),
}
"""Version to what brings a file of it to the next one; an empty file has version 0."""
_ENTRY = f"SELECT {_SEALED}, seal, pid, started, boot FROM migration"  # noqa: S608


def default_path() -> Path:
    """Where the journal is: `VIRTMIGRATE_STATE_DIR`, else the XDG state directory."""
    own = os.environ.get("VIRTMIGRATE_STATE_DIR")
    if own:
        return Path(own) / "journal.db"
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "virtmigrate" / "journal.db"


class SQLiteJournal:
    """Migrations in a file that outlives the process."""

    def __init__(self, path: Path | None = None, *, wait_s: float = 10.0) -> None:
        """Open or create the file.

        Args:
            path: The file; `default_path()` if None. Its directory is made 0700, the
                file 0600; a link, or a directory that others may write, is refused.
            wait_s: How long a lock of another process is waited for.

        Raises:
            JournalError: It can't be opened or trusted.
        """
        self.path = path or default_path()
        self._lock = threading.RLock()
        self._pending: dict[str, list[Record]] = {}
        self._last: dict[str, tuple[int, int]] = {}
        with self._errors():
            trusted(self.path, lambda fresh: _connect(fresh, wait_s).close())
            self._db = _connect(self.path, wait_s)
        # A file that its user forgot is closed too.
        weakref.finalize(self, self._db.close)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            msg = f"journal {self.path}: {error}"
            raise JournalError(msg, subject=str(self.path)) from error
        except UnicodeDecodeError as error:
            # What SQLite says of a broken file may quote its bytes.
            msg = f"journal {self.path}: it is garbled: {error.object!r}"
            raise JournalError(msg, subject=str(self.path)) from error

    def open(self, migration: str, plan: Plan, at: float) -> None:
        """Begin a migration and claim its guest, durably."""
        owner = Owner.me()
        row = (
            migration,
            plan.guest.name,
            plan.guest.uuid,
            plan.source.uri,
            plan.destination.uri,
            text := redacted_json(plan.model_dump(mode="json")),
            _crc(text),
            owner.pid,
            owner.started,
            owner.boot,
            at,
        )
        with self._errors(), _transaction(self._db):
            held = self._db.execute(
                f"{_ENTRY} WHERE uuid=? AND closed IS NULL", (plan.guest.uuid,)
            ).fetchone()
            if held:
                raise claimed(_entry(held))
            self._db.execute(
                "INSERT INTO migration (id, guest, uuid, source, destination, plan,"
                " plan_crc, pid, started, boot, opened)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                row,
            )
            self._seal(migration)
            self._last[migration] = (0, 0)

    def append(
        self, migration: str, kind: str, at: float, body: Body, *, durable: bool
    ) -> None:
        """Add a record; one transaction and one sync for all that were waiting.

        A record that can't be written is not in the journal, and leaves no gap: what
        waited before it waits on.
        """
        with self._errors():
            seq, before = self._last.get(migration) or self._tail(migration)
            record = Record.make(seq + 1, kind, at, body, before)
            waiting = [*self._pending.get(migration, ()), record]
            if durable:
                with _transaction(self._db):
                    self._insert(migration, waiting)
                waiting = []
            self._pending[migration] = waiting
            self._last[migration] = (record.seq, record.crc)

    def _tail(self, migration: str) -> tuple[int, int]:
        records = self.records(migration)
        return (records[-1].seq, records[-1].crc) if records else (0, 0)

    def _insert(self, migration: str, records: list[Record]) -> None:
        rows = [
            (migration, r.seq, r.kind, r.at, json.dumps(r.body), r.crc) for r in records
        ]
        self._db.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", rows)
        if records:
            self._db.execute(
                "UPDATE migration SET head_seq=?, head_crc=? WHERE id=?",
                (records[-1].seq, records[-1].crc, migration),
            )

    def _seal(self, migration: str) -> None:
        """To be called last where a row is changed."""
        statement = f"UPDATE migration SET seal={_SEAL} WHERE id=?"  # noqa: S608 - ours
        self._db.execute(statement, (migration,))

    def close(
        self,
        migration: str,
        outcome: str,
        at: float,
        *,
        settled: bool,
        owed: tuple[str, ...] = (),
    ) -> None:
        """End it; unless settled it stays open for recovery."""
        with self._errors():
            with _transaction(self._db):
                self._entry_of(migration)
                self._insert(migration, self._pending.get(migration, []))
                self._db.execute(
                    "UPDATE migration SET closed=?, outcome=?, owed=? WHERE id=?",
                    (at if settled else None, outcome, json.dumps(owed), migration),
                )
                self._seal(migration)
            self._pending.pop(migration, None)
            self._last.pop(migration, None)

    def take_over(self, migration: str) -> Entry:
        """Become the owner of an open migration whose owner died."""
        me = Owner.me()
        with self._errors(), _transaction(self._db):
            entry = self._entry_of(migration)
            if entry.closed is None:
                if entry.busy and entry.owner != me:
                    raise claimed(entry)
                self._db.execute(
                    "UPDATE migration SET pid=?, started=?, boot=?, outcome=''"
                    " WHERE id=?",
                    (me.pid, me.started, me.boot, migration),
                )
                self._seal(migration)
        return entry

    def _entry_of(self, migration: str) -> Entry:
        try:
            row = self._db.execute(f"{_ENTRY} WHERE id=?", (migration,)).fetchone()
        except UnicodeEncodeError:  # no id is like that: not even a file's name
            row = None
        if row is None:
            raise unknown(migration)
        return _entry(row)

    def release(self) -> None:
        """Close the file; harmless twice."""
        with self._errors():
            self._db.close()

    def entries(self) -> list[Entry]:
        """All migrations, oldest first."""
        with self._errors():
            rows = self._db.execute(f"{_ENTRY} ORDER BY opened, id").fetchall()
        return [_entry(row) for row in rows]

    def plan(self, migration: str) -> Plan:
        """The plan of one."""
        with self._errors():
            self._entry_of(migration)
            text, crc = self._db.execute(
                "SELECT plan, plan_crc FROM migration WHERE id=?", (migration,)
            ).fetchone()
        try:
            if _crc(text) != crc:
                raise _garbled(f"the plan of {migration}", migration)
            return Plan.model_validate_json(text)
        except ValueError as error:
            msg = f"the plan of {migration} can't be read"
            raise JournalError(msg, subject=migration) from error

    def records(self, migration: str) -> list[Record]:
        """The records of one, each checked against its chained checksum."""
        with self._errors():
            self._entry_of(migration)
            rows = self._db.execute(
                "SELECT seq, kind, at, body, crc FROM record WHERE migration=?"
                " ORDER BY seq",
                (migration,),
            ).fetchall()
            (end,) = self._db.execute(
                "SELECT head_seq, head_crc FROM migration WHERE id=?", (migration,)
            ).fetchall()
            waiting = list(self._pending.get(migration, []))
        found: list[Record] = []
        before = 0
        for number, (seq, kind, at, text, crc) in enumerate(rows, 1):
            try:
                body = json.loads(text)
                good = seq == number and checksum(seq, kind, at, body, before) == crc
            except (ValueError, TypeError, RecursionError):
                good = False
            if not good:
                raise _garbled(f"record {number} of {migration}", migration)
            found.append(Record(seq, kind, at, body, crc))
            before = crc
        if end != (len(found), before):
            raise _garbled(f"the end of {migration}", migration)
        return found + waiting


def _garbled(what: str, migration: str) -> JournalError:
    return JournalError(
        f"{what} is garbled",
        subject=migration,
        remedy="keep the file; look at both hosts",
    )


def _crc(*values: object) -> int:
    """CRC-32 of a row's values, as the file has them."""
    return zlib.crc32(repr(values).encode("utf-8", "replace"))


def _connect(path: Path, wait_s: float) -> sqlite3.Connection:
    """The file, opened, in our format; a file that can't be read is closed again."""
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=wait_s
    )
    db.create_function("crc32", 1, _crc, deterministic=True)
    db.create_function("seal", -1, _crc, deterministic=True)
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
    with _transaction(db):
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
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, synced at the end."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _entry(row: tuple[object, ...]) -> Entry:
    """A row, if its seal holds."""
    *sealed, seal, pid, started, boot = row
    mid = str(sealed[0])
    if _crc(*sealed) != seal:
        raise _garbled(f"the entry of {mid[:64]}", mid[:64])
    _, guest, uuid, source, destination, opened, closed, outcome, owed, _ = sealed
    try:
        return Entry(
            mid,
            str(guest),
            str(uuid),
            str(source),
            str(destination),
            Owner(int(str(pid)), int(str(started)), str(boot)),
            float(str(opened)),
            None if closed is None else float(str(closed)),
            str(outcome),
            _names(owed, mid),
        )
    except ValueError:
        raise _garbled(f"the entry of {mid[:64]}", mid[:64]) from None


def _names(text: object, migration: str) -> tuple[str, ...]:
    """A list of names, as JSON."""
    try:
        names = json.loads(str(text))
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        msg = f"what {migration} owes can't be read"
        raise JournalError(msg, subject=migration)
    return tuple(names)
