"""One migration of the journal, by the beginning of its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate.journal import unknown

if TYPE_CHECKING:
    from virtmigrate.journal import Entry, Journal


def chosen(journal: Journal | None, wanted: str) -> Entry:
    """The migration whose id begins so.

    Args:
        journal: Where to look; None where there never was one.
        wanted: The id, or as much of it as is unique.

    Raises:
        UnknownMigration: None begins so.
        BadInput: Several do.
    """
    entries = journal.entries() if journal else []
    whole = [entry for entry in entries if entry.migration == wanted]
    found = whole or [entry for entry in entries if entry.migration.startswith(wanted)]
    if not wanted or not found:
        raise unknown(wanted)
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} migrations begin with {wanted!r}",
            subject=wanted,
            remedy="give more of the id",
        )
    return found[0]
