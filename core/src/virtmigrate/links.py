"""What went through between two hosts lately, and what moves took: from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError
from virtmigrate.forecast import Link
from virtmigrate.phases import Outcome
from virtmigrate.recovery import last_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.journal import Journal
    from virtmigrate.results import Result

MIB = 1 << 20
LOOKED_AT = 20
"""So many of the last migrations are asked, ..."""
ENOUGH = 5
"""... until so many tell: the middle of them counts."""
DIFFERENCES = "xbzrle"
"""Every other method compresses as it sends, and the link may wait for cores."""


def link_between(journal: Journal, here: str, there: str) -> Link | None:
    """What the last migrations between two hosts had, in either direction.

    Args:
        journal: Where migrations are recorded; one that can't be read knows nothing.
        here: A host's URI, no secrets.
        there: The other's.

    Returns:
        What is known; None = there was none.
    """
    found = _telling(_told(journal, {here, there}))
    if not found:
        return None
    rates = [result.bandwidth_bytes_s or 0 for result in found]
    around = [seconds for result in found if (seconds := _around_s(result)) is not None]
    last = f"as migration {found[0].migration} had it"
    many = f"the middle of the last {len(found)} migrations"
    return Link(
        _middle(rates) / MIB,
        last if len(found) == 1 else many,
        _middle(around) if around else None,
    )


def _told(journal: Journal, between: set[str]) -> Iterator[Result]:
    """Results that tell a rate, newest first, of the last that succeeded."""
    try:
        entries = journal.entries()
    except JournalError:
        return
    done = [
        entry
        for entry in reversed(entries)
        if {entry.source, entry.destination} == between
        and entry.outcome == Outcome.SUCCEEDED
    ]
    for entry in done[:LOOKED_AT]:
        try:
            result = last_result(journal.records(entry.migration))
        except JournalError:
            continue
        if result.bandwidth_bytes_s:
            yield result


def _telling(told: Iterator[Result]) -> list[Result]:
    """The newest by which the link is known: compressed ones only if no others are."""
    plain: list[Result] = []
    compressed: list[Result] = []
    for result in told:
        methods = set(result.effective.compression_methods or ())
        (compressed if methods - {DIFFERENCES} else plain).append(result)
        if len(plain) == ENOUGH:
            break
    return plain or compressed[:ENOUGH]


def _around_s(result: Result) -> float | None:
    """All of its time but what its bytes took at its rate; None = not told."""
    if not result.processed_bytes or not result.bandwidth_bytes_s:
        return None
    transfer_s = result.processed_bytes / result.bandwidth_bytes_s
    around_s = result.timing.total_ms / 1000 - transfer_s
    return around_s if around_s > 0 else None


def _middle(values: list[float] | list[int]) -> float:
    return float(sorted(values)[len(values) // 2])
