"""Puts a journal's records on one time axis. Pure.

A record has the wall clock's time, which can be set while a migration runs; samples and
actions also carry milliseconds since the start. The latter win, and between them the
wall clock is taken for what has passed since. Nothing is later than the migration's end
by its own count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.report import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.journal import Record
    from virtmigrate.report.reading import Json


@dataclass(frozen=True, slots=True)
class Moment:
    """A record on the time axis.

    Attributes:
        at_s: Seconds since the migration's start; never less than that of the record
            before.
        kind: Of the record.
        body: Its data, cleaned.
    """

    at_s: float
    kind: str
    body: Json


def timeline(records: Sequence[Record], opened: float) -> tuple[Moment, ...]:
    """The records, oldest first.

    Args:
        records: As they stand in the journal.
        opened: When the migration began, seconds since 1970.
    """
    moments: list[Moment] = []
    start, last, most = opened, 0.0, _length(records)
    for record in records:
        body = reading.clean(record.body)
        body = body if isinstance(body, dict) else {}
        told_ms = reading.number(body, "at_ms")
        wall = record.at if math.isfinite(record.at) else start + last
        if told_ms is not None:
            start = wall - told_ms / 1000
        at_s = wall - start if told_ms is None else told_ms / 1000
        last = min(max(last, at_s), most)
        moments.append(Moment(last, record.kind, body))
    return tuple(moments)


def _length(records: Sequence[Record]) -> float:
    """Seconds from start to end by the result's own count; endless without one."""
    for record in reversed(records):
        if record.kind == "end" and isinstance(record.body, dict):
            timing = reading.inner(reading.inner(record.body, "result"), "timing")
            total_ms = reading.number(timing, "total_ms")
            return math.inf if total_ms is None else total_ms / 1000
    return math.inf
