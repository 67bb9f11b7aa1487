"""`virtmigrate plugins`: what is installed, where it comes from, what is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document, shown
from virtmigrate.cli.tables import table

if TYPE_CHECKING:
    from virtmigrate.manager import PluginRecord


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("plugins", cls=TaughtCommand, epilog=epilog)(plugins)


def plugins(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the plugins, the URI schemes that they serve, and why one is not used."""
    rows = [_row(record) for record in ctx.obj.manager.records]
    if as_json:
        document({"plugins": rows})
        return
    if not rows:
        answer("no plugins; pip install virtmigrate-qemu, or virtmigrate-mock")
        return
    answer(
        table(
            ("plugin", "origin", "module", "URI schemes", "state"),
            [
                (
                    shown(row["name"]),
                    shown(row["origin"]),
                    shown(row["path"] or row["module"] or "-"),
                    shown(", ".join(_schemes(row)) or "-"),
                    shown(row["error"] or "in use"),
                )
                for row in rows
            ],
        )
    )


def _row(record: PluginRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "origin": record.origin,
        "module": record.module,
        "path": record.path,
        "hypervisors": [
            {"name": h.name, "schemes": sorted(h.schemes), "contract": h.contract}
            for h in record.hypervisors
        ],
        "error": record.error,
    }


def _schemes(row: dict[str, object]) -> list[str]:
    hypervisors = row["hypervisors"]
    if not isinstance(hypervisors, list):
        return []
    return [f"{scheme}:" for h in hypervisors for scheme in h["schemes"]]
