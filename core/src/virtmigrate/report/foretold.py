"""The plan's forecast against what happened. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from virtmigrate.report import reading
from virtmigrate.wording import MIB, lasting, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.report.story import Story

    # What | how it is written | foretold | happened
    Row = tuple[str, Callable[[float], str], float | None, float | None]

UNKNOWN = "-"
VERDICTS = {
    "converges": "it converges",
    "needs": "not by itself",
    "cannot": "it can't",
    "unknown": "unknown",
}


def transfer_s(story: Story) -> float | None:
    """How long the transfer took, to the last page; None if it did not come to that."""
    if story.transfer_s is None or story.transferred_s is None:
        return None
    return max(0.0, story.transferred_s - story.transfer_s)


def dirty_mib_s(story: Story) -> float | None:
    """The median of what the guest rewrote, where that was told."""
    told = [p.dirty_mib_s for p in story.points if p.dirty_mib_s]
    return median(told) if told else None


def compared(story: Story) -> tuple[tuple[str, ...], ...]:
    """Rows of what, foretold, happened, difference; none without a forecast."""
    data = reading.inner(story.plan, "forecast")
    if not data:
        return ()
    result = story.result
    timing = reading.inner(result, "timing")
    way = reading.text(data, "way")
    verdict = reading.text(data, "verdict")
    verdict = VERDICTS.get(verdict, verdict) + (f", by {way}" if way else "")
    down = reading.number(result, "downtime_ms")
    stopped = reading.number(timing, "gap_ms") if down is None else down
    table: tuple[Row, ...] = (
        ("transfer", lasting, reading.number(data, "total_s"), transfer_s(story)),
        ("from call to return", lasting, reading.number(data, "whole_s"),
         _seconds(reading.number(timing, "total_ms"))),
        ("stop", lambda ms: f"{ms:.0f} ms", reading.number(data, "downtime_ms"),
         stopped),
        ("sent", lambda count: f"{plain(count / MIB)} MiB",
         reading.number(data, "sent_bytes", "bytes"),
         reading.number(result, "processed_bytes")),
        ("bandwidth", _rate, reading.number(data, "bandwidth_mib_s"),
         _mib(reading.number(result, "bandwidth_bytes_s"))),
        ("rewritten", _rate, reading.number(data, "dirty_mib_s"), dirty_mib_s(story)),
    )  # fmt: skip
    rows = [("verdict", verdict, story.outcome.partition(":")[0], "")]
    rows += [
        (name, _told(form, before), _told(form, after), _difference(before, after))
        for name, form, before, after in table
        if before is not None
    ]
    return tuple(rows)


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _mib(count: float | None) -> float | None:
    return None if count is None else count / MIB


def _rate(value: float) -> str:
    return f"{plain(value)} MiB/s"


def _told(form: Callable[[float], str], value: float | None) -> str:
    return UNKNOWN if value is None else form(value)


def _difference(before: float | None, after: float | None) -> str:
    """How far what happened is from what was foretold."""
    if not before or after is None:
        return ""
    return f"{100 * (after - before) / before:+.0f} %"
