"""`virtmigrate plan`: what `migrate` would do, with nothing touched."""

from __future__ import annotations

import json

import typer

from virtmigrate.cli.arguments import (
    Destination,
    GuestName,
    Json,
    Source,
    VirshCommand,
    with_options,
)
from virtmigrate.cli.output import document
from virtmigrate.cli.request import read
from virtmigrate.cli.steering import MEASURE_S
from virtmigrate.cli.tables import show
from virtmigrate.cli.waiting import asking
from virtmigrate.explain import parts

HELP = """Say what `migrate` would do with the same words. Nothing is touched.

But where a guest has disks, an empty file is made in the pool of each image, to see
whether the other host sees it, and deleted. And with --rehearse a guest of no worth
goes the way that the real one would take, and is ended.

For each option: what was asked, what will be in effect, and how: native (the hypervisor
does it), inherent (it is always so), emulated (steps of ours make it so), deferred (it
is owed). Then how the transfer is expected to go, from five seconds of measuring what
the guest writes (--measure 0: don't). Then the steps, in order, and what takes each
back. Whatever stands in the way is told at once: exit code 2. `explain` shows the same
of a plan that is refused, or that was made before.
"""


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("plan", cls=VirshCommand, help=HELP, epilog=epilog)(plan)


@with_options
def plan(
    ctx: typer.Context,
    *,
    guest: GuestName,
    destination: Destination,
    source: Source = None,
    as_json: Json = False,
    **words: object,
) -> None:
    """See `HELP`."""
    request = read(ctx.obj, guest, source, destination, words, measure_s=MEASURE_S)
    migrator = ctx.obj.migrator()
    made = asking(lambda: migrator.plan(**request.arguments()), "asking both hosts")
    if as_json:
        document({"digest": made.digest(), **json.loads(made.model_dump_json())})
    else:
        show(parts(made))
