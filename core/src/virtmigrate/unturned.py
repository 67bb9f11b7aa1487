"""Knobs that a hypervisor did not turn: what a person is told of them, and when. Pure.

A limit is tried again, and one that is set after all is no news. Nor is a knob that
came too late: the transfer was over by then.
"""

from __future__ import annotations

from virtmigrate.able import KNOBS
from virtmigrate.policy import Do

ONCE = (Do.POSTCOPY, Do.SUSPEND)
"""What may have come although the answer was an error: it is not asked for again."""


class Unturned:
    """What could not be done to one transfer."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._told: dict[Do, str] = {}
        self._tries: dict[Do, int] = {}
        self._missed: set[Do] = set()

    def refused(self, do: Do, value: int | None, why: str, error: Exception) -> None:
        """The hypervisor said no.

        Args:
            do: What was wanted.
            value: ms, MiB/s or bytes; None for an act without one.
            why: It was wanted.
            error: What the hypervisor said.
        """
        words = f"{why}: {error}"
        if do not in ONCE:
            words = f"the limit {KNOBS[do]} {value} could not be set: {words}"
        self._tries[do] = self._tries.get(do, 0) + 1
        self._told.setdefault(do, words)

    def turned(self, do: Do) -> None:
        """It was done after all."""
        for kept in (self._told, self._tries):
            kept.pop(do, None)
        self._missed.discard(do)

    def goes_on(self) -> None:
        """The transfer is seen to go on without it."""
        self._missed.update(self._told)

    def news(self, *, over: bool = False) -> list[str]:
        """What a person should know now, each once.

        Args:
            over: No more tries will follow.
        """
        due = [
            do
            for do, words in self._told.items()
            if words
            and do in self._missed
            and (over or do in ONCE or self._tries[do] > 1)
        ]
        words = [self._told[do] for do in due]
        self._told.update(dict.fromkeys(due, ""))
        return words
