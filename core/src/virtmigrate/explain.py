"""A plan as plain text, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.option_rows import BY_NAME, Switch
from virtmigrate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.forecast import Forecast
    from virtmigrate.plan import Plan, Settled
    from virtmigrate.policy import Act, Policy

MIB = 1 << 20
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
    lines += [f"  policy {plan.policy.name}"]
    lines += [f"    {line}" for line in limits_of(plan.policy)]
    if plan.forecast:
        lines += [f"  {line}" for line in foretold(plan.forecast)]
    lines.append("")
    for finding in plan.findings:
        if finding.ignored:
            continue
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


def limits_of(policy: Policy) -> list[str]:
    """Limits, consents and objective, each with where it comes from."""
    limits, consents = policy.limits, policy.consents
    each = limits.max_total_s_per_gib
    total = (
        ("max-time", f"{limits.max_total_s:g} s", "max_total_s")
        if limits.max_total_s is not None
        else ("max-time", f"{each:g} s per {policy.sizing.unit}", "max_total_s_per_gib")
    )
    rows = [
        ("aims at", policy.objective.value, ""),
        ("max-downtime", f"{limits.max_downtime_ms} ms", "max_downtime_ms"),
        total,
        ("max-switchover", f"{limits.max_switchover_s:g} s", "max_switchover_s"),
        *(
            (f"allow-{name}", ANSWERS[bool(given)], f"allow_{name}")
            for name, given in consents
        ),
    ]
    return aligned(
        [
            (what, value, policy.origin(name) if name else "")
            for what, value, name in rows
        ]
    )


def rules_of(policy: Policy) -> list[tuple[str, str, str]]:
    """Each rule: its id, when, and what, best first."""
    rows = [("at the start", "", _acts(policy.at_start))] if policy.at_start else []
    for rule in policy.rules:
        given = rule.when.model_dump(exclude_none=True)
        when = ", ".join(f"{name} {_shown_when(v)}" for name, v in given.items())
        only = f" (for {', '.join(rule.objectives)})" if rule.objectives else ""
        rows.append((rule.id, when + only, _acts(rule.ladder)))
    ladder = ", else ".join(do.value for do in policy.at_deadline)
    return [*rows, ("deadline", "max-time is over", ladder)]


def _shown_when(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={v:g}" for name, v in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _acts(acts: tuple[Act, ...]) -> str:
    def one(act: Act) -> str:
        if act.value is not None:
            return f"{act.do} {act.value}"
        if act.times is not None:
            return f"{act.do} x {act.times:g}"
        if act.fits_within is not None:
            return f"{act.do} that fits"
        return act.do.value

    return ", else ".join(one(act) for act in acts)


def _lasts(forecast: Forecast) -> str:
    """How long, how far off that may be, and how long with all around it."""
    if forecast.total_s is None:
        return ""
    words = f"in {forecast.total_s:.1f} s"
    if forecast.total_range_s is not None:
        least, most = forecast.total_range_s
        words += f" ({least:.1f} .. {most:.1f})"
    if forecast.whole_s is not None:
        words += f", {forecast.whole_s:.1f} s from call to return"
    return words


def foretold(forecast: Forecast) -> list[str]:
    """A forecast as lines of text."""
    figures = [
        _lasts(forecast),
        f"with a stop of {forecast.downtime_ms:.0f} ms"
        if forecast.downtime_ms is not None
        else "",
        f"{forecast.sent_bytes / MIB:.0f} MiB sent"
        if forecast.sent_bytes is not None
        else "",
    ]
    way = f" by {forecast.way}" if forecast.way else ""
    if forecast.way and forecast.chance is not None and forecast.chance < 1:
        way = f"; {forecast.chance:.0%} for an end{way}"
    told = ", ".join(part for part in figures if part)
    lines = [f"forecast: {forecast.verdict}{way}" + (f": {told}" if told else "")]
    if forecast.needs:
        lines.append(f"  it would take one of: {'; '.join(forecast.needs)}")
    return [*lines, *(f"  {line}" for line in forecast.basis)]
