"""Clocks of worlds: one that only moves when somebody sleeps, and this machine's."""

from __future__ import annotations

import threading
import time


class VirtualClock:
    """Time passes only when somebody sleeps: a day takes no time at all.

    Attributes:
        epoch: Wall time at its zero, seconds since 1970.
    """

    def __init__(self, start: float = 0.0, epoch: float = 1_700_000_000.0) -> None:
        """Begin at `start` seconds."""
        self._now = start
        self._lock = threading.Lock()
        self.epoch = epoch

    def now(self) -> float:
        """Seconds since the world began."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970, as the world has it."""
        return self.epoch + self._now

    def sleep(self, seconds: float) -> None:
        """Let that much time pass, at once."""
        if seconds > 0:
            with self._lock:
                self._now += seconds

    def catch_up(self, now: float) -> None:
        """Go to `now`, if that lies ahead (another process got there first)."""
        with self._lock:
            self._now = max(self._now, now)


class WorldClock:
    """This machine's clock, from a world's beginning on, perhaps faster.

    It counts wall time, so that every process that opens the world agrees on it.

    Attributes:
        epoch: Wall time at which the world began.
        speed: World seconds per second.
    """

    def __init__(self, epoch: float, speed: float = 1.0) -> None:
        """Count from `epoch` on."""
        self.epoch = epoch
        self.speed = speed
        self._latest = 0.0

    def now(self) -> float:
        """Seconds since the world began; never goes back in one process."""
        self._latest = max(self._latest, (time.time() - self.epoch) * self.speed)
        return self._latest

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.epoch + self.now()

    def sleep(self, seconds: float) -> None:
        """Sleep for real, `speed` times shorter."""
        if seconds > 0:
            time.sleep(seconds / self.speed)


AnyClock = VirtualClock | WorldClock
