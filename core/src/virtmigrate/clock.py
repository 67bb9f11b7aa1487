"""Time as an object, so that a world of mock hosts can run on a virtual one."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the engine and the plugins know of time."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for records that people read."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...


class RealClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)
