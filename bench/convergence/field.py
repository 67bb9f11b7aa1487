"""The lab with one guest of a scenario in it, and how a cell is run there."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from bench.convergence import virsh_move
from bench.convergence.cell import (
    JITTER_MS,
    Cell,
    Meter,
    jitter,
    judge,
    listen,
    prove,
    sent_between,
)
from bench.convergence.scenarios import LINK_MIB_S, Moment, Scenario
from bench.convergence.strategies import Strategy

GUEST = "mover"
WARM_UP = {"memory_mib": 64, "working_set_mib": 1, "dirty_rate_mib_s": 0}
WARM_UP_S = 60.0
CALM_S = 1.0
"""After a move: throttles are lifted, sockets drained."""


class Field:
    """One guest on two hosts.

    Args:
        lab: The lab.
        ours: Moves by virtmigrate; None: only virsh.
    """

    def __init__(self, lab, ours=None) -> None:
        self.lab = lab
        self._ours = ours
        self._passes = {h: virsh_move.Passes(host) for h, host in lab.hosts.items()}
        self._scenario: Scenario | None = None
        self._options = None

    def close(self) -> None:
        """End what listens."""
        for passes in self._passes.values():
            passes.close()

    def warm_up(self) -> None:
        """There and back once, on the shaped link: it is not counted."""
        self.lab.guest_start(GUEST, "a", **WARM_UP)
        hosts = list(self.lab.hosts.values())
        self.lab.link_rate(LINK_MIB_S)
        for source, destination in (hosts, hosts[::-1]):
            if self._ours:
                self._ours.warm_up(GUEST, (source, destination))
            else:
                words = ("--live", "--persistent", "--undefinesource", GUEST)
                source.virsh("migrate", *words, destination.uri, timeout_s=WARM_UP_S)
        self.lab.guest_stop(GUEST)

    def prepare(self, scenario: Scenario) -> None:
        """Start the scenario's guest, unless it runs already and is well."""
        if self._scenario is scenario and self._where():
            return
        self.fresh(scenario)

    def fresh(self, scenario: Scenario) -> None:
        """Start the scenario's guest anew."""
        self.lab.link_up()
        self.lab.guests.clear()
        self._options = self.lab.guest_start(GUEST, "a", **scenario.guest)
        self._scenario = scenario

    def _where(self) -> str | None:
        report = self.lab.guest_check(GUEST, verify=False)
        return report.running_on[0] if report.alive and report.running_on else None

    def run(
        self, scenario: Scenario, strategy: Strategy, buffers: str, repeat: int
    ) -> Cell:
        """One cell; once more if the machine was busy before it."""
        cell = self._run(scenario, strategy, buffers, repeat)
        if cell.jitter_ms > JITTER_MS:
            cell = self._run(scenario, strategy, buffers, repeat)
        return cell

    def _run(
        self, scenario: Scenario, strategy: Strategy, buffers: str, repeat: int
    ) -> Cell:
        self.prepare(scenario)
        self.lab.tcp_buffers(buffers)
        self.lab.link_rate(scenario.link_mib_s)
        here = self._where() or "a"
        there = "b" if here == "a" else "a"
        hosts = self.lab.hosts[here], self.lab.hosts[there]
        cell = Cell(scenario.id, strategy.id, buffers, repeat)
        cell.jitter_ms, pace = jitter(self.lab, GUEST, scenario.work)
        cell.load = round(os.getloadavg()[0], 2)
        move = self._mover(cell, strategy, scenario, hosts)
        meter, began = Meter(hosts[0]), self.lab.now()
        with self._happening(scenario.moments, began, cell):
            cell.why = attempted(move)
        cell.total_s = cell.over_s = round(self.lab.now() - began, 3)
        cell.ended = not cell.why
        meter.stop(cell)
        passes = self._passes[here].since(began)
        cell.marks += [(round(at, 3), f"pass {number}") for at, number in passes]
        cell.passes = max((n for _, n in passes), default=cell.passes)
        listen(self.lab, cell, GUEST, there, began, (scenario.work, pace))
        span = cell.stopped_s, cell.landed_s
        cell.after_stop_mib = sent_between(meter.curve, *span)
        self._after(scenario, cell)
        judge(cell, scenario.gap_ms, strategy.uses, scenario.deadline_s)
        return cell

    def _mover(
        self, cell: Cell, strategy: Strategy, scenario: Scenario, hosts
    ) -> Callable[[], str]:
        """What moves the guest once it is called; says why it did not."""
        if strategy.ours:
            return self._ours.mover(cell, strategy, scenario, GUEST, hosts)
        return partial(
            virsh_move.move,
            *hosts,
            self._options,
            strategy,
            scenario,
            self._passes[hosts[0].name],
        )

    def _after(self, scenario: Scenario, cell: Cell) -> None:
        """Prove the guest, calm it, or give up on it."""
        self.lab.link_rate(None)
        prove(self.lab, cell, GUEST)
        if not cell.whole or scenario.moments:
            self._scenario = None
        time.sleep(CALM_S)

    @contextlib.contextmanager
    def _happening(self, moments: tuple[Moment, ...], began: float, cell: Cell):
        stop = threading.Event()

        def play() -> None:
            for moment in moments:
                if stop.wait(max(0.0, began + moment.at_s - self.lab.now())):
                    return
                ACTIONS[moment.action](self.lab, moment)
                cell.marks.append((moment.at_s, f"{moment}"))

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
            self.lab.link_up()


def attempted(move: Callable[[], str]) -> str:
    """Why it did not end well: a cell that failed is a result."""
    try:
        return move()
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"


ACTIONS = {
    "link": lambda lab, moment: lab.link_rate(moment.rate_mib_s),
    "cut": lambda lab, moment: lab.link_down(),
    "mend": lambda lab, moment: lab.link_up(),
    "ramp": lambda lab, moment: lab.guest_ramp(GUEST),
}
