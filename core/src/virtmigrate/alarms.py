"""Steps that take longer than they should: told while they still hang.

A deadline ends a call, and a policy ends a transfer; an alarm ends nothing. It tells
whoever watches that a step is past its limit, so that a person may look at the hosts
before the last deadline fires. Each step raises at most one.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from virtmigrate.clock import RealClock
from virtmigrate.policy import STEP_LIMITS_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.clock import Clock
    from virtmigrate.logbook import Logbook
    from virtmigrate.plan import Plan

USUAL_S = 120.0
"""Of a step that the table does not know."""
LAST_S = 1.0
"""For an alarm that is being told when the migration ends."""


def limit_s(hook: str, plan: Plan) -> float:
    """Seconds that a step of this plan may take before it raises an alarm.

    A transfer has until its policy must have ended it, and what the last request to
    abort may take. In a post-copy the transfer goes on in finish.

    Args:
        hook: The step's.
        plan: Its plan.
    """
    policy = plan.policy
    usual = policy.alarms_s.get(hook, STEP_LIMITS_S.get(hook, USUAL_S))
    waits = hook == "finish" and plan.settlement["postcopy"].effective
    if hook != "perform" and not waits:
        return usual
    size = plan.workload.memory_bytes if plan.workload else 0
    return policy.deadline_s(size) + policy.limits.max_switchover_s + usual


class Watchdog:
    """Watches the steps of one migration, in a thread of its own."""

    def __init__(self, plan: Plan, book: Logbook, clock: Clock) -> None:
        """Nothing is watched yet.

        Args:
            plan: Whose steps.
            book: Where an alarm goes: events, journal, log.
            clock: The time. Of one that is not real only the end of a step is seen.
        """
        self._plan = plan
        self._book = book
        self._clock = clock
        self._changed = threading.Condition()
        self._due: tuple[float, str, str, float] | None = None
        self._raised: set[str] = set()
        self._thread: threading.Thread | None = None
        self._over = False

    @contextmanager
    def over(self, step: str, hook: str, side: str) -> Iterator[None]:
        """Watch one step.

        Args:
            step: Its id.
            hook: Its kind, for the limit.
            side: Where it acts, for the alarm.
        """
        most = limit_s(hook, self._plan)
        began = self._clock.now()
        self._set((time.monotonic() + most, step, side, most))
        try:
            yield
        finally:
            self._set(None)
            if self._clock.now() - began > most:
                self._alarm(step, side, most)

    def stop(self) -> None:
        """The migration is over. Harmless twice."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LAST_S)

    def _set(self, due: tuple[float, str, str, float] | None) -> None:
        if not isinstance(self._clock, RealClock):
            return
        with self._changed:
            self._due = due
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._watch, name="virtmigrate-watchdog", daemon=True
            )
            self._thread.start()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._over:
                    return
                due = self._due
                left = None if due is None else due[0] - time.monotonic()
                if due is None or (left is not None and left > 0):
                    self._changed.wait(left)
                    continue
                self._due = None
            self._alarm(*due[1:])

    def _alarm(self, step: str, side: str, most: float) -> None:
        if step in self._raised:
            return
        self._raised.add(step)
        self._book.alarm(step, side, most)
