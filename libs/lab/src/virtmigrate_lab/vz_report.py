"""What a check of a guest on vz hosts found, and the verdict on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from virtmigrate_lab.vz_host.check import Health, Interval


@dataclass(frozen=True)
class VzReport:
    """A guest on vz hosts: what they say, and what their common history shows.

    Args:
        name: Its name in the lab.
        uuid: Its UUID, by which the hosts were asked.
        hosts: Host and the state that it tells; ``absent`` or ``unreachable``.
        persistent: Hosts on which it has a configuration.
        health: What the history shows.
        counter_s: CPU seconds that it has run since it was booted.
    """

    name: str
    uuid: str
    hosts: dict[str, str]
    persistent: list[str]
    health: Health
    counter_s: float

    @property
    def running_on(self) -> list[str]:
        """The hosts on which its CPUs run."""
        return list(self.health.running_on)

    @property
    def runs(self) -> tuple[Interval, ...]:
        """When they ran where (boot time, seconds)."""
        return self.health.intervals

    @property
    def longest_silence_ms(self) -> float:
        """Longest time in which they stood still."""
        return round(self.health.longest_silence_ms, 1)

    @property
    def problems(self) -> list[str]:
        """Why this is not a guest that runs once, well; empty if it is."""
        count = len(self.running_on)
        return [*self.health.problems, *([f"it runs on {count} hosts"] * (count != 1))]

    @property
    def ok(self) -> bool:
        """It runs on one host, never ran on two, and lost nothing on the way."""
        return not self.problems

    def well(self, *, verified: bool) -> bool:
        """The verdict: here nothing is left out, as its memory is always verified."""
        return self.ok

    def to_json(self) -> dict[str, Any]:
        """As JSON data, with the verdict."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "hosts": self.hosts,
            "persistent": self.persistent,
            "running_on": self.running_on,
            "counter_s": self.counter_s,
            "longest_silence_ms": self.longest_silence_ms,
            "runs": [asdict(run) for run in self.runs],
            "ok": self.ok,
            "problems": self.problems,
        }

    def lines(self) -> list[str]:
        """For people, without its problems."""
        where = ", ".join(self.running_on) or "no host"
        return [
            *(f"{host}: {state}" for host, state in self.hosts.items()),
            f"CPUs: {self.counter_s} s, now on {where}",
            f"longest silence: {self.longest_silence_ms} ms",
        ]
