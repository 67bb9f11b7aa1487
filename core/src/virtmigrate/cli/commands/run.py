"""`virtmigrate run`: carry out a plan that was made, and looked at, before."""

from __future__ import annotations

import json
import threading
from typing import Annotated

import typer

from virtmigrate.cli.arguments import DestinationAgain, Json, SourceAgain
from virtmigrate.cli.conduct import Conductor
from virtmigrate.cli.files import content
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import document, say
from virtmigrate.cli.progress import display
from virtmigrate.cli.steering import Insecure
from virtmigrate.cli.telling import summary
from virtmigrate.handle import Handle, new_id
from virtmigrate.plan_file import MOST_BYTES, read_plan
from virtmigrate.results import Result


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("run", cls=TaughtCommand, epilog=epilog)(run)


def run(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What `plan --json` wrote.")
    ],
    *,
    source: SourceAgain = None,
    destination: DestinationAgain = None,
    insecure: Insecure = None,
    as_json: Json = False,
) -> None:
    """Carry out a plan of `plan --json`, if hosts and guest are still as it says.

    It is planned anew, and refused unless the same comes out: what somebody looked at
    and agreed to is what is done, or nothing is.
    """
    ctx.obj.waive(insecure)
    text = content(
        file, MOST_BYTES, option="FILE", subject="plan", what="`plan --json`'s output"
    )
    plan = read_plan(text)
    conductor = Conductor([display(verbose=False, quiet=False)])
    migrator = ctx.obj.migrator(conductor.sink)

    def carry_out(cancel: threading.Event) -> Result:
        result: Result = migrator.run(
            plan, source=source, destination=destination, cancel=cancel
        )
        return result

    result = conductor.run(lambda: Handle(new_id(), carry_out))
    say(summary(result, plan.settlement.asked()))
    if as_json:
        document(json.loads(result.model_dump_json()))
    raise typer.Exit(result.outcome.exit_code)
