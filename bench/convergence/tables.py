"""The tables: data, so that Markdown and HTML show the same."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from bench.convergence import figures, residual
from bench.convergence.data import Data
from bench.convergence.figures import Group
from bench.convergence.foretold import by_pass_2, forecast
from bench.convergence.table import (
    Table,
    by_kind,
    cell,
    number,
    share,
    total,
    uncounted,
)

SUCCESS_NOTE = (
    "Within limits: before the deadline, memory whole, one copy running, and no silence"
    f" of more than {figures.GAP_FACTOR} x the permitted stop + {figures.GAP_MARGIN_MS}"
    " ms unless post-copy or a pause is consented to. Of what can be: of scenarios that"
    " anybody with at most its consents kept in this run, by most of the moves."
)
CLOCK_NOTE = (
    "Clock: times of a peer's policy are divided by this, as its clock is made for"
    " guests of many GiB; its steps and limits are its own."
)
RIVALS_NOTE = "Only strategies with the same or fewer consents that kept the limits."
LEFT_NOTE = (
    "Left: what the source's device sent from the guest's last beat there to its first"
    " one at the destination, headers and the sender's queue too. The last sample is up"
    " to 0.1 s older, the guest writes on, and it counts whole pages, also those that"
    " are zero, or of which only differences are sent."
)
THROTTLED_NOTE = (
    "Goal: 5 and 5, with consent to post-copy. >: it was ended at the deadline."
)
THROTTLERS = ("auto-converge", "auto-converge-40-20")


def summary(data: Data) -> list[Table]:
    """What the run shows, in a few tables; an empty one is left out."""
    makers: tuple[Callable[[Data], Table], ...] = (
        success,
        regret,
        plain,
        throttled,
        gaps,
        residuals,
        stalls,
        forecast,
        by_pass_2,
        given_up,
        lost,
        absent,
    )
    return [table for table in (make(data) for make in makers) if table.rows]


def success(data: Data) -> Table:
    """Which share kept the limits."""
    rows = [
        (
            row.strategy,
            consents(data, row.strategy),
            clock(data, row.strategy),
            share(row.ended, row.cells),
            share(row.within, row.cells),
            share(row.within_feasible, row.feasible),
        )
        for row in figures.successes(data)
    ]
    return Table(
        "Ended within the limits",
        ("strategy", "may", "clock", "ended", "within limits", "of what can be"),
        rows,
        [SUCCESS_NOTE, CLOCK_NOTE, *uncounted(data, data.strategies)],
    )


def regret(data: Data) -> Table:
    """Ours beside the best fixed strategy."""
    rows = figures.regrets(data)
    notes = by_kind(data, rows, lambda row: row.ours.strategy, ratios_of)
    return Table(
        "Total time beside the best fixed strategy",
        ("scenario", "buffers", "ours", "s", "best fixed", "s", "ratio"),
        [
            (
                *(row.ours.scenario, row.ours.buffers, row.ours.strategy),
                total(row.ours),
                row.best.strategy if row.best else "none kept them",
                total(row.best) if row.best else "",
                number(row.ratio),
            )
            for row in rows
        ],
        [*notes, RIVALS_NOTE, *uncounted(data, (row.ours.strategy for row in rows))],
    )


def ratios_of(rows: list[figures.Regret]) -> str:
    """Mean and worst of some ratios, in a sentence."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    if not ratios:
        return "no cell has a rival."
    return (
        f"geometric mean {figures.geometric_mean(ratios):.3f} (goal <= 1.03),"
        f" worst {max(ratios):.3f} (goal <= 1.10), {len(ratios)} cells."
    )


def plain(data: Data) -> Table:
    """Ours beside `virsh migrate --live`, where that ends."""
    rows = [pair for pair in figures.pairs(data, "virsh") if not pair.open]
    notes = by_kind(
        data,
        rows,
        lambda pair: pair.ours.strategy,
        lambda some: f"worst {max(pair.time for pair in some):.3f} (goal <= 1.02).",
    )
    return Table(
        "Total time beside virsh migrate --live, where that ends",
        ("scenario", "buffers", "ours", "s", "virsh", "ratio"),
        [(*cell(p.ours), total(p.ours), total(p.theirs), number(p.time)) for p in rows],
        [*notes, *uncounted(data, (pair.ours.strategy for pair in rows))],
    )


def throttled(data: Data) -> Table:
    """Ours beside auto-converge at r = 1.5."""
    rows = [
        pair
        for name in THROTTLERS
        for pair in figures.pairs(data, name)
        if data.scenarios[pair.ours.scenario]["ratio"] == figures.MUCH
        and data.scenarios[pair.ours.scenario]["needs"]
        and pair.ours.ended
    ]
    return Table(
        "Auto-converge at r = 1.5, where pre-copy never ends: how many times as long",
        ("scenario", "buffers", "ours", "against", "time", "bytes"),
        [
            (
                *(*cell(p.ours), p.theirs.strategy),
                f"{'> ' * p.open}{1 / p.time:.1f}",
                f"{'> ' * p.open}{1 / p.sent:.1f}",
            )
            for p in rows
        ],
        [THROTTLED_NOTE, *uncounted(data, (pair.ours.strategy for pair in rows))],
    )


def gaps(data: Data) -> Table:
    """The stop of the guest beside what was permitted."""
    rows = [
        group
        for group in figures.groups(data)
        if data.adaptive(group.strategy)
        and group.ended
        and not data.uses(group.strategy)
    ]
    return Table(
        "The guest's longest silence, without any consent",
        ("scenario", "buffers", "ours", "ms", "permitted + 5 % + 30 ms"),
        [
            (
                *cell(g),
                f"{g.gap_ms:.0f}",
                f"{figures.gap_limit_ms(data, g.scenario):.0f}",
            )
            for g in rows
        ],
    )


def residuals(data: Data) -> Table:
    """The stop of the guest beside what was left to send at it."""
    rows = residual.stops(data)
    notes = by_kind(data, rows, lambda row: row.cell.strategy, held_by)
    return Table(
        "The guest's longest silence beside what was left at the stop, without consent",
        (
            *("scenario", "buffers", "ours", "ms", "left MiB", "last sample MiB"),
            *("1.05 x left / link + 30 ms", "more by ms"),
        ),
        [
            (
                *(row.cell.scenario, row.cell.buffers, row.cell.strategy),
                *(f"{row.cell.gap_ms:.0f}", f"{row.left_mib:.2f}"),
                "-" if row.sampled_mib is None else f"{row.sampled_mib:.2f}",
                *(f"{row.allowed_ms:.0f}", f"{row.excess_ms:.0f}"),
            )
            for row in rows
        ],
        [*notes, LEFT_NOTE],
    )


def held_by(rows: list[residual.Stop]) -> str:
    """How many stops took no longer than what was left, in a sentence."""
    moves = [row.excess_ms for row in rows]
    repeats = figures.alike(rows, lambda row: row.cell).values()
    cells = [statistics.median(row.excess_ms for row in each) for each in repeats]
    return (
        f"no longer than that: {kept(moves)} of single moves, the worst"
        f" {max(moves):+.0f} ms; {kept(cells)} by medians of the repeats, the worst"
        f" {max(cells):+.0f} ms."
    )


def kept(excesses_ms: list[float]) -> str:
    """How many stayed below."""
    return share(sum(each <= 0 for each in excesses_ms), len(excesses_ms))


def stalls(data: Data) -> Table:
    """Post-copy on random writes."""
    rows = [
        pair
        for pair in figures.pairs(data, figures.POSTCOPY_OF_VIRSH)
        if pair.ours.scenario == figures.STALLED
        and "postcopy" in data.uses(pair.ours.strategy)
    ]
    return Table(
        "Post-copy on random writes: stalls beside virsh --postcopy-after-precopy",
        (
            *("scenario", "buffers", "ours", "worst ms", "virsh", "ratio"),
            *("all ms", "virsh"),
        ),
        [
            (
                *(*cell(p.ours), f"{p.ours.gap_ms:.0f}", f"{p.theirs.gap_ms:.0f}"),
                *(number(p.gap), f"{p.ours.stalls_ms:.0f}"),
                f"{p.theirs.stalls_ms:.0f}",
            )
            for p in rows
        ],
        ["Goal: the worst at most a third. All: the sum of silences over 20 ms."],
    )


def given_up(data: Data) -> Table:
    """How soon ours says that it can't be done."""
    rows = [
        cell
        for cell in data.cells
        if data.adaptive(cell.strategy) and not cell.ended and cell.why != "deadline"
    ]
    return Table(
        "Given up by ours before the deadline",
        ("scenario", "buffers", "ours", "after s", "in pass", "why"),
        [
            (
                *(c.scenario, c.buffers, c.strategy, f"{c.over_s:.2f}"),
                *(str(c.passes or "?"), c.why),
            )
            for c in rows
        ],
        ["Goal: decided within 3 passes. It counts at the deadline all the same."],
    )


def lost(data: Data) -> Table:
    """Where ours is not the best."""
    return Table(
        "Cells that are lost",
        ("scenario", "buffers", "ours", "s", "to", "s", "why"),
        [
            (
                *(*cell(row.ours), total(row.ours)),
                row.best.strategy if row.best else "",
                total(row.best) if row.best else "",
                row.ours.cells[0].why or f"{number(row.ratio)} x",
            )
            for row in figures.lost(data)
        ],
    )


def absent(data: Data) -> Table:
    """What could not be run here."""
    return Table("Not to be had here", ("row", "why"), list(data.missing))


def scenarios(data: Data) -> list[Table]:
    """A table for each scenario: every strategy with all that was seen."""
    every = figures.groups(data)
    left_out = uncounted(data, data.strategies)
    return [
        Table(
            f"{name}: {row['title']}",
            (
                *("strategy", "buffers", "n", "total s", "there after s"),
                *("gap ms", "stalls ms", "worst three ms", "lost %"),
                *("MiB", "passes", "limits", "jitter ms"),
            ),
            [seen(group) for group in every if group.scenario == name],
            [about(row), *left_out],
            name,
        )
        for name, row in data.scenarios.items()
    ]


def about(row: dict[str, Any]) -> str:
    """What a scenario asks for."""
    return (
        f"Deadline {row['deadline_s']:g} s, longest stop {row['gap_ms']} ms; it tests:"
        f" {row['tests']}."
    )


def seen(group: Group) -> tuple[str, ...]:
    """All that was seen of one cell: medians."""
    cells = group.cells

    def middle(values, digits: int = 0) -> str:
        known = [value for value in values if value is not None]
        return f"{statistics.median(known):.{digits}f}" if known else "-"

    worst = max(cells, key=lambda cell: cell.gap_ms).worst_ms
    return (
        *(group.strategy, group.buffers, str(len(cells)), total(group)),
        middle((c.landed_s for c in cells), 2),
        *(middle(c.gap_ms for c in cells), middle(c.stalls_ms for c in cells)),
        " ".join(f"{ms:.0f}" for ms in worst),
        *(middle(c.lost_percent for c in cells), middle(c.sent_mib for c in cells)),
        middle(c.passes for c in cells),
        "kept" if group.within else "gap" if group.ended else "no end",
        f"{max(c.jitter_ms for c in cells):.0f}",
    )


def consents(data: Data, strategy: str) -> str:
    """What a strategy may do."""
    return ", ".join(data.strategies[strategy]["uses"]) or "-"


def clock(data: Data, strategy: str) -> str:
    """By how much the times of a policy are divided."""
    divided = data.strategies[strategy]["clock"]
    return "" if divided == 1 else f"1/{divided:g}"
