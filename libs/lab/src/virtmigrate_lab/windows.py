"""What the observer writes down of a guest: windows of about 100 ms. Pure.

A window is a stretch of beats from one host. Its longest silence is counted from the
last beat of the same guest on *any* host, so that the gap of a migration is a silence
like any other. Times are seconds of this machine's monotonic clock, one clock for
all hosts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from virtmigrate_lab.stream import DiskRecord, Record

STALL_S = 0.02
"""A silence that is written down one by one."""
BLOCK = 65536
DISORDER_S = 2.0
"""Windows of two hosts may be written out of order by less than this."""
OVERLAP_S = 0.03
"""Beats from two hosts closer than this may be the order in which they were read."""


@dataclass
class Window:
    """A stretch of beats from one host.

    Args:
        host: Where they came from.
        connection: Number of the connection, so that two guests can't be confused.
        first: Time of its first beat (s).
        last: Time of its last beat (s).
        beats: How many beats.
        lost: Beats missing between them.
        gap: From and to of the longest silence that ended in it (s).
        stalls: From and to of each silence of at least :data:`STALL_S`.
        record: What the guest said of itself right after its last beat, or None.
    """

    host: str
    connection: int
    first: float
    last: float
    beats: int = 0
    lost: int = 0
    gap: tuple[float, float] = (0.0, 0.0)
    stalls: list[tuple[float, float]] = field(default_factory=list)
    record: Record | None = None

    def beat(self, now: float, count: int, lost: int) -> None:
        """Add beats that were read at once."""
        self.last = now
        self.beats += count
        self.lost += lost

    def silence(self, before: float, now: float) -> None:
        """Add a silence between two beats."""
        if now - before > self.gap[1] - self.gap[0]:
            self.gap = (before, now)
        if now - before >= STALL_S:
            self.stalls.append((before, now))

    def to_line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"

    @classmethod
    def from_line(cls, line: bytes | str) -> Window:
        """Back from :meth:`to_line`."""
        data = json.loads(line)
        record = data.pop("record")
        gap = tuple(data.pop("gap"))
        stalls = [(start, end) for start, end in data.pop("stalls")]
        return cls(
            **data,
            gap=(gap[0], gap[1]),
            stalls=stalls,
            record=None if record is None else _record(record),
        )


def _record(data: dict[str, Any]) -> Record:
    disks = tuple(DiskRecord(**disk) for disk in data.pop("disks"))
    return Record(**data, disks=disks)


def newest_first(path: Path) -> Iterator[Window]:
    """The windows of a file from its end; an unfinished last line is left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        finished = False
        while position:
            size = min(BLOCK, position)
            position = file.seek(position - size)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines.pop(0)
            if not finished and lines:
                lines.pop()  # after the last newline: unfinished, or empty
                finished = True
            for line in reversed(lines):
                yield Window.from_line(line)
        if finished:
            yield Window.from_line(rest)


def read_windows(path: Path, since: float = 0.0) -> list[Window]:
    """The windows of a file that end after a time, oldest first."""
    found = []
    for window in newest_first(path):
        if window.last <= since - DISORDER_S:
            break
        if window.last > since:
            found.append(window)
    return found[::-1]


def silences(windows: Iterable[Window], since: float) -> Iterator[tuple[float, float]]:
    """The silences after a time, each clipped to it."""
    for window in windows:
        for start, end in {window.gap, *window.stalls}:
            if end > since:
                yield max(start, since), end


def longest_silence(windows: Iterable[Window], since: float) -> float:
    """The longest silence after a time, in seconds; 0 without any beat."""
    return max((end - start for start, end in silences(windows, since)), default=0.0)


def overlaps(windows: list[Window]) -> list[tuple[float, float]]:
    """When a guest beat on two hosts at once: it must never happen.

    Returns:
        From and to (s) of each stretch longer than :data:`OVERLAP_S`.
    """
    found = []
    ordered = sorted(windows, key=lambda window: window.first)
    for index, window in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.first >= window.last:
                break
            end = min(window.last, other.last)
            if other.host != window.host and end - other.first > OVERLAP_S:
                found.append((other.first, end))
    return found


@dataclass(frozen=True)
class Run:
    """A stretch in which a guest ran on one host without a silence.

    Args:
        host: Where.
        first: Time of its first beat (s).
        last: Time of its last beat (s).
        counter_first: The guest's counter at its first beat; None if unknown.
        counter_last: The guest's counter at its last beat; None if unknown.
    """

    host: str
    first: float
    last: float
    counter_first: int | None
    counter_last: int | None


def runs(windows: Iterable[Window], silence_s: float = 0.5) -> list[Run]:
    """Who ran when: stretches on one host with no silence as long as this.

    A guest that did nothing between two of them, unseen, begins the second at the
    counter after the one at which it ended the first.
    """
    found: list[Run] = []
    for window in sorted(windows, key=lambda window: window.first):
        if not window.beats:
            continue
        first, last = _counters(window, found[-1] if found else None)
        before = found[-1] if found else None
        joins = (
            before is not None
            and before.host == window.host
            and window.first - before.last < silence_s
            and window.gap[1] - window.gap[0] < silence_s
        )
        if before is None or not joins:
            found.append(Run(window.host, window.first, window.last, first, last))
        else:
            found[-1] = Run(
                *(window.host, before.first, window.last),
                *(before.counter_first, last),
            )
    return found


def _counters(window: Window, before: Run | None) -> tuple[int | None, int | None]:
    """The counter at a window's first and last beat."""
    beats = window.beats + window.lost
    if window.record is not None:
        return window.record.counter - beats + 1, window.record.counter
    if before is not None and before.counter_last is not None:
        return before.counter_last + 1, before.counter_last + beats
    return None, None
