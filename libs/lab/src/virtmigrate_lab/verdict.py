"""The judge of a guest's history: who ran when, by its own heartbeat. Pure.

It believes neither the mover's words nor a hypervisor's alone: a guest beats where it
runs, counts its beats, and verifies its memory itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from virtmigrate_lab.domains import ABSENT, SHUT_OFF, UNREACHABLE
from virtmigrate_lab.report import GuestReport
from virtmigrate_lab.windows import Run


def violations(
    report: GuestReport,
    history: Sequence[Run],
    *,
    runs_on: str | None,
    mortal: bool = False,
) -> list[str]:
    """What must never be, and is.

    Args:
        report: The guest at the end, seen from outside.
        history: Every stretch in which it ran (:meth:`Lab.guest_runs`).
        runs_on: The host that it was moved to or left on: there it runs well, there it
            is defined, and nowhere else. None: that was left open, so it runs well
            somewhere, or its memory waits in exactly one place.
        mortal: Whether whoever struck may have ended it; then it may run nowhere.
    """
    place = _open(report) if runs_on is None else _settled(report, runs_on)
    if mortal and not report.alive:
        place = []
    kept = [] if report.persistent else ["no host has its configuration"]
    twice = [f"it ran on two hosts at once: {times}" for times in report.double_run]
    return [*dict.fromkeys([*twice, *_went_back(history), *place, *kept])]


def _went_back(history: Sequence[Run]) -> list[str]:
    """A memory older than what ran before: it was resumed after it had been left."""
    return [
        f"a stale memory ran: {after.host} went on at beat {after.counter_first}, "
        f"after {before.host} had reached {before.counter_last}"
        for before, after in pairwise(history)
        if before.counter_last is not None
        and after.counter_first is not None
        and after.counter_first <= before.counter_last
    ]


def _settled(report: GuestReport, host: str) -> list[str]:
    others = [h for h in report.hosts if h != host]
    checks = [
        (report.beats_on == host, f"it beats on {report.beats_on}, not on {host}"),
        (host in report.persistent, f"host {host} does not have its configuration"),
        *(
            (report.hosts[h] == ABSENT, f"host {h} still shows it: {report.hosts[h]}")
            for h in others
        ),
    ]
    return [*_well(report), *(text for fine, text in checks if not fine)]


def _open(report: GuestReport) -> list[str]:
    if report.alive:
        return _well(report)
    places = _processes(report)
    if len(places) == 1:
        return []
    return [f"its memory is on {len(places)} hosts, and it runs on none"]


def _well(report: GuestReport) -> list[str]:
    checks = [
        (report.alive, "its heartbeat is silent"),
        (not report.errors, f"{report.errors} pages do not hold what they must"),
        (report.memory_ok is not None, "its memory could not be verified"),
    ]
    wrong = [text for fine, text in checks if not fine]
    return [*wrong, *report.disk_problems]


def _processes(report: GuestReport) -> list[str]:
    idle = (ABSENT, SHUT_OFF, UNREACHABLE)
    return [host for host, state in report.hosts.items() if state not in idle]
