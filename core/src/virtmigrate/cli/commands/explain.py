"""`virtmigrate explain`: a plan as tables, made now, written down, or refused."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json, Source, VirshCommand, with_options
from virtmigrate.cli.choosing import chosen
from virtmigrate.cli.faults import REFUSED
from virtmigrate.cli.files import content
from virtmigrate.cli.output import document
from virtmigrate.cli.request import read
from virtmigrate.cli.steering import MEASURE_S
from virtmigrate.cli.tables import show
from virtmigrate.cli.waiting import asking
from virtmigrate.errors import BadInput, UnknownMigration
from virtmigrate.explain import data, parts
from virtmigrate.plan_file import MOST_BYTES, read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.cli.tools import Tools
    from virtmigrate.plan import Plan, Report

HELP = """Explain a plan as tables: options, disks, findings, steps. Nothing is touched.

For GUEST and DESTINATION_URI the plan is made now, with the options of `migrate`. If it
is refused, what could be settled is shown all the same, with everything that stands in
the way: exit code 2.

With --plan it is one that was written down: by `plan --json` into a FILE, or by a
migration, whose ID (or how it begins) `journal` lists. No host is asked then.

--json gives the same tables to programs: options, disks, findings, steps.
"""


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("explain", cls=VirshCommand, help=HELP, epilog=epilog)(explain)


@with_options
def explain(
    ctx: typer.Context,
    *,
    guest: Annotated[
        str | None,
        typer.Argument(metavar="GUEST", help="Its name or UUID at the source."),
    ] = None,
    destination: Annotated[
        str | None, typer.Argument(metavar="DESTINATION_URI", help="Where it goes.")
    ] = None,
    source: Source = None,
    written: Annotated[
        str | None,
        typer.Option("--plan", metavar="FILE|ID", help="A plan that was made before."),
    ] = None,
    as_json: Json = False,
    **words: object,
) -> None:
    """See `HELP`."""
    subject: Plan | Report
    if written is not None:
        _alone(guest or source, words)
        subject, ok = _read(ctx.obj, written), True
    else:
        subject = _made(ctx.obj, (guest, source, destination), words)
        ok = subject.ok
    if as_json:
        document(data(subject))
    else:
        show(parts(subject))
    raise typer.Exit(0 if ok else REFUSED)


def _made(
    tools: Tools,
    who: tuple[str | None, str | None, str | None],
    words: Mapping[str, object],
) -> Report:
    guest, source, destination = who
    if guest is None or destination is None:
        raise BadInput(
            "there is nothing to explain",
            subject="explain",
            remedy="name GUEST and DESTINATION_URI, or --plan FILE or ID",
        )
    request = read(tools, guest, source, destination, words, measure_s=MEASURE_S)
    migrator = tools.migrator()
    return asking(lambda: migrator.check(**request.arguments()), "asking both hosts")


def _alone(who: str | None, words: Mapping[str, object]) -> None:
    """A plan that was written down says all of it.

    Raises:
        BadInput: Something else was said as well.
    """
    if who or any(said not in (None, False) for said in words.values()):
        raise BadInput(
            "--plan says guest, hosts and options already",
            subject="plan",
            remedy="leave everything else out, or --plan",
        )


def _read(tools: Tools, written: str) -> Plan:
    """The plan of a file, or of a migration in the journal."""
    if os.sep in written or written.endswith(".json") or Path(written).exists():
        what = "`plan --json`'s output"
        return read_plan(
            content(written, MOST_BYTES, option="--plan", subject="plan", what=what)
        )
    journal = tools.journal()
    if journal is not None:
        with suppress(UnknownMigration):
            return journal.plan(chosen(journal, written).migration)
    raise BadInput(
        f"--plan: {written[:64]!r} is no file, and no migration in the journal",
        subject="plan",
        remedy="name a file of `plan --json`, or an id that `journal` lists",
    )
