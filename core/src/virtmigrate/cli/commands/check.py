"""`virtmigrate check`: the pre-flight alone, everything that is in the way at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from virtmigrate.cli.arguments import (
    Destination,
    GuestName,
    Json,
    Source,
    VirshCommand,
)
from virtmigrate.cli.faults import REFUSED
from virtmigrate.cli.output import document
from virtmigrate.cli.request import read
from virtmigrate.cli.steering import Ignore, Insecure, Rehearse
from virtmigrate.cli.tables import show
from virtmigrate.cli.waiting import asking
from virtmigrate.explain import checked
from virtmigrate.plan import Level

if TYPE_CHECKING:
    from virtmigrate.plan import Report

HELP = """Say everything that stands in the way of moving a guest. Nothing is touched.

All plugins look at both hosts. What they find is told at once, each finding with its
level, its side, and what to do: a blocker refuses the move, a warning lets it through,
a note only says so. It is the plan of a bare request without its options and steps:
`plan` and `explain` show those, and what options add.

What no host can be asked about (open ports, certificates, the login of the source's
daemon) a guest of no worth tries with --rehearse; `plan` does so with its options.

With a blocker the exit code is 2, else 0. --ignore WARNING hides one that is known; it
is still there in --json, marked.
"""


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("check", cls=VirshCommand, help=HELP, epilog=epilog)(check)


def check(
    ctx: typer.Context,
    *,
    guest: GuestName,
    destination: Destination,
    source: Source = None,
    ignore: Ignore = None,
    insecure: Insecure = None,
    rehearse: Rehearse = False,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    words: dict[str, object] = {
        "ignore": ignore,
        "insecure": insecure,
        "rehearse": rehearse,
    }
    request = read(ctx.obj, guest, source, destination, words)
    migrator = ctx.obj.migrator()
    call = migrator.check
    report = asking(lambda: call(**request.arguments()), "asking both hosts")
    if as_json:
        document(_data(report))
    else:
        show(checked(report))
    raise typer.Exit(0 if report.ok else REFUSED)


def _data(report: Report) -> dict[str, object]:
    parts = {"guest", "source", "destination", "rehearsal"}
    told = report.model_dump(mode="json", include=parts)
    findings = {
        level.value: [finding.model_dump(mode="json") for finding in report.of(level)]
        for level in Level
    }
    return {"ok": report.ok, **told, "findings": findings}
