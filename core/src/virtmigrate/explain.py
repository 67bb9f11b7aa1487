"""A plan as plain text, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.option_rows import BY_NAME, Switch
from virtmigrate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.plan import Plan, Settled

ANSWERS = {True: "yes", False: "no", None: "-"}


def shown(value: object) -> str:
    """A value of an option, as people write it."""
    if value is None or isinstance(value, bool):
        return ANSWERS[value]
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    text = str(value)
    return text if len(text) <= 40 else f"{len(text)} characters"  # noqa: PLR2004


def noteworthy(row: Settled) -> bool:
    """Whether a row tells more than "not asked for, and off"."""
    return row.asked is not None or bool(row.effective)


def explain(plan: Plan) -> str:
    """The whole plan: who, what is in effect, findings, steps."""
    guest = plan.guest
    kept = "persistent" if guest.persistent else "transient"
    lines = [
        f"Plan {plan.digest()[:12]}: move {guest.name} ({guest.state}, {kept})",
        f"  from {plan.source.name}  {plan.source.uri}",
        f"  to   {plan.destination.name}  {plan.destination.uri}",
        f"  form {plan.form}: {plan.form_why}",
        "",
        *aligned(
            [
                ("option", "asked", "effective", "how", "why"),
                *(
                    (
                        BY_NAME[row.option].virsh,
                        shown(row.asked),
                        shown(row.effective),
                        row.how,
                        row.why,
                    )
                    for row in filter(noteworthy, plan.settlement.options)
                ),
            ]
        ),
    ]
    off = sum(1 for row in plan.settlement.options if not noteworthy(row))
    lines += [f"  ({off} more options are off)", ""]
    for finding in plan.findings:
        remedy = f" ({finding.remedy})" if finding.remedy else ""
        lines.append(f"  {finding.level}: {finding.side}: {finding.message}{remedy}")
    steps = [
        (
            step.phase,
            step.side,
            step.hook,
            step.why + (f"; undone by {step.undo}" if step.undo else ""),
        )
        for step in plan.steps
    ]
    lines += aligned([("phase", "side", "step", "why"), *steps])
    return "\n".join(map(printable, lines))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces apart; the last one runs on."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "".join(
            f"  {cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)
        ).rstrip()
        for row in rows
    ]


def spelling(name: str, answer: object) -> str:
    """How an option is written on the command line."""
    row = BY_NAME[name]
    if isinstance(row, Switch):
        return f"--{'' if answer else 'no-'}{row.virsh}"
    return f"--{row.virsh} {shown(answer)}"
