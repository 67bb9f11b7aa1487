"""All that a run saw, as it is written to JSON and read back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bench.convergence.cell import Cell

OWN, MEASURED = "adaptive", "measured"
"""Our own policy; and the same of a plan for which the guest was measured."""


@dataclass
class Data:
    """A run.

    Args:
        machine: Where and when; see :func:`bench.convergence.machine.machine`.
        cells: What was seen, in the order in which it was run.
        scenarios: The scenarios that were run, by id.
        strategies: The strategies that were run, by id.
        missing: Rows that could not be run here, and why.
    """

    machine: dict[str, Any]
    cells: list[Cell] = field(default_factory=list)
    scenarios: dict[str, dict[str, Any]] = field(default_factory=dict)
    strategies: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)

    def add(self, task, cell: Cell) -> None:
        """One more cell."""
        way = task.strategy
        self.scenarios[task.scenario.id] = {
            **asdict(task.scenario),
            "ratio": task.scenario.ratio,
        }
        self.strategies[way.id] = {**asdict(way), "uses": sorted(way.uses)}
        self.cells.append(cell)

    def uses(self, strategy: str) -> frozenset[str]:
        """The consents of a strategy."""
        return frozenset(self.strategies[strategy]["uses"])

    def adaptive(self, strategy: str) -> bool:
        """Whether it is virtmigrate's own policy."""
        return bool(self.strategies[strategy]["policy"] == OWN)

    def measured(self, strategy: str) -> bool:
        """Whether it was measured, and foretold, before the clock started."""
        return bool(self.strategies[strategy]["measured"])

    @classmethod
    def joined(cls, runs: list[Data]) -> Data:
        """Several runs as one, on the machine of the first."""
        whole = runs[0]
        for run in runs[1:]:
            whole.cells += run.cells
            whole.scenarios |= run.scenarios
            whole.strategies |= run.strategies
            whole.missing += [row for row in run.missing if row not in whole.missing]
        return whole

    def changes(self, scenario: str) -> bool:
        """Whether the link or the guest changes while it moves: nobody foretells it."""
        return bool(self.scenarios[scenario]["moments"])

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "machine": self.machine,
            "missing": self.missing,
            "scenarios": self.scenarios,
            "strategies": self.strategies,
            "cells": [cell.to_json() for cell in self.cells],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Data:
        """Back from :meth:`to_json`."""
        missing = [(name, why) for name, why in data["missing"]]
        old = {n for n, way in data["strategies"].items() if MEASURED not in way}
        cells = [
            Cell(**(_before(cell) if cell["strategy"] in old else cell))
            for cell in data["cells"]
        ]
        ways = dict(
            _way_before(name, way) if name in old else (name, way)
            for name, way in data["strategies"].items()
        )
        return cls(data["machine"], cells, data["scenarios"], ways, missing)


def _way_before(name: str, way: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A strategy of a run in which each move of ours was measured first."""
    ours = way["policy"] == OWN
    name = name.replace(OWN, MEASURED, 1) if ours else name
    return name, {**way, "id": name, MEASURED: ours}


def _before(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell of such a run."""
    name = cell["strategy"]
    if not name.startswith(OWN):
        return cell
    name = name.replace(OWN, MEASURED, 1)
    return {**cell, "strategy": name, "measured_s": None}
