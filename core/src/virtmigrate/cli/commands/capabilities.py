"""`virtmigrate capabilities`: how each option is met on one host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, bullets, document, shown
from virtmigrate.cli.steering import Insecure
from virtmigrate.cli.tables import table
from virtmigrate.cli.waiting import asking
from virtmigrate.grids import shown as value_shown
from virtmigrate.option_rows import SWITCHES, VALUES

if TYPE_CHECKING:
    from virtmigrate.capabilities import Capabilities


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("capabilities", cls=TaughtCommand, epilog=epilog)(capabilities)


def capabilities(
    ctx: typer.Context,
    uri: Annotated[
        str | None,
        typer.Argument(metavar="URI", help="The host; by default that of -c."),
    ] = None,
    *,
    insecure: Insecure = None,
    as_json: Json = False,
) -> None:
    """Say how each option is met on a host: yes, no, and when nobody asks."""
    ctx.obj.waive(insecure)
    host = ctx.obj.source(uri)
    migrator = ctx.obj.migrator()
    found = asking(lambda: migrator.capabilities(host), "asking the host")
    if as_json:
        document(json.loads(found.model_dump_json()))
    else:
        _explain(found)


def _explain(found: Capabilities) -> None:
    versions = ", ".join(f"{name} {v}" for name, v in found.versions.items())
    answer(
        f"{found.host}: {found.hypervisor} ({versions or 'no versions'})",
        f"  switchover: {', '.join(found.forms)}; after perform the source is "
        f"{found.source_after_perform}",
        f"  progress in {found.progress}; while it runs one may turn: "
        f"{', '.join(found.knobs) or 'nothing'}",
        "",
        table(("option", "yes", "no", "default", "note"), _switches(found)),
        "",
        table(("value", "how", "note"), _values(found)),
        *bullets(
            "\nnever together, or never for such a guest:",
            [f"{rule.message} ({rule.remedy})" for rule in found.constraints],
        ),
    )


def _switches(found: Capabilities) -> list[tuple[str, ...]]:
    return [
        (
            row.virsh,
            support.on.value,
            support.off.value,
            value_shown(support.default),
            shown(support.note),
        )
        for row in SWITCHES
        if row.bit is not None or row.name in found.switches
        for support in (found.switch(row.name),)
    ]


def _values(found: Capabilities) -> list[tuple[str, ...]]:
    return [
        (row.virsh, support.how.value, shown(support.note))
        for row in VALUES
        if row.param is not None
        for support in (found.value(row.name),)
    ]
