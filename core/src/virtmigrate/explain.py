"""A plan, or why there is none, for people and programs: text, tables, data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate import grids
from virtmigrate.grids import ANSWERS, Grid, aligned, shown
from virtmigrate.option_rows import BY_NAME, Switch
from virtmigrate.plan import Level, Plan, Rehearsal, Report
from virtmigrate.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from virtmigrate.forecast import Forecast
    from virtmigrate.policy import Act, Policy

    Part = str | Grid

MIB = 1 << 20


def explain(subject: Plan | Report) -> str:
    """The whole of it as plain text: who, what is in effect, findings, steps."""
    return text(parts(subject))


def text(told: Iterable[Part]) -> str:
    """Parts as plain text, a blank line between two."""
    blocks = [part if isinstance(part, str) else grids.plain(part) for part in told]
    whole = "\n\n".join(
        block if isinstance(block, str) else "\n".join(block) for block in blocks
    )
    return "\n".join(map(printable, whole.split("\n")))


def parts(subject: Plan | Report) -> list[Part]:
    """The same as text and tables, in order."""
    if isinstance(subject, Report) and subject.plan:
        subject = subject.plan
    plan = subject if isinstance(subject, Plan) else None
    options, disks, findings, steps = tables(subject)
    heading = f"Plan {plan.digest()[:12]}: move " if plan else "No plan: "
    told: list[Part] = [_heading(heading, subject), options, disks]
    told += [_ending(plan)] if plan else []
    told += [findings, steps]
    return [part for part in told if isinstance(part, str) or part.rows or part.rest]


def checked(report: Report) -> list[Part]:
    """The findings alone, and what they come to."""
    counts = {level: len(report.of(level)) for level in Level}
    told = [
        f"{count} {level}{'s' * (count != 1)}"
        for level, count in counts.items()
        if count
    ]
    verdict = "nothing is in the way" if report.ok else "it can't move like this"
    found = grids.of_findings(report.findings)
    return [
        "\n".join([_heading("Check: ", report), *_rehearsed(report.rehearsal)]),
        *([found] if found.data else []),
        f"{verdict}: {', '.join(told) or 'no findings'}",
    ]


def tables(subject: Plan | Report) -> tuple[Grid, Grid, Grid, Grid]:
    """Options, disks, findings and steps; of a report without a plan no steps."""
    plan = subject if isinstance(subject, Plan) else subject.plan
    return (
        grids.of_options(subject.settlement.options),
        grids.of_disks(subject.disks),
        grids.of_findings(subject.findings),
        grids.of_steps(plan.steps if plan else ()),
    )


def data(subject: Plan | Report) -> dict[str, object]:
    """The same for programs: JSON-ready, each table by its name."""
    plan = subject if isinstance(subject, Plan) else subject.plan
    return {
        "ok": plan is not None,
        "digest": plan.digest() if plan else None,
        **{
            end: getattr(subject, end).model_dump(mode="json")
            for end in ("guest", "source", "destination")
        },
        "rehearsal": subject.rehearsal and subject.rehearsal.model_dump(mode="json"),
        **{grid.name: grid.data for grid in tables(subject)},
    }


def _heading(title: str, subject: Plan | Report) -> str:
    guest = subject.guest
    kept = "persistent" if guest.persistent else "transient"
    lines = [
        f"{title}{guest.name} ({guest.state}, {kept})",
        f"  from {subject.source.name}  {subject.source.uri}",
        f"  to   {subject.destination.name}  {subject.destination.uri}",
    ]
    if isinstance(subject, Plan):
        lines.append(f"  form {subject.form}: {subject.form_why}")
    return "\n".join(lines)


def _ending(plan: Plan) -> str:
    lines = [f"  policy {plan.policy.name}"]
    lines += [f"    {line}" for line in limits_of(plan.policy)]
    lines += _rehearsed(plan.rehearsal)
    if plan.forecast:
        lines += [f"  {line}" for line in foretold(plan.forecast)]
    return "\n".join(lines)


def _rehearsed(rehearsal: Rehearsal | None) -> list[str]:
    """What came of trying the way, a line; why it was not tried is a finding."""
    if rehearsal is None or not rehearsal.tried:
        return []
    took = "" if rehearsal.seconds is None else f" in {rehearsal.seconds:.1f} s"
    return [f"  rehearsal: {rehearsal.why}{took}"]


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
