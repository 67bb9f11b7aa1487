"""What went through between two hosts the last time: from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError
from virtmigrate.phases import Outcome
from virtmigrate.recovery import last_result

if TYPE_CHECKING:
    from virtmigrate.journal import Journal

MIB = 1 << 20
LOOKED_AT = 20
"""So many of the last migrations are asked."""


def last_rate(journal: Journal, here: str, there: str) -> tuple[float, str] | None:
    """MiB/s of the last migration between two hosts, in either direction.

    Args:
        journal: Where migrations are recorded; one that can't be read knows nothing.
        here: A host's URI, no secrets.
        there: The other's.

    Returns:
        The rate, and whose it was; None = there was none.
    """
    try:
        entries = journal.entries()
    except JournalError:
        return None
    between = {here, there}
    done = [
        entry
        for entry in reversed(entries)
        if {entry.source, entry.destination} == between
        and entry.outcome == Outcome.SUCCEEDED
    ]
    for entry in done[:LOOKED_AT]:
        try:
            rate = last_result(journal.records(entry.migration)).bandwidth_bytes_s
        except JournalError:
            continue
        if rate:
            return rate / MIB, f"as migration {entry.migration} had it"
    return None
