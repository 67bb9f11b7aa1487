"""The record of each migration: intents before, records after, and who owns it.

`Journal` is what the engine needs; an orchestrator may hand in its own. A record that
is not durable yet rides along with the next one that is: an intent is never later
than what it announces, and a lost record only means that recovery looks again.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from virtmigrate.errors import JournalError, NotMovable, Side, UnknownMigration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from virtmigrate.plan import Plan

Body = dict[str, object]
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that carries a migration out.

    Attributes:
        pid: Its process id.
        started: Its start, clock ticks since boot (`/proc/PID/stat`, field 22).
        boot: The boot that both belong to.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(pid, _started(pid) or 0, _boot())

    def alive(self) -> bool:
        """Whether that very process still runs on this machine."""
        return self.boot == _boot() and _started(self.pid) == self.started


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = stat.rpartition(")")[2].split()
        # A zombie has ended; only its parent has not noticed.
        return None if state in "ZX" else int(rest[18])
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a migration's journal.

    Attributes:
        seq: From 1, without gaps.
        kind: `intent`, `record`, `commit`, `rollback`, `captured`, `end` …
        at: Seconds since the epoch.
        body: JSON data.
        crc: CRC-32 of the line before it and its own content.
    """

    seq: int
    kind: str
    at: float
    body: Body
    crc: int

    @classmethod
    def make(cls, seq: int, kind: str, at: float, body: Body, before: int) -> Record:
        """A record chained to the checksum of the one before (0 for the first)."""
        return cls(seq, kind, at, body, checksum(seq, kind, at, body, before))


def checksum(
    seq: int, kind: str, at: float, body: Mapping[str, object], before: int
) -> int:
    """CRC-32 over a record, chained."""
    line = json.dumps([seq, kind, at, body], sort_keys=True, separators=(",", ":"))
    return zlib.crc32(line.encode(), before)


@dataclass(frozen=True, slots=True)
class Entry:
    """One migration in the journal.

    Attributes:
        migration: Its id.
        guest: Name.
        uuid: Identity of the guest.
        source: URI, no secrets.
        destination: URI, no secrets.
        owner: Who carries it out.
        opened: Seconds since the epoch.
        closed: The same, None while it is open.
        outcome: How it ended, "" while somebody works on it; one that is open all the
            same waits for recovery.
        owed: What is still to be done once it can be; it holds no later migration up.
    """

    migration: str
    guest: str
    uuid: str
    source: str
    destination: str
    owner: Owner
    opened: float
    closed: float | None
    outcome: str
    owed: tuple[str, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether a living process works on it."""
        return self.closed is None and not self.outcome and self.owner.alive()


class Journal(Protocol):
    """What the engine writes to."""

    def open(self, migration: str, plan: Plan, at: float) -> None:
        """Begin a migration and claim its guest.

        Raises:
            NotMovable: The guest is claimed by a migration that is not closed.
            JournalError: It can't be written.
        """
        ...

    def append(
        self, migration: str, kind: str, at: float, body: Body, *, durable: bool
    ) -> None:
        """Add a record; a durable one is on disk, with all before it, on return."""
        ...

    def close(
        self,
        migration: str,
        outcome: str,
        at: float,
        *,
        settled: bool,
        owed: tuple[str, ...] = (),
    ) -> None:
        """End it; unless settled it stays open for recovery.

        Closing again replaces what is owed.
        """
        ...

    def take_over(self, migration: str) -> Entry:
        """Become the owner of an open migration whose owner died, or gave it up.

        Raises:
            NotMovable: Its owner, another process, works on it.
            UnknownMigration: There is none of this id.
        """
        ...

    def entries(self) -> list[Entry]:
        """All migrations, oldest first."""
        ...

    def plan(self, migration: str) -> Plan:
        """The plan of one.

        Raises:
            UnknownMigration: There is none of this id.
            JournalError: It can't be trusted.
        """
        ...

    def records(self, migration: str) -> list[Record]:
        """The records of one, checked.

        Raises:
            JournalError: Torn, garbled, or of a later version.
        """
        ...


def claimed(entry: Entry) -> NotMovable:
    """The refusal of a second migration of one guest."""
    gave_up = "it needs recovery" if entry.outcome else "its controller died"
    remedy = (
        f"wait for {entry.migration}, or cancel it"
        if entry.busy
        else f"{gave_up}: `virtmigrate recover {entry.migration}`"
    )
    return NotMovable(
        f"migration {entry.migration} of this guest is still open",
        side=Side.SOURCE,
        subject=entry.guest,
        remedy=remedy,
    )


class MemoryJournal:
    """A journal that lives as long as the process: for tests and benchmarks."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._plans: dict[str, Plan] = {}
        self._records: dict[str, list[Any]] = {}
        """Kind, moment and body of one record after the other. Not each in a tuple:
        what is kept for good is walked again and again by the garbage collector."""
        self._open: dict[str, str] = {}
        self._owner = Owner.me()

    def open(self, migration: str, plan: Plan, at: float) -> None:
        """Begin a migration and claim its guest."""
        uuid = plan.guest.uuid
        with self._lock:
            if uuid in self._open:
                raise claimed(self._entries[self._open[uuid]])
            self._entries[migration] = Entry(
                migration,
                plan.guest.name,
                uuid,
                plan.source.uri,
                plan.destination.uri,
                self._owner,
                at,
                None,
                "",
            )
            self._plans[migration] = plan
            self._records[migration] = []
            self._open[uuid] = migration

    def append(
        self, migration: str, kind: str, at: float, body: Body, *, durable: bool
    ) -> None:
        """Add a record; nothing here outlives the process."""
        del durable
        if (records := self._records.get(migration)) is None:
            raise unknown(migration)
        records += (kind, at, body)

    def close(
        self,
        migration: str,
        outcome: str,
        at: float,
        *,
        settled: bool,
        owed: tuple[str, ...] = (),
    ) -> None:
        """End it."""
        if (entry := self._entries.get(migration)) is None:
            raise unknown(migration)
        self._entries[migration] = replace(
            entry, closed=at if settled else None, outcome=outcome, owed=owed
        )
        if settled and self._open.get(entry.uuid) == migration:
            del self._open[entry.uuid]

    def take_over(self, migration: str) -> Entry:
        """Its owner is always this process."""
        if migration not in self._entries:
            raise unknown(migration)
        entry = self._entries[migration]
        if entry.closed is None:
            self._entries[migration] = replace(entry, outcome="")
        return entry

    def entries(self) -> list[Entry]:
        """All migrations, oldest first."""
        return list(self._entries.values())

    def plan(self, migration: str) -> Plan:
        """The plan of one."""
        if migration not in self._plans:
            raise unknown(migration)
        return self._plans[migration]

    def records(self, migration: str) -> list[Record]:
        """The records of one."""
        if migration not in self._records:
            raise unknown(migration)
        flat = self._records[migration]
        parts = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        # No checksum: what lives and dies with the process can't be torn.
        return [Record(seq, *record, 0) for seq, record in enumerate(parts, 1)]


def unknown(migration: str) -> UnknownMigration:
    """The error for an id that is not in the journal."""
    return UnknownMigration(
        f"no migration {migration[:64]!r} in the journal",
        subject=migration[:64],
        remedy="`virtmigrate journal` lists them",
    )


def refuse_claimed(journal: Callable[[], Journal], uuid: str) -> None:
    """Refuse a guest whose migration is open; a journal that can't say is no reason.

    Args:
        journal: Opens it.
        uuid: The guest's.

    Raises:
        NotMovable: It says whom to wait for.
    """
    try:
        entries = journal().entries()
    except JournalError:
        return
    for entry in entries:
        if entry.uuid == uuid and entry.closed is None:
            raise claimed(entry)
