"""`virtmigrate status`: what is open in the journal. No host is asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document, shown
from virtmigrate.cli.tables import entry_data, span, table

if TYPE_CHECKING:
    from virtmigrate.journal import Entry


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("status", cls=TaughtCommand, epilog=epilog)(status)


def status(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the migrations that are not over, and whether somebody still runs them.

    Only the journal is read: it answers at once even when a host hangs.
    """
    journal = ctx.obj.journal()
    entries = journal.entries() if journal else []
    running = [entry for entry in entries if entry.closed is None]
    if as_json:
        document({"open": [entry_data(entry) for entry in running]})
        return
    if not running:
        answer("no open migrations")
        return
    now = time.time()
    answer(
        table(
            ("migration", "guest", "since", "state", "from, to"),
            [
                (
                    shown(entry.migration),
                    shown(entry.guest),
                    span(now - entry.opened),
                    _state(entry),
                    f"{shown(entry.source)}\n{shown(entry.destination)}",
                )
                for entry in running
            ],
        )
    )
    for entry in running:
        if not entry.owner.alive():
            answer(f"virtmigrate recover {shown(entry.migration)}")


def _state(entry: Entry) -> str:
    if entry.owner.alive():
        return f"running in process {entry.owner.pid}"
    return shown(entry.outcome) or "its controller died: recover it"
