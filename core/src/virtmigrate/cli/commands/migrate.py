"""`virtmigrate migrate`: plan, carry out, show, and say how it ended."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated

import typer

from virtmigrate.cli.arguments import (
    Destination,
    GuestName,
    Json,
    Source,
    VirshCommand,
    with_options,
)
from virtmigrate.cli.conduct import Conductor
from virtmigrate.cli.output import Unread, document, say
from virtmigrate.cli.progress import Display, EventLines, display
from virtmigrate.cli.request import read
from virtmigrate.cli.telling import summary
from virtmigrate.errors import BadInput

HELP = """Move a guest to another host.

Every option is yes, no, or whatever is the default: --compressed, --no-compressed,
neither. A bare request is a move: live if it runs, its configuration goes with it, and
it does at the destination what it did at the source. `plan` shows all of that without
touching anything.

It ends within limits that were stated (--policy, --max-downtime, --max-time): it has
moved, or it is taken back and the limit is named. What could hurt the guest on the way
is done with consent only (--allow-postcopy, --allow-pause, --allow-throttle).

Ctrl-C cancels and takes back what was begun; a second one leaves at once.
"""


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("migrate", cls=VirshCommand, help=HELP, epilog=epilog)(migrate)


@with_options
def migrate(
    ctx: typer.Context,
    *,
    guest: GuestName,
    destination: Destination,
    source: Source = None,
    as_json: Json = False,
    as_events: Annotated[
        bool, typer.Option("--events", help="Each event as a line of JSON on stdout.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line each second, and no bar.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only how it ends, and faults.")
    ] = False,
    **words: object,
) -> None:
    """See `HELP`."""
    _refuse_both("--json", "--events", both=as_json and as_events)
    _refuse_both("--verbose", "--quiet", both=verbose and quiet)
    request = read(ctx.obj, guest, source, destination, words)
    displays: list[Display] = [display(verbose=verbose, quiet=quiet)]
    if as_events:
        displays.append(EventLines())
    conductor = Conductor(displays)
    migrator = ctx.obj.migrator(conductor.sink)
    result = conductor.run(lambda: migrator.start(**request.arguments()))
    say(summary(result, request.options))
    if as_json:
        # Nobody may read it any more: how it ended is in the exit code still.
        with suppress(Unread):
            document(json.loads(result.model_dump_json()))
    raise typer.Exit(result.outcome.exit_code)


def _refuse_both(one: str, other: str, *, both: bool) -> None:
    if both:
        raise BadInput(
            f"{one} and {other} exclude each other",
            subject=one.lstrip("-"),
            remedy="give one of them",
        )
