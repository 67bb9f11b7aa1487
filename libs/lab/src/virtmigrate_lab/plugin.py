"""Puts the lab's commands into the ``virtmigrate`` command, as ``virtmigrate lab``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def virtmigrate_cli(app: typer.Typer) -> None:
    """Add ``virtmigrate lab``."""
    from virtmigrate_lab.cli import app as lab  # noqa: PLC0415 - typer is dear

    app.add_typer(lab, name="lab")
