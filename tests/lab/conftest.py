"""Real hosts for every test in this folder, and the tools that they share."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from virtmigrate import Migrator, Options
from virtmigrate.events import Event, Progress
from virtmigrate.sqlite_journal import SQLiteJournal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from virtmigrate.handle import Handle
    from virtmigrate.results import Result
    from virtmigrate_lab import Lab

LONG_S = 120.0
SLOW_LINK_MIB_S = 12.0


class Watch:
    """An event sink that can be waited on."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._grown = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._grown:
            self.events.append(event)
            self._grown.notify_all()

    def wait(self, wanted: Callable[[Event], bool]) -> Event:
        """The first event like this, past or to come; a bounded wait."""
        until = time.monotonic() + LONG_S
        seen = 0
        with self._grown:
            while time.monotonic() < until:
                for event in self.events[seen:]:
                    if wanted(event):
                        return event
                seen = len(self.events)
                self._grown.wait(1.0)
        raise AssertionError("the event never came: " + repr(self.events[-5:]))

    def transferring(self) -> Event:
        """The transfer has begun and is not near its end."""
        return self.wait(
            lambda e: isinstance(e, Progress) and (e.processed_bytes or 0) > 1 << 20
        )

    def stalled(self, samples: int = 15) -> None:
        """So many samples in a row, from now on, have shown nothing more sent."""
        sent: list[int | None] = []
        began_ms = self.events[-1].at_ms

        def still(event: Event) -> bool:
            if isinstance(event, Progress) and event.at_ms > began_ms:
                sent.append(event.processed_bytes)
            return len(sent) >= samples and len(set(sent[-samples:])) == 1

        self.wait(still)

    def kinds(self) -> list[str]:
        """What came, in order."""
        return [event.kind for event in self.events]


class Rig:
    """A lab with a migrator, and short words for what tests do."""

    def __init__(self, lab: Lab, journal: SQLiteJournal) -> None:
        self.lab = lab
        self.watch = Watch()
        self.migrator = Migrator(journal=journal, sinks=[self.watch])
        self.a, self.b = (lab.hosts[name].uri for name in "ab")

    def move(self, guest: str, *, back: bool = False, **options: object) -> Result:
        """Move a guest from a to b (or back) and wait."""
        here, there = (self.b, self.a) if back else (self.a, self.b)
        return self.migrator.migrate(guest, here, there, Options.checked(options))

    def start(self, guest: str, **options: object) -> Handle:
        """Begin to move a guest from a to b over a slow link; it takes seconds."""
        self.lab.link_rate(SLOW_LINK_MIB_S)
        return self.migrator.start(guest, self.a, self.b, Options.checked(options))

    def state(self, host: str, guest: str) -> str:
        """What virsh says of a guest on a host; "" when it is not there."""
        names = self.lab.hosts[host].virsh("list", "--all", "--name").split()
        return (
            self.lab.hosts[host].virsh("domstate", guest).strip()
            if guest in names
            else ""
        )

    def persistent(self, host: str, guest: str) -> bool:
        """Whether it has a definition there."""
        names = self.lab.hosts[host].virsh("list", "--all", "--persistent", "--name")
        return guest in names.split()

    def runs_only_on(self, host: str, guest: str, since: float) -> None:
        """It runs there and nowhere else, has lost nothing, and never ran twice."""
        report = self.lab.guest_check(guest, since=since)
        assert report.ok, report.problems
        assert report.running_on == [host]


@pytest.fixture
def rig(lab: Lab, tmp_path: Path) -> Rig:
    """Two hosts, a migrator with a real journal."""
    journal = SQLiteJournal(tmp_path / "state" / "journal.db")
    return Rig(lab, journal)


@pytest.fixture
def guest(lab: Lab, guest_name: str) -> str:
    """A guest on host a that dirties memory at a modest rate."""
    lab.guest_start(
        guest_name, host="a", memory_mib=64, working_set_mib=8, dirty_rate_mib_s=4
    )
    return guest_name
