"""What the observer writes down of a guest: windows of about 100 ms. Pure.

A window is a stretch of beats from one host. Its longest silence is counted from the
last beat of the same guest on *any* host, so that the gap of a migration is a silence
like any other. Times are seconds of this machine's monotonic clock, one clock for
all hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from virtmigrate_lab.stream import Record

STALL_S = 0.02
"""A silence that is written down one by one."""
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
        record: What the guest last said of itself in it, or None.
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
    def from_line(cls, line: str) -> Window:
        """Back from :meth:`to_line`."""
        data = json.loads(line)
        record = data.pop("record")
        gap = tuple(data.pop("gap"))
        stalls = [(start, end) for start, end in data.pop("stalls")]
        return cls(
            **data,
            gap=(gap[0], gap[1]),
            stalls=stalls,
            record=None if record is None else Record(**record),
        )


def read_windows(path: Path, since: float = 0.0) -> list[Window]:
    """All windows of a file that end after a time; an unfinished line is left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    lines = text.splitlines(keepends=True)
    windows = (Window.from_line(line) for line in lines if line.endswith("\n"))
    return [window for window in windows if window.last > since]


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
