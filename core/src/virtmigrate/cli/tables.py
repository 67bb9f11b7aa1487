"""Tables for people, and the data of a journal's entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from virtmigrate.journal import Entry

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Columns under headings; the last one takes what is left, and folds.

    Args:
        columns: Headings.
        rows: Cells, fit to be printed.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def entry_data(entry: Entry) -> dict[str, object]:
    """A migration in the journal, as JSON data. Moments in seconds since 1970."""
    alive = entry.owner.alive() and entry.closed is None
    return {
        "migration": entry.migration,
        "guest": entry.guest,
        "uuid": entry.uuid,
        "source": entry.source,
        "destination": entry.destination,
        "opened": entry.opened,
        "closed": entry.closed,
        "outcome": entry.outcome,
        "owed": list(entry.owed),
        "owner": {"pid": entry.owner.pid, "alive": alive},
        "needs_recovery": entry.closed is None and not entry.busy,
    }


def span(seconds: float) -> str:
    """A duration in its largest unit."""
    for unit_s, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
