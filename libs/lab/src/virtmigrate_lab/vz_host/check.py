"""Whether a guest is well: judged from the history of all hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OVERLAP_S = 1e-6


@dataclass(frozen=True, slots=True)
class Interval:
    """A time in which a guest's CPUs ran on one host (boot time, seconds)."""

    host: str
    began: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """What the history shows of one guest.

    Attributes:
        running_on: Hosts on which its CPUs run now.
        intervals: When they ran where.
        longest_silence_ms: Longest time between two intervals of one boot.
        problems: What must never be: two at once, memory lost.
    """

    running_on: tuple[str, ...]
    intervals: tuple[Interval, ...]
    longest_silence_ms: float
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it runs once and has lost nothing."""
        return not self.problems and len(self.running_on) == 1


def judge(history: Iterable[dict[str, Any]], *, since: float = 0.0) -> Health:
    """Judge one guest's history.

    Args:
        history: Its lines, oldest first.
        since: Boot time from which on silences count.
    """
    lines = list(history)
    done: list[Interval] = []
    open_at: dict[str, float] = {}
    problems: list[str] = []
    silence = 0.0
    last: dict[str, Any] | None = None
    for line in lines:
        host, at = line["host"], line["at"]
        if line["what"] == "start":
            others = [name for name in open_at if name != host]
            if others:
                problems.append(f"it runs on {host} and {', '.join(others)}")
            if last is not None and last["boot"] == line["boot"]:
                silence = max(silence, at - last["at"] if at >= since else 0.0)
                if last["digest"] != line["digest"]:
                    problems.append(f"its memory was lost on the way to {host}")
            open_at[host] = at
        elif line["what"] == "stop":
            began = open_at.pop(host, at)
            done.append(Interval(host, began, at))
            last = line
    running = [Interval(host, began, None) for host, began in open_at.items()]
    return Health(
        tuple(sorted(open_at)),
        (*done, *running),
        silence * 1000,
        tuple(problems),
    )
