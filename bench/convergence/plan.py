"""Which cells are run, in which order: strategies take turns within a scenario."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.convergence import guestperf, scenarios, strategies
from bench.convergence.scenarios import SCENARIOS, Scenario
from bench.convergence.strategies import STRATEGIES, Strategy

QUICK_SCENARIOS = ("S2", "S8", "S10")
QUICK_STRATEGIES = (
    *("virsh", "auto-converge", "postcopy-after-pass", "xbzrle"),
    *("adaptive", "adaptive+postcopy", "measured"),
)
QUICK_WITHOUT = (("S2", "auto-converge"), ("S10", "auto-converge"))
"""What a quick run leaves out: it takes long, and tells little."""
QUICK_DEADLINE_S = 10.0
EACH = ("adaptive",)
"""What the policy does by itself: each row claims its silence and its verdict."""
_OURS = tuple(
    f"{name}{consent}"
    for name in ("adaptive", "measured")
    for consent in ("", "+postcopy", "+pause")
)
LUCK = {
    **dict.fromkeys(("S0", "S0z", "S0c", "S1"), (3, ("virsh", *_OURS))),
    "S8": (5, ("postcopy-after-pass", "adaptive+postcopy", "measured+postcopy")),
    "S9": (
        5,
        ("virsh", "postcopy-after-pass", "timeout-suspend", "xbzrle", *_OURS[:3]),
    ),
}
"""What one move tells only by luck, and how often it is made, so that the median
counts: whether a second is a hundredth more than another, the one longest stall of a
guest, and in which pass a guest on the edge of the permitted stop gets below it."""
TURNS = 5
"""How often what is claimed of each row is run."""
PEERS_ON = ("S2", "S6", "S8", "S10")
"""Where the peers' policies are run: one that converges, three that do not."""


@dataclass(frozen=True)
class Task:
    """One cell to run."""

    scenario: Scenario
    strategy: Strategy
    buffers: str
    repeat: int


@dataclass(frozen=True)
class Missing:
    """A row that can't be run here, and why: it is listed, not left out."""

    name: str
    why: str


def chosen(asked) -> list[tuple[Scenario, Strategy]]:
    """Scenario and strategy of each cell, by the command line.

    Raises:
        SystemExit: there is no such scenario or strategy.
    """
    if asked.guestperf:
        points = [point for point in guestperf.POINTS if point.strategy]
        return [(within(p.scenario, asked.deadline), p.strategy) for p in points]
    everything = tuple(row.id for row in scenarios.ROWS)
    every_way = tuple(row.id for row in strategies.ROWS)
    usual = QUICK_SCENARIOS if asked.quick else everything
    usual_ways = QUICK_STRATEGIES if asked.quick else every_way
    rows = _named(asked.scenarios, usual, SCENARIOS)
    deadline_s = asked.deadline or (QUICK_DEADLINE_S if asked.quick else None)
    rows = [within(row, deadline_s) for row in rows]
    left_out = _named(asked.without, (), STRATEGIES)
    ways = _named(asked.strategies, usual_ways, STRATEGIES)
    ways = [way for way in ways if way not in left_out]
    return [
        (row, way)
        for row in rows
        for way in ways
        if asked.strategies or _usual(asked, row, way)
    ]


def _usual(asked, row: Scenario, way: Strategy) -> bool:
    """Whether it is run there if nobody asked for it by name."""
    if way.peer and row.id not in PEERS_ON:
        return False
    return not (asked.quick and (row.id, way.id) in QUICK_WITHOUT)


def within(scenario: Scenario, deadline_s: float | None) -> Scenario:
    """The same with another deadline, if there is one."""
    return replace(scenario, deadline_s=deadline_s) if deadline_s else scenario


def _named(text, default, table):
    names = text.split(",") if text else default
    unknown = [name for name in names if name not in table]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(table)}")
    return [table[name] for name in names]


def turns(row: Scenario, way: Strategy, repeats: int, *, quick: bool = False) -> int:
    """How often a cell is run, if others are run `repeats` times."""
    if quick:
        return repeats
    often, ways = LUCK.get(row.id, (TURNS, ()))
    claimed = TURNS if way.id in EACH else repeats
    return max(repeats, claimed, often if way.id in ways else 0)


def tasks(
    pairs, buffers: list[str], repeats: int, able, *, quick: bool = False
) -> list[Task]:
    """All cells in order; within a scenario A B C, A B C.

    Args:
        pairs: Scenarios and strategies.
        buffers: TCP buffers to run each with.
        repeats: How often; what is luck, more often.
        able: Whether a strategy can be run here.
        quick: Whether luck is taken as it comes.
    """
    order: dict[str, list[tuple[Scenario, Strategy]]] = {}
    for scenario, strategy in pairs:
        if able(strategy):
            order.setdefault(scenario.id, []).append((scenario, strategy))
    return [
        Task(scenario, strategy, each, repeat)
        for rows in order.values()
        for repeat in range(max(turns(*row, repeats, quick=quick) for row in rows))
        for each in buffers
        for scenario, strategy in rows
        if repeat < turns(scenario, strategy, repeats, quick=quick)
    ]


def missing(asked, pairs, able) -> list[Missing]:
    """What can't be run here."""
    absent = {way.id for _, way in pairs if not able(way)}
    found = [
        Missing(name, "this virtmigrate has no convergence policies")
        for name in sorted(absent)
    ]
    if asked.guestperf:
        found += [
            Missing(f"{p.comparison} {p.point}", f"needs {p.needs}")
            for p in [*guestperf.POINTS, *guestperf.SUCCESSORS]
            if p.strategy is None
        ]
    return found
