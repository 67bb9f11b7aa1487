"""One table, and how what stands in it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from bench.convergence.data import MEASURED, Data
from bench.convergence.figures import Group

Row = TypeVar("Row")
KINDS = {False: "As `virtmigrate migrate` does it", True: "Measured before"}
"""Ours of two kinds, whose figures are not mixed."""


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        title: Over it.
        head: Of its columns.
        rows: Its cells.
        notes: Below it.
        scenario: The scenario whose plot belongs to it, "" for none.
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    scenario: str = ""


def cell(group: Group) -> tuple[str, str, str]:
    """Which cell it is."""
    return group.scenario, group.buffers, group.strategy


def by_kind(
    data: Data,
    rows: list[Row],
    strategy: Callable[[Row], str],
    words: Callable[[list[Row]], str],
) -> list[str]:
    """A line for each kind of ours: what its rows come to; none for one without any."""
    lines = []
    for measured, name in KINDS.items():
        some = [row for row in rows if data.measured(strategy(row)) == measured]
        if some:
            lines.append(f"{name}: {words(some)}")
    return lines


def uncounted(data: Data, strategies: Iterable[str]) -> list[str]:
    """A line on what no time of those holds that were measured before; none if none."""
    names = {name for name in strategies if data.measured(name)}
    found = {cell.measured_s for cell in data.cells if cell.strategy in names}
    if not found:
        return []
    known = [f"{seconds:g} s" for seconds in sorted(s for s in found if s)]
    some = " or ".join([*known, *["some seconds"] * (None in found)])
    line = (
        f"`{MEASURED}` …: the plan, and a measurement of {some} for it, came before the"
        " clock started, and are not counted."
    )
    return [line]


def total(group: Group) -> str:
    """Median total time, with its range; one that was ended is longer than this."""
    times = [each.total_s for each in group.cells]
    text = f"{'' if group.ended else '> '}{group.total_s:.2f}"
    spread = f" ({min(times):.2f}-{max(times):.2f})"
    return text + (spread if max(times) - min(times) >= 0.01 else "")


def number(value: float | None) -> str:
    """Two or three digits after the point; nothing for nothing."""
    return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.2f}"


def percent(share: float | None) -> str:
    """A share, for a table."""
    return "" if share is None else f"{100 * share:.1f} %"


def right(said: Iterable[bool | None]) -> str:
    """How many of those that said anything were right."""
    known = [each for each in said if each is not None]
    return share(sum(known), len(known))


def share(part: int, whole: int) -> str:
    """Of how many, and in percent."""
    return f"{part}/{whole} ({100 * part / whole:.0f} %)" if whole else "-"
