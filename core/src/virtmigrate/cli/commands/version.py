"""`virtmigrate version`."""

from __future__ import annotations

import platform

import typer

from virtmigrate import __version__
from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import document


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("version", cls=TaughtCommand, epilog=epilog)(version)


def version(*, as_json: Json = False) -> None:
    """Say the version."""
    if as_json:
        document({"virtmigrate": __version__, "python": platform.python_version()})
    else:
        typer.echo(f"virtmigrate {__version__}")
