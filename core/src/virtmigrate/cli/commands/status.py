"""`virtmigrate status`: what is open in the journal. No host is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document
from virtmigrate.cli.tables import entry_data, span
from virtmigrate.debts import owes

if TYPE_CHECKING:
    from virtmigrate.journal import Entry


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("status", cls=TaughtCommand, epilog=epilog)(status)


def status(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the migrations that are not over or owe something, and who runs them.

    Only the journal is read: it answers at once even when a host hangs.
    """
    journal = ctx.obj.journal()
    entries = journal.entries() if journal else []
    running = [entry for entry in entries if entry.closed is None]
    owing = [entry for entry in entries if owes(entry)]
    if as_json:
        told = {"open": running, "owing": owing}
        document({name: [entry_data(e) for e in part] for name, part in told.items()})
        return
    if not running:
        answer("no open migrations")
    for entry in running:
        answer(*_lines(entry, time.time()))
    for entry in owing:
        answer(
            f"{entry.migration}: {entry.guest}, over, owes {', '.join(entry.owed)}",
            "  next: virtmigrate settle (once the guest has stopped, if it is to wait)",
        )


def _lines(entry: Entry, now: float) -> list[str]:
    died = entry.outcome or "its controller died"
    state = f"process {entry.owner.pid} carries it out" if entry.busy else died
    since = span(now - entry.opened)
    lines = [
        f"{entry.migration}: {entry.guest}, open for {since}: {state}",
        f"  from {entry.source}",
        f"  to {entry.destination}",
    ]
    if not entry.busy:
        lines.append(f"  next: virtmigrate recover {entry.migration}")
    return lines
