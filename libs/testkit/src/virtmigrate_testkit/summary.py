"""A closing line for each plugin: tests run, and what does not apply, with reasons.

It registers itself when the first standard test runs, so that the kit needs no entry
point that would load it into everybody's test runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

NAME = "virtmigrate-testkit"
Key = pytest.StashKey["Summary"]()


@dataclass(slots=True)
class Tally:
    """Tests of one class.

    Attributes:
        label: What the line calls it.
        ended: Outcome to number of tests.
        reasons: Reason to number of tests that were left out for it.
    """

    label: str
    ended: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """The closing line, and one for each reason."""
        ended = self.ended
        run = ended["passed"] + ended["failed"]
        left = sum(self.reasons.values())
        head = (
            f"{NAME}: {self.label}: {run} tests run, {ended['failed']} failed, "
            f"{left} not applicable"
        )
        return [head, *(f"  {n:3} {why}" for why, n in self.reasons.most_common())]


class Summary:
    """Counts, by the class that a test belongs to."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count each test once."""
        tally = self.tallies.get(report.nodeid.rpartition("::")[0])
        if tally is None:
            return
        if report.skipped:
            text = report.longrepr
            why = text[2] if isinstance(text, tuple) else str(text)
            tally.reasons[why.removeprefix("Skipped: ")] += 1
        elif report.when == "call" or report.failed:
            tally.ended[report.outcome] += 1

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print them."""
        for tally in self.tallies.values():
            for line in tally.lines():
                terminalreporter.write_line(line)


def announce(config: pytest.Config, nodeid: str, label: str) -> None:
    """Count the tests of this class from now on."""
    found = config.stash.get(Key, None)
    if found is None:
        found = config.stash[Key] = Summary()
        config.pluginmanager.register(found, NAME)
    found.tallies.setdefault(nodeid, Tally(label))
