"""`virtmigrate settle`: do what migrations that are over still owe."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import DestinationAgain, Json, SourceAgain
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document, shown
from virtmigrate.cli.steering import Insecure
from virtmigrate.results import Paid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.results import Debt


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("settle", cls=TaughtCommand, epilog=epilog)(settle)


def settle(
    ctx: typer.Context,
    *,
    migration: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Only what this migration owes."),
    ] = None,
    source: SourceAgain = None,
    destination: DestinationAgain = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on until nothing is owed, or Ctrl-C."),
    ] = False,
    every: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="Between two rounds of --watch."),
    ] = 30.0,
    insecure: Insecure = None,
    as_json: Json = False,
) -> None:
    """Do what was put off, as far as its time has come. Safe to run again and again.

    A guest that was not to be persistent at its destination may have a definition
    there that can't go while it runs: it goes here, once the guest has stopped. What is
    still owed stays in the journal; `virtmigrate status` lists it.
    """
    ctx.obj.waive(insecure)
    if ctx.obj.journal() is None:
        _tell([], as_json=as_json)
        return
    migrator = ctx.obj.migrator()
    pause = threading.Event()
    while True:
        debts = migrator.settle(migration, source=source, destination=destination)
        owed = any(debt.state is Paid.OWED for debt in debts)
        if not (watch and owed):
            break
        pause.wait(every)
    _tell(debts, as_json=as_json)


def _tell(debts: Sequence[Debt], *, as_json: bool) -> None:
    if as_json:
        document({"debts": [debt.model_dump(mode="json") for debt in debts]})
        return
    lines = [
        f"{debt.state}: {debt.obligation} of {shown(debt.guest)} ({debt.migration}): "
        f"{shown(debt.why)}"
        for debt in debts
    ]
    answer(*(lines or ["nothing is owed"]))
