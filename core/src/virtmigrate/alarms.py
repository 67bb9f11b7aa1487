"""Steps that take longer than they should: told while they still hang.

A deadline ends a call, and a policy ends a transfer; an alarm ends nothing. It tells
whoever watches that a step is past its limit, so that a person may look at the hosts
before the last deadline fires. Each step raises at most one.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from virtmigrate.clock import RealClock
from virtmigrate.policy import STEP_LIMITS_S

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return (
        policy.deadline_s(size, plan.copy_bytes)
        + policy.limits.max_switchover_s
        + usual
    )


class Due(NamedTuple):
    """A step under way.

    Attributes:
        at_s: When it raises its alarm, `time.monotonic`.
        step: Its id.
        side: Where it acts.
        most_s: Seconds that it may take.
    """

    at_s: float
    step: str
    side: str
    most_s: float


class _Rounds:
    """One thread of this process that looks after every step under way.

    A thread for each migration would cost more than most migrations of a mock do.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._dues: dict[Watchdog, Due] = {}
        self._wakes_s = math.inf
        self._thread: threading.Thread | None = None

    def add(self, watchdog: Watchdog, due: Due) -> None:
        """What this migration is at from now on."""
        with self._lock:
            self._dues[watchdog] = due
            if self._thread is None or not self._thread.is_alive():
                self._thread = _thread(self._go)
            elif due.at_s < self._wakes_s:
                self._changed.notify()

    def drop(self, watchdog: Watchdog) -> None:
        """It is at nothing any more. Harmless twice."""
        with self._lock:
            self._dues.pop(watchdog, None)

    def _go(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = [dog for dog, due in self._dues.items() if due.at_s <= now]
                if not late:
                    dues = self._dues.values()
                    self._wakes_s = min((d.at_s for d in dues), default=math.inf)
                    endless = self._wakes_s == math.inf
                    self._changed.wait(None if endless else self._wakes_s - now)
                for watchdog in late:
                    watchdog.tell(self._dues.pop(watchdog))


class Watchdog:
    """Watches the steps of one migration."""

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
        self._real = isinstance(clock, RealClock)
        self._began = 0.0
        self._due = Due(0.0, "", "", math.inf)
        self._lock = threading.Lock()
        self._told: dict[str, threading.Thread] = {}

    def over(self, step: str, hook: str, side: str) -> Self:
        """Watch one step, in a `with`: one at a time.

        Args:
            step: Its id.
            hook: Its kind, for the limit.
            side: Where it acts, for the alarm.
        """
        most = limit_s(hook, self._plan)
        self._due = Due(time.monotonic() + most, step, side, most)
        return self

    def __enter__(self) -> None:
        """It begins."""
        self._began = self._clock.now()
        if self._real:
            _ROUNDS.add(self, self._due)

    def __exit__(self, *exc: object) -> None:
        """It is over."""
        if self._real:
            _ROUNDS.drop(self)
        if self._clock.now() - self._began > self._due.most_s:
            self.tell(self._due)

    def tell(self, due: Due) -> None:
        """Raise the alarm of a step, unless it was; waits for nobody who hears it."""
        with self._lock:
            if due.step not in self._told:
                self._told[due.step] = _thread(
                    lambda: self._book.alarm(due.step, due.side, due.most_s)
                )

    def stop(self) -> None:
        """The migration is over. Harmless twice."""
        for telling in self._told.values():
            telling.join(LAST_S)


def _thread(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, name="virtmigrate-watchdog", daemon=True)
    thread.start()
    return thread


_ROUNDS = _Rounds()
