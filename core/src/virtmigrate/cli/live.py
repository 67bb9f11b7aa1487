"""A running migration on one line that fits the terminal. Pure: events in, text out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from virtmigrate import events
from virtmigrate.cli.output import shown
from virtmigrate.wording import about, mib

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HISTORY_MAX = 256
"""Points that a sparkline is made of; a longer history is thinned."""
SPARK_WIDTH, BAR_WIDTH, NAME_MAX = 10, 10, 16
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
FULL, EMPTY, ASCII_FULL, ASCII_EMPTY = "━", "─", "#", "-"
GAP = "  "
PERFORM = "perform"


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one migration so far.

    Attributes:
        guest: Its name; "" before it has begun.
        phase: The phase that runs.
        percent: 0-100, the highest that was told: never less than before.
        last: The last reading.
        lefts: (ms since the start, bytes left), oldest first.
    """

    guest: str = ""
    phase: str = "plan"
    percent: float | None = None
    last: events.Progress | None = None
    lefts: tuple[tuple[float, int], ...] = ()

    def after(self, event: events.Event) -> Track:
        """The same after something has happened."""
        if isinstance(event, events.Started):
            return Track(guest=event.guest, phase=self.phase)
        if isinstance(event, events.StepStarted):
            return replace(self, phase=event.phase.value)
        if isinstance(event, events.Progress):
            return self._read(event)
        return self

    def _read(self, event: events.Progress) -> Track:
        percent = self.percent
        if event.percent is not None:
            percent = max(percent or 0.0, min(100.0, event.percent))
        # Memory begins where the disks are through: another course.
        turned = self.last is not None and mirrors(self.last) != mirrors(event)
        lefts = () if turned else self.lefts
        if event.remaining_bytes is not None:
            lefts = (*lefts, (event.at_ms, event.remaining_bytes))
        if len(lefts) > HISTORY_MAX:
            lefts = (*lefts[:-1:2], lefts[-1])
        return replace(self, percent=percent, last=event, lefts=lefts)


@dataclass(frozen=True, slots=True)
class Style:
    """How a line is drawn.

    Attributes:
        width: Columns of the terminal.
        ascii: Whether it has no more than ASCII.
        named: Whether the guest's name matters: several are shown.
        elapsed_s: How long it has been shown, seconds.
    """

    width: int
    ascii: bool = False
    named: bool = False
    elapsed_s: float = 0.0


def line(track: Track, style: Style) -> str:
    """All that fits in one line; the least important columns go first."""
    cells = [(rank, text) for rank, column in COLUMNS if (text := column(track, style))]
    while len(cells) > 1 and _length(cells) > style.width:
        cells.remove(max(cells, key=lambda cell: cell[0]))
    return GAP.join(text for _, text in cells)[: style.width].rstrip()


def _length(cells: Sequence[tuple[int, str]]) -> int:
    return sum(len(text) for _, text in cells) + len(GAP) * (len(cells) - 1)


def spark(
    lefts: Sequence[tuple[float, int]], width: int = SPARK_WIDTH, blocks: str = BLOCKS
) -> str:
    """What is left over time, as a row of blocks; "" before there is a course.

    Args:
        lefts: (ms, bytes), oldest first.
        width: Blocks at most; each stands for the same stretch of time.
        blocks: From the lowest to the highest.
    """
    if len(lefts) < 2:  # noqa: PLR2004 - one point has no course
        return ""
    start, end = lefts[0][0], lefts[-1][0]
    top = max(left for _, left in lefts)
    if end <= start or top <= 0:
        return ""
    row: list[int | None] = [None] * min(width, len(lefts))
    for at_ms, left in lefts:
        index = int((at_ms - start) / (end - start) * (len(row) - 1) + 0.5)
        # The latest counts: the last block is what is left now.
        row[min(max(index, 0), len(row) - 1)] = left
    text, level = "", 0
    for last in row:
        # Where nothing was read it was as before.
        level = level if last is None else last * (len(blocks) - 1) // top
        text += blocks[level]
    return text


def _bar(track: Track, style: Style) -> str:
    full, empty = (ASCII_FULL, ASCII_EMPTY) if style.ascii else (FULL, EMPTY)
    if track.percent is None:
        return ""
    done = int(track.percent / 100 * BAR_WIDTH)
    return full * done + empty * (BAR_WIDTH - done)


def _percent(track: Track, style: Style) -> str:
    return "" if track.percent is None else f"{track.percent:3.0f} %"


def mirrors(event: events.Progress) -> bool:
    """Whether disks are copied, and memory has not begun: the figures are theirs."""
    return bool(event.disk_total_bytes) and (
        event.disk_total_bytes == event.total_bytes
    )


def _disks(track: Track, style: Style) -> str:
    """How much of the disks is there, while it is their turn."""
    last = track.last
    if last is None or not mirrors(last):
        return ""
    return f"disks {done(last)}"


def done(event: events.Progress) -> str:
    """How much of the disks is there; what is rewritten counts anew."""
    total, left = event.disk_total_bytes or 0, event.disk_remaining_bytes
    if left is None or not total:
        return "on their way"
    return f"{100 * (1 - min(left, total) / total):.0f} %"


def _left(track: Track, style: Style) -> str:
    last = track.last
    if last is None or last.remaining_bytes is None:
        return ""
    return f"{mib(last.remaining_bytes):>5} MiB left"


def _spark(track: Track, style: Style) -> str:
    blocks = ASCII_BLOCKS if style.ascii else BLOCKS
    return f"{spark(track.lefts, blocks=blocks):<{SPARK_WIDTH}}" if track.lefts else ""


def _rates(track: Track, style: Style) -> str:
    last = track.last
    if last is None or last.bandwidth_bytes_s is None:
        return ""
    return f"{mib(last.bandwidth_bytes_s):>4} MiB/s"


def _dirty(track: Track, style: Style) -> str:
    last = track.last
    if last is None or last.dirty_bytes_s is None:
        return ""
    return f"dirty {mib(last.dirty_bytes_s):>4}"


def _passes(track: Track, style: Style) -> str:
    return f"pass {track.last.iteration}" if track.last and track.last.iteration else ""


def _outlook(track: Track, style: Style) -> str:
    """How long it will take, while that is a question."""
    if track.last is None or track.phase != PERFORM:
        return ""
    return ahead(track.last)


def _throttle(track: Track, style: Style) -> str:
    last = track.last
    taken = last.throttle_percent if last else None
    return f"throttle {taken} %" if taken else ""


def _postcopy(track: Track, style: Style) -> str:
    return "post-copy" if track.last and track.last.postcopy else ""


def ahead(event: events.Progress) -> str:
    """The predicted end of a transfer; `unknown` where nothing can be said."""
    if event.converges is False and not event.postcopy:
        return "won't converge"
    if event.remaining_s is None or not math.isfinite(event.remaining_s):
        return "end unknown"
    return f"~{about(event.remaining_s)} to go"


def _elapsed(track: Track, style: Style) -> str:
    minutes, seconds = divmod(int(style.elapsed_s), 60)
    return f"{minutes}:{seconds:02}"


def _name(track: Track, style: Style) -> str:
    name = shown(track.guest)
    name = name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}~"
    return f"{name:<{NAME_MAX}}" if style.named else ""


# In the order in which they stand; the number says how early one is dropped: the
# highest first.
COLUMNS: tuple[tuple[int, Callable[[Track, Style], str]], ...] = (
    (1, _name),
    (0, lambda track, style: f"{track.phase:<7}"),
    (11, _bar),
    (2, _percent),
    (3, _postcopy),
    (4, _disks),
    (6, _left),
    (8, _spark),
    (7, _rates),
    (9, _dirty),
    (10, _passes),
    (12, _throttle),
    (5, _outlook),
    (13, _elapsed),
)
