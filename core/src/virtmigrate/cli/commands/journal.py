"""`virtmigrate journal`: all migrations, or what was done in one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.choosing import chosen
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document, line_of, shown
from virtmigrate.cli.tables import entry_data, table

if TYPE_CHECKING:
    from virtmigrate.journal import Entry, Journal, Record

BODY_MAX = 300


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("journal", cls=TaughtCommand, epilog=epilog)(journal)


def journal(
    ctx: typer.Context,
    migration: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A migration, or how its id begins."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List all migrations, oldest first; or all that was recorded of one."""
    kept = ctx.obj.journal()
    if migration is not None:
        entry = chosen(kept, migration)
        if kept is not None:
            _one(kept, entry, as_json=as_json)
        return
    entries = kept.entries() if kept else []
    if as_json:
        document({"migrations": [entry_data(entry) for entry in entries]})
    elif not entries:
        answer("no migrations yet")
    else:
        answer(table(("migration", "opened", "guest", "outcome"), _listed(entries)))


def _listed(entries: list[Entry]) -> list[tuple[str, ...]]:
    return [
        (
            shown(entry.migration),
            _moment(entry.opened),
            shown(entry.guest),
            shown(entry.outcome or ("open" if entry.closed is None else "-")),
        )
        for entry in entries
    ]


def _one(kept: Journal, entry: Entry, *, as_json: bool) -> None:
    records = kept.records(entry.migration)
    if as_json:
        plan = json.loads(kept.plan(entry.migration).model_dump_json())
        lines = [
            {"seq": r.seq, "kind": r.kind, "at": r.at, "body": r.body} for r in records
        ]
        document({**entry_data(entry), "plan": plan, "records": lines})
        return
    answer(
        f"{entry.migration}: {entry.guest} ({entry.uuid})",
        f"  from {entry.source}",
        f"  to {entry.destination}",
        f"  opened {_moment(entry.opened)}, "
        + (f"closed {_moment(entry.closed)}" if entry.closed else "not closed")
        + (f": {entry.outcome}" if entry.outcome else ""),
        "",
        table(("#", "ms", "record", "what"), _records(records)),
    )


def _records(records: list[Record]) -> list[tuple[str, ...]]:
    start = records[0].at if records else 0.0
    return [
        (
            str(record.seq),
            f"{(record.at - start) * 1000:.0f}",
            shown(record.kind),
            _brief(record.body),
        )
        for record in records
    ]


def _brief(body: dict[str, object]) -> str:
    parts = [
        f"{key}={value if isinstance(value, str) else line_of(value)}"
        for key, value in body.items()
        if value not in ({}, [], None)
    ]
    text = shown(" ".join(parts))
    return text if len(text) <= BODY_MAX else f"{text[:BODY_MAX]} … (--json has all)"


def _moment(at: float) -> str:
    local = datetime.fromtimestamp(at, UTC).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S")
