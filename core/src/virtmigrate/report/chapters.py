"""The story as tables of text: what the page shows beside the plot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from virtmigrate.grids import shown
from virtmigrate.option_rows import BY_NAME
from virtmigrate.report import foretold, reading
from virtmigrate.report.frame import thinned
from virtmigrate.report.story import Kind, origin
from virtmigrate.wording import LIMITS, MIB, deed, lasting, limit, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.report.reading import Json
    from virtmigrate.report.story import Point, Story

SAMPLES_MAX = 400
ROWS_MAX = 1000
UNKNOWN = "-"
KINDS = {
    Kind.ACTION: "done by us",
    Kind.COMMIT: "switchover",
    Kind.LANDED: "switchover",
    Kind.ROLLBACK: "taken back",
    Kind.FAULT: "fault",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        id: For links into the page.
        title: What it is of.
        columns: Headings; "#" in front of one: its cells are figures.
        rows: Cells.
        note: Something to know before reading it.
        folded: Whether it is shown when asked for only.
    """

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the figures that are read first.

    Attributes:
        name: What it is.
        value: With its unit.
        note: How it was counted.
    """

    name: str
    value: str
    note: str = ""


def moment(at: float) -> str:
    """A point in time, UTC: a report travels."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"


def fired(story: Story) -> str:
    """The limit that ended or turned it, with value and origin; "" where none did."""
    said = reading.inner(story.result, "fired")
    name = reading.text(said, "limit")
    if not name:
        return reading.text(story.result, "limit")
    value, at_s = reading.number(said, "value"), reading.number(said, "at_s")
    words = limit(name, value, reading.text(said, "unit"), reading.text(said, "origin"))
    action = deed(reading.text(said, "action"))
    return f"{words}: {action}" + (
        f" after {lasting(at_s)}" if at_s is not None else ""
    )


def figures(story: Story) -> tuple[Figure, ...]:
    """Time, stop, bytes, passes: those that are known."""
    result, timing = story.result, reading.inner(story.result, "timing")
    total = reading.number(timing, "total_ms")
    down, gap = reading.number(result, "downtime_ms"), reading.number(timing, "gap_ms")
    sent, rate = (reading.number(result, name) for name in
                  ("processed_bytes", "bandwidth_bytes_s"))  # fmt: skip
    passes, took = reading.number(result, "iterations"), foretold.transfer_s(story)
    throttle = reading.number(result, "throttle_percent")
    rows: tuple[tuple[str, float | None, Callable[[float], str], str], ...] = (
        ("transfer", took, lasting, "to the last page"),
        ("downtime", down, lambda ms: f"{ms:g} ms", "as the hypervisor counts"),
        ("gap", gap, lambda ms: f"{ms:.0f} ms", "stopped here to running there"),
        ("sent", sent, lambda count: f"{plain(count / MIB)} MiB", ""),
        ("bandwidth", rate, lambda each: f"{plain(each / MIB)} MiB/s",
         "over the transfer"),
        ("passes", passes, lambda count: f"{count:g}", "over memory"),
        ("throttle", throttle or None, lambda part: f"{part:g} %",
         "at most, of the CPUs"),
        ("in all", total, lambda ms: lasting(ms / 1000), "all phases, everything seen"),
    )  # fmt: skip
    return tuple(
        Figure(name, form(value), note)
        for name, value, form, note in rows
        if value is not None
    )


def events(story: Story) -> Table:
    """Everything that is labelled in the plot."""
    rows = tuple(
        (f"{mark.at_s:.3f}", KINDS[mark.kind], mark.label, mark.why)
        for mark in story.of_kind(*KINDS)
    )
    more = len(rows) - ROWS_MAX
    note = f"The first {ROWS_MAX} of {len(rows)}." if more > 0 else ""
    columns = ("#at, s", "kind", "what", "why")
    return Table("events", "What was done, and when", columns, rows[:ROWS_MAX], note)


def forecast(story: Story) -> Table | None:
    """What was foretold against what happened; None where nothing was foretold."""
    rows = foretold.compared(story)
    if not rows:
        return None
    basis = reading.texts(reading.inner(story.plan, "forecast"), "basis")
    needs = reading.texts(reading.inner(story.plan, "forecast"), "needs")
    parts = [f"It would take {' or '.join(needs)}."] if needs else []
    parts += [f"Basis: {'; '.join(basis)}."] if basis else []
    columns = ("", "#foretold", "#happened", "#difference")
    return Table(
        "forecast", "Forecast, and what happened", columns, rows, " ".join(parts)
    )


def policy(story: Story) -> Table | None:
    """Limits and consents, each with its origin; None where the plan has no policy."""
    data = reading.inner(story.plan, "policy")
    if not data:
        return None
    rows = [
        (LIMITS[each.name], f"{each.value:g} {each.unit}", each.origin)
        for each in story.limits
    ]
    given = reading.inner(data, "consents")
    rows += [
        (f"may use {words}", shown(given[name]), origin(data, f"allow_{name}"))
        for name, words in (("postcopy", "post-copy"), ("pause", "a pause"),
                            ("throttle", "a throttle"))
        if isinstance(given.get(name), bool)
    ]  # fmt: skip
    aim = reading.text(data, "objective") or "an end"
    about = [f"Policy {reading.text(data, 'name')}, which aims at {aim}."]
    read_from = reading.text(data, "read_from")
    about += [f"Reproduces {read_from}."] if read_from else []
    columns = ("limit or consent", "#value", "from")
    return Table("policy", "Policy", columns, tuple(rows), " ".join(about))


def options(story: Story) -> Table:
    """What was in effect, and how."""
    settlement = reading.inner(story.plan, "settlement")
    rows = [row for row in reading.inners(settlement, "options") if _noteworthy(row)]
    cells = tuple(
        (
            _spelling(reading.text(row, "option")),
            _value(row.get("asked")),
            _value(row.get("effective")),
            reading.text(row, "how"),
            reading.text(row, "why"),
        )
        for row in rows
    )
    off = len(reading.inners(settlement, "options")) - len(rows)
    note = f"{off} more options are off." if off else ""
    columns = ("option", "asked", "effective", "how", "why")
    return Table("options", "Options in effect", columns, cells, note)


def _noteworthy(row: Json) -> bool:
    return row.get("asked") is not None or bool(row.get("effective"))


def _spelling(option: str) -> str:
    known = BY_NAME.get(option)
    return f"--{known.virsh}" if known else option


def _value(value: object) -> str:
    return shown(tuple(value) if isinstance(value, list) else value)


def identity(story: Story) -> Table:
    """Guest, hosts, plan."""
    guest = reading.inner(story.plan, "guest")
    kept = "persistent" if guest.get("persistent") is True else "transient"
    form = reading.text(story.plan, "form")
    rows = [
        ("migration", story.migration),
        (
            "guest",
            f"{story.guest} ({story.uuid}), {reading.text(guest, 'state')}, {kept}",
        ),
        ("source", _host(reading.inner(story.plan, "source"), story.source)),
        (
            "destination",
            _host(reading.inner(story.plan, "destination"), story.destination),
        ),
        ("began", moment(story.opened)),
        ("plan", story.digest or UNKNOWN),
        ("form", f"{form}: {reading.text(story.plan, 'form_why')}"),
    ]
    seen = [reading.text(story.result, side) for side in ("source", "destination")]
    if any(seen):
        rows.append(("seen last", f"source {seen[0]}, destination {seen[1]}"))
    return Table("identity", "Guest, hosts, plan", ("", ""), tuple(rows))


def _host(facts: Json, uri: str) -> str:
    versions = reading.inner(facts, "versions")
    parts = [reading.text(facts, "name"), uri, reading.text(facts, "hypervisor")]
    parts += [f"{name} {versions[name]}" for name in versions]
    return ", ".join(part for part in parts if part)


def troubles(story: Story) -> Table | None:
    """Faults, warnings, what is owed; None where there are none."""
    result = story.result
    rows = [
        ("fault", reading.text(fault, "side"),
         ": ".join(filter(None, (reading.text(fault, "step"),
                                 reading.text(fault, "message")))),
         reading.text(fault, "remedy"))
        for fault in reading.inners(result, "faults")
    ]  # fmt: skip
    rows += [("warning", "", said, "") for said in reading.texts(result, "warnings")]
    settle = f"virtmigrate settle {story.migration}"
    rows += [("owed", "", it, settle) for it in reading.texts(result, "obligations")]
    if not rows:
        return None
    columns = ("kind", "side", "what", "remedy")
    return Table("troubles", "To know", columns, tuple(rows[:ROWS_MAX]))


def passes(story: Story) -> Table | None:
    """Each pass over memory; None where there was one at most, or none was told."""
    if not story.of_kind(Kind.BOUNDARY):
        return None
    rows = []
    for number, run in groupby(story.points, key=lambda point: point.iteration):
        points = list(run)
        lefts = [p.remaining_mib for p in points if p.remaining_mib is not None]
        most, least = (max(lefts), min(lefts)) if lefts else (None, None)
        seen_s = points[-1].at_s - points[0].at_s
        cells = (points[0].at_s, seen_s, most, least)
        rows.append((str(number or UNKNOWN), *map(_cell, cells)))
    columns = ("#pass", "#seen at, s", "#for, s", "#most left, MiB", "#least left, MiB")
    title = f"Passes ({len(rows)})"
    return Table("passes", title, columns, tuple(rows[:ROWS_MAX]), folded=True)


# Heading | figure of a sample
SAMPLE: tuple[tuple[str, Callable[[Point], float | str | None]], ...] = (
    ("#at, s", lambda p: f"{p.at_s:.3f}"),
    ("#remaining, MiB", lambda p: p.remaining_mib),
    ("#disks left, MiB", lambda p: p.disks_mib),
    ("#done, %", lambda p: p.percent),
    ("#sent, MiB", lambda p: p.sent_mib),
    ("#rewritten, MiB/s", lambda p: p.dirty_mib_s),
    ("#bandwidth, MiB/s", lambda p: p.bandwidth_mib_s),
    ("#pass", lambda p: p.iteration),
    ("#throttle, %", lambda p: p.throttle_percent),
    ("post-copy", lambda p: "yes" if p.postcopy else None),
)


def samples(story: Story) -> Table | None:
    """The data of the plot; columns that say nothing are left out."""
    points = thinned(story.points, SAMPLES_MAX)
    if not points:
        return None
    columns = [
        row for row in SAMPLE if any(row[1](point) is not None for point in points)
    ]
    rows = tuple(tuple(_cell(of(point)) for _, of in columns) for point in points)
    some = f"{len(points)} of {len(story.points)} samples. " * (
        len(points) < len(story.points)
    )
    note = f"{some}{UNKNOWN}: the hypervisor did not say."
    heads = tuple(head for head, _ in columns)
    return Table("samples", f"Samples ({len(points)})", heads, rows, note, folded=True)


def _cell(value: float | str | None) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)
