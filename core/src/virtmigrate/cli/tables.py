"""Tables for people, and the data of a journal's entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from virtmigrate.cli.output import answer, console, shown
from virtmigrate.explain import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from virtmigrate.explain import Part
    from virtmigrate.journal import Entry

STYLES = {"blocker": "red", "refused": "red", "warning": "yellow"}
"""Cells that should not be overlooked."""
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
        made.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return made


def show(told: Iterable[Part]) -> None:
    """Text and tables on stdout: tables that fit a terminal, plain lines in a pipe.

    Raises:
        Unread: Nobody reads it any more.
    """
    if not console(stderr=False).is_terminal:
        answer(text(told))
        return
    shapes: list[RenderableType] = []
    for part in told:
        if isinstance(part, str):
            shapes += [part, ""]
            continue
        if part.rows:
            shapes.append(table(part.columns, map(_cells, part.rows)))
        shapes += [f"  {part.rest}", ""] if part.rest else [""]
    answer(*shapes[:-1])


def _cells(row: Iterable[str]) -> tuple[str, ...]:
    return tuple(shown(cell) for cell in row)


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
