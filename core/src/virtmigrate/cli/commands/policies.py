"""`virtmigrate policies`: how a migration may be brought to an end, by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document
from virtmigrate.cli.tables import table
from virtmigrate.explain import limits_of, rules_of
from virtmigrate.presets import DEFAULT, PRESETS, preset

if TYPE_CHECKING:
    from virtmigrate.policy import Policy


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("policies", cls=TaughtCommand, epilog=epilog)(policies)


def policies(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, whole.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the policies by which a migration can be brought to an end.

    With a NAME: its limits, consents and rules. `--json` gives it in the form that
    `migrate --policy-file` reads.
    """
    if name is None:
        if as_json:
            told = {n: json.loads(p.model_dump_json()) for n, p in PRESETS.items()}
            document({"default": DEFAULT, "policies": told})
        else:
            rows = [(p.name, p.summary, p.read_from) for p in PRESETS.values()]
            answer(table(("policy", "what it does", "read from"), rows))
        return
    policy = preset(name)
    if as_json:
        document(json.loads(policy.model_dump_json()))
    else:
        _explain(policy)


def _explain(policy: Policy) -> None:
    answer(
        f"{policy.name}: {policy.summary}",
        *([f"  read from: {policy.read_from}"] if policy.read_from else []),
        *([f"  differs: {policy.differs}"] if policy.differs else []),
        *(f"  {line}" for line in limits_of(policy)),
        "",
        table(("rule", "when", "the first that is possible"), rules_of(policy)),
    )
