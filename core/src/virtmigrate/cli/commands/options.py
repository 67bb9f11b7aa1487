"""`virtmigrate options`: the table of all options."""

from __future__ import annotations

from typing import Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.option_table import markdown, rows, sections
from virtmigrate.cli.output import answer, document
from virtmigrate.cli.tables import table


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("options", cls=TaughtCommand, epilog=epilog)(options)


def options(
    *,
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As the page docs/options.md.")
    ] = False,
) -> None:
    """List every option: what yes means, what no means, what neither means.

    How a host meets each is another question: see `capabilities URI`.
    """
    if as_json:
        document({"options": rows()})
    elif as_markdown:
        typer.echo(markdown(), nl=False)
    else:
        for heading, columns, lines in sections():
            answer(heading, table(columns, lines), "")
