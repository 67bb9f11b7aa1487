"""`virtmigrate recover`: end a migration whose controller died."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.conduct import Conductor
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import document, say
from virtmigrate.cli.progress import display
from virtmigrate.cli.telling import summary
from virtmigrate.handle import Handle

if TYPE_CHECKING:
    from virtmigrate.results import Result

GOES_ON = "recovery goes on to its end. Ctrl-C again leaves at once; run it again then."


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("recover", cls=TaughtCommand, epilog=epilog)(recover)


def recover(
    ctx: typer.Context,
    *,
    migration: Annotated[
        str, typer.Argument(metavar="ID", help="As `virtmigrate status` shows it.")
    ],
    source: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The source, if its URI had a password."),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The destination, if its URI had one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a migration to an end whose controller died. Safe to run twice.

    Both hosts are looked at, and what they show decides with what the journal says:
    forward, back, or hands off where the truth can't be seen. A migration that is
    over already is told again, and nothing is done.
    """
    conductor = Conductor([display(verbose=False, quiet=False)], first=GOES_ON)
    migrator = ctx.obj.migrator(conductor.sink)
    result: Result = conductor.run(
        lambda: Handle(
            migration,
            # Not to be cancelled: it only does what both hosts allow.
            lambda _: migrator.recover(
                migration, source=source, destination=destination
            ),
        )
    )
    say(summary(result))
    if as_json:
        document(json.loads(result.model_dump_json()))
    raise typer.Exit(result.outcome.exit_code)
