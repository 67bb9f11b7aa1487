"""`virtmigrate recover`: end a migration whose controller died."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import DestinationAgain, Json, SourceAgain
from virtmigrate.cli.conduct import Conductor
from virtmigrate.cli.faults import exit_code, known
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import document, say, shown
from virtmigrate.cli.progress import display
from virtmigrate.cli.steering import Insecure
from virtmigrate.cli.telling import summary
from virtmigrate.cli.waiting import asking
from virtmigrate.errors import BadInput, VirtmigrateError
from virtmigrate.handle import Handle
from virtmigrate.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.cli.tools import Tools
    from virtmigrate.results import Judgement, Result

    Ways = dict[str, str | None]
    Done = tuple[dict[str, object], int]
    """What is told to programs, and the exit code."""

GOES_ON = "recovery goes on to its end. Ctrl-C again leaves at once; run it again then."


Named = Annotated[
    str | None, typer.Argument(metavar="ID", help="As `virtmigrate status` shows it.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Each that is open and whose controller is dead.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Look and say what would be done; do nothing.")
]
Proof = Annotated[
    str,
    typer.Option(
        metavar="HOST",
        help="You state that this host, which does not answer, is off or has nothing "
        "of the guest running, and never will by itself. It is written down. A wrong "
        "statement may cost the guest.",
    ),
]


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("recover", cls=TaughtCommand, epilog=epilog)(recover)


def recover(  # noqa: PLR0913 - Typer reads options from parameters
    ctx: typer.Context,
    *,
    migration: Named = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    fence_proof: Proof = "",
    source: SourceAgain = None,
    destination: DestinationAgain = None,
    insecure: Insecure = None,
    as_json: Json = False,
) -> None:
    """Bring a migration to an end whose controller died. Safe to run twice.

    Both hosts are looked at, and what they show decides with what the journal says:
    forward, back, or hands off where the truth can't be seen. A transfer that still
    runs by itself is steered on by its policy. A migration that is over already is
    told again, and nothing is done.
    """
    ctx.obj.waive(insecure)
    _check(migration, fence_proof or source or destination, everything=everything)
    ways: Ways = {"source": source, "destination": destination}
    ways["fence_proof"] = fence_proof
    ids = _left(ctx.obj) if everything else [migration or ""]
    one = _judge if dry_run else _recover
    if everything and not ids:
        say("nothing to recover")
    done = [
        _whatever(one, ctx.obj, each, ways) if everything else one(ctx.obj, each, ways)
        for each in ids
    ]
    if as_json:
        told = [data for data, _ in done]
        document({"recovered": told} if everything else told[0])
    raise typer.Exit(max((code for _, code in done), default=0))


def _whatever(
    one: Callable[[Tools, str, Ways], Done], tools: Tools, migration: str, ways: Ways
) -> Done:
    """One of several: what fails with it is told, and keeps no other from its end."""
    try:
        return one(tools, migration, ways)
    except VirtmigrateError as error:
        say(f"error: {migration}: {error}")
        errors = known(error)
        told = [each.as_dict() for each in errors]
        return {"migration": migration, "errors": told}, exit_code(errors)


def _check(migration: str | None, for_one: str | None, *, everything: bool) -> None:
    """One migration, or all of them.

    Raises:
        BadInput: Neither, both, or what only one can have with all.
    """
    if (migration is None) is not everything:
        raise BadInput(
            "name one migration, or --all",
            subject="recover",
            remedy="`virtmigrate status` lists those that are open",
        )
    if everything and for_one:
        raise BadInput(
            "--fence-proof, --source and --destination are about one migration",
            subject="recover",
            remedy="recover that one by its ID first",
        )


def _left(tools: Tools) -> list[str]:
    """Those that are open, and whose controller is dead."""
    journal = tools.journal()
    entries = journal.entries() if journal else []
    return [e.migration for e in entries if e.closed is None and not e.busy]


def _recover(tools: Tools, migration: str, ways: Ways) -> Done:
    conductor = Conductor([display(verbose=False, quiet=False)], first=GOES_ON)
    # Not to be cancelled: it only does what both hosts allow.
    call: Callable[..., Result] = tools.migrator(conductor.sink).recover
    result = conductor.run(lambda: Handle(migration, lambda _: call(migration, **ways)))
    journal = tools.journal()
    asked = journal.plan(migration).settlement.asked() if journal else Options()
    say(summary(result, asked))
    return json.loads(result.model_dump_json()), result.outcome.exit_code


def _judge(tools: Tools, migration: str, ways: Ways) -> Done:
    call: Callable[..., Judgement] = tools.migrator().judge
    found = asking(lambda: call(migration, **ways), "looking at both hosts")
    say(
        f"{found.migration}: {shown(found.guest)}: {found.why}\n"
        f"  source: {found.source}, destination: {found.destination}; "
        f"journal {found.told}, verdict {found.verdict}; nothing was touched"
    )
    return found.model_dump(mode="json"), 0
