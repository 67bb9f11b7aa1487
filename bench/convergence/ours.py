"""A move by virtmigrate under a policy, with the same deadline and watched the same.

Imported late: the rows of virsh run without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CANCEL_TIMEOUT_S = 90.0
"""Nothing may cancel post-copy: it gets this long past the deadline."""
GRACE_S = 1.0
"""A policy's deadline is one of the transfer: the phases before it take so long."""
TIMES = ("_s", "_s_per_gib")
STOP = "max_switchover_s"


class Ours:
    """Moves by virtmigrate, with a journal as it is used.

    Args:
        scratch: Where the journal is kept.
        measure_s: How long the guest's writes are measured for the forecast.
        clock: The time; None: this machine's.
    """

    def __init__(self, scratch: Path, measure_s: float, clock=None) -> None:
        from virtmigrate import Migrator
        from virtmigrate.sqlite_journal import SQLiteJournal

        self._journal = SQLiteJournal(scratch / "journal.db")
        self._migrator = Migrator(
            journal=self._journal, sinks=[self._hear], clock=clock
        )
        self._measure_s = measure_s
        self._told: list[tuple[float, int, bool | None]] = []
        self._left: list[tuple[float, float]] = []
        self._began = self._lag_s = 0.0

    def mover(self, cell, strategy, scenario, name: str, hosts) -> Callable[[], str]:
        """What moves it: all of it, or a plan that was made before the clock starts."""
        from virtmigrate import Options

        way = (name, *(host.uri for host in hosts), Options(**strategy.options))
        policy = policy_for(strategy, scenario)
        start = (
            self._foretold(cell, way, policy)
            if strategy.measured
            else partial(self._migrator.start, *way, policy=policy)
        )
        patience_s = scenario.deadline_s + (GRACE_S if strategy.limited else 0)
        self._told.clear()
        self._left.clear()
        return lambda: self._move(cell, start, patience_s)

    def _foretold(self, cell, way, policy) -> Callable[[], Any]:
        """Plan it with a measurement: the forecast. What starts that plan.

        What was measured for it, the policy knows too.
        """
        from virtmigrate.handle import Handle, new_id

        plan = self._migrator.plan(*way, policy=policy, measure_s=self._measure_s)
        cell.measured_s = self._measure_s
        if plan.forecast is not None:
            cell.more["forecast"] = plan.forecast.model_dump(mode="json")
        return lambda: Handle(
            new_id(), lambda cancel: self._migrator.run(plan, cancel=cancel)
        )

    def warm_up(self, name: str, hosts) -> None:
        """Move a guest as it is: libvirt probes, and the link's rate goes on record."""
        uris = [host.uri for host in hosts]
        self._migrator.migrate(name, *uris).raise_unless_succeeded()

    def _hear(self, event) -> None:
        """Note what it tells, by the clock of the cell."""
        if event.kind == "started":
            now = self._migrator.clock.now()
            self._lag_s = now - self._began - event.at_ms / 1000
        if event.kind != "progress" or event.postcopy:
            return
        at_s = round(self._lag_s + event.at_ms / 1000, 3)
        if event.remaining_bytes is not None:
            self._left.append((at_s, round(event.remaining_bytes / 2**20, 3)))
        told = event.iteration or 0, event.converges
        if not self._told or self._told[-1][1:] != told:
            self._told.append((at_s, *told))

    def _move(self, cell, start: Callable[[], Any], patience_s: float) -> str:
        """Start it, and wait; says why it did not."""
        self._began, late = self._migrator.clock.now(), False
        handle = start()
        try:
            result = handle.wait(patience_s)
        except TimeoutError:
            late = True
            handle.cancel()
            result = handle.wait(CANCEL_TIMEOUT_S)
        except BaseException:
            handle.cancel()
            raise
        self._note(cell, result.migration, result)
        if not result.succeeded:
            faults = "; ".join(fault.message for fault in result.faults)
            why = result.limit or faults or result.reason
            return "deadline" if late else f"{result.outcome}: {why}"
        return "ended after the deadline" if late else ""

    def _note(self, cell, migration: str, result) -> None:
        """What its journal says of it."""
        told = result.model_dump(mode="json")
        keys = (
            "faults",
            "outcome",
            "limit",
            "fired",
            "effective",
            "timing",
            "processed_bytes",
        )
        cell.more["result"] = {key: told.get(key) for key in keys}
        cell.passes = told.get("iterations")
        cell.more["left"] = list(self._left)
        cell.more["told"] = list(self._told)
        for record in self._journal.records(migration):
            if record.kind == "acted":
                body = record.body
                at = round(self._lag_s + float(body.get("at_ms") or 0) / 1000, 3)
                value = body.get("value")
                words = " ".join(str(x) for x in (body["action"], value) if x)
                cell.marks.append((at, words))


def policy_for(strategy, scenario):
    """The row's policy; ours is told the scenario's limits, a peer keeps its own."""
    from virtmigrate.policy import Objective
    from virtmigrate.presets import preset

    policy = shortened(preset(strategy.policy), strategy.clock)
    given = dict.fromkeys(sorted(strategy.uses), True)
    if given:
        policy = policy.allowing(**given)
    if strategy.objective:
        aim = Objective(strategy.objective)
        policy = policy.model_copy(update={"objective": aim})
    if strategy.limited:
        policy = policy.limited(
            max_downtime_ms=scenario.gap_ms, max_total_s=scenario.deadline_s
        )
    return policy


def shortened(policy, clock: float):
    """A policy whose times are divided, for peers whose clock is in minutes."""
    if clock == 1:
        return policy
    return type(policy).model_validate(_divided(policy.model_dump(), clock))


def _divided(data: Any, clock: float) -> Any:
    """Every time of the policy's clock, divided; a stop of the guest stays as it is."""
    if isinstance(data, dict):
        return {
            key: value / clock
            if key.endswith(TIMES) and key != STOP and isinstance(value, int | float)
            else _divided(value, clock)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return type(data)(_divided(each, clock) for each in data)
    return data
