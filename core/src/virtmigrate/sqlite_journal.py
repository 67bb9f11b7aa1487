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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError
from virtmigrate.journal import Body, Entry, Owner, Record, checksum, claimed, unknown
from virtmigrate.plan import Plan
from virtmigrate.private_file import trusted
from virtmigrate.redact import redacted_json
from virtmigrate.sqlite_file import SEAL, SEALED, connect, crc_of, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = 16
"""About so many records wait for a durable one at most: COMMIT is one, and the guest
stands still meanwhile."""
_ENTRY = f"SELECT {SEALED}, seal, pid, started, boot FROM migration"  # noqa: S608


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
        self._wait_ms = int(1000 * wait_s)
        self._pending: dict[str, list[Record]] = {}
        self._last: dict[str, tuple[int, int]] = {}
        with self._errors():
            trusted(self.path, lambda fresh: connect(fresh, wait_s).close())
            self._db = connect(self.path, wait_s)
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
            crc_of(text),
            owner.pid,
            owner.started,
            owner.boot,
            at,
        )
        with self._errors(), transaction(self._db):
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
        """Add a record; a durable one is synced, with all that were waiting.

        A record that can't be written is not in the journal, and leaves no gap: what
        waited before it waits on.
        """
        with self._errors():
            seq, before = self._last.get(migration) or self._tail(migration)
            record = Record.make(seq + 1, kind, at, body, before)
            waiting = [*self._pending.get(migration, ()), record]
            if durable:
                with transaction(self._db):
                    self._insert(migration, waiting)
                waiting = []
            elif len(waiting) % WAITING == 0 and self._ahead(migration, waiting):
                waiting = []
            self._pending[migration] = waiting
            self._last[migration] = (record.seq, record.crc)

    def _ahead(self, migration: str, records: list[Record]) -> bool:
        """Write what nobody waits for, unless it would have to wait for another."""
        self._db.execute("PRAGMA busy_timeout=0")
        try:
            with transaction(self._db):
                self._insert(migration, records)
        except sqlite3.Error:
            return False  # the next durable one finds out whether it lasts
        finally:
            self._db.execute(f"PRAGMA busy_timeout={self._wait_ms}")
        return True

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
        statement = f"UPDATE migration SET seal={SEAL} WHERE id=?"  # noqa: S608 - ours
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
            with transaction(self._db):
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
        with self._errors(), transaction(self._db):
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
            if crc_of(text) != crc:
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


def _entry(row: tuple[object, ...]) -> Entry:
    """A row, if its seal holds."""
    *sealed, seal, pid, started, boot = row
    mid = str(sealed[0])
    if crc_of(*sealed) != seal:
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
