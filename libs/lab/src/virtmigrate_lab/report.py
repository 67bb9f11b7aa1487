"""What a check of a guest found, and the verdict on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from virtmigrate_lab.disks import TARGETS
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.domains import RUNNING
from virtmigrate_lab.heartbeat import Walk
from virtmigrate_lab.stream import Record
from virtmigrate_lab.windows import (
    STALL_S,
    Window,
    longest_silence,
    overlaps,
    silences,
)


@dataclass(frozen=True)
class Seen:
    """What was found out about a guest, unjudged.

    Args:
        hosts: Host, the state that it tells, and whether it has a configuration.
        windows: Everything that the observer heard.
        alive: Whether it beat while we looked.
        walk: What it verified; None if it did not.
    """

    hosts: dict[str, tuple[str, bool]]
    windows: list[Window]
    alive: bool
    walk: Walk | None


@dataclass(frozen=True)
class DiskReport:
    """A disk of a guest, as the guest sees it; blocks are of 4 KiB.

    Args:
        target: ``hda``, ``hdb``.
        written: The number of its newest write; they count on over boots.
        flushed: The number of the newest write before its last flush.
        blocks: Blocks that a whole walk verifies.
        verified: Blocks verified during this check.
        errors: Blocks that did not hold what they must.
        failed: Commands that ended with an error, or not in time.
        first_bad_block: The lowest block that did not hold what it must.
    """

    target: str
    written: int
    flushed: int
    blocks: int
    verified: int
    errors: int
    failed: int
    first_bad_block: int | None

    @property
    def problems(self) -> list[str]:
        """What is wrong with it; empty if nothing is."""
        checks = [
            (not self.errors, f"{self.errors} blocks do not hold what they must"),
            (not self.failed, f"{self.failed} commands failed"),
        ]
        return [f"disk {self.target}: {text}" for fine, text in checks if not fine]


@dataclass(frozen=True)
class GuestReport:
    """A guest, seen from outside: what its hosts say, and what its heartbeat shows.

    Args:
        name: Its name in the lab.
        uuid: Its UUID, by which the hosts were asked.
        hosts: Host and the state that it tells (``running``, ``paused``, ``shut off``
            ..., ``absent``, or ``unreachable``).
        persistent: Hosts on which it has a configuration.
        beats_on: Host on which it beats now; None if it is silent.
        alive: Whether its counter went on while we looked.
        counter: Beats since it booted.
        writes: Pages it has written since it booted.
        pages: Pages that a whole walk verifies.
        verified: Pages verified during this check (0: not asked for or silent).
        memory_ok: Every page held what it must; None if it could not be verified.
        errors: Pages that did not hold what they must.
        first_bad_page: The lowest such page.
        longest_silence_ms: Longest silence of its heartbeat since ``since``.
        silences_ms: Each silence of at least 20 ms since then, in order.
        double_run: From and to (s) of each stretch in which it beat on two hosts.
        disks: Its disks, as it sees them.
        since: Start of the time looked at, in seconds of the monotonic clock.
    """

    name: str
    uuid: str
    hosts: dict[str, str]
    persistent: list[str]
    beats_on: str | None
    alive: bool
    counter: int
    writes: int
    pages: int
    verified: int
    memory_ok: bool | None
    errors: int
    first_bad_page: int | None
    longest_silence_ms: float
    since: float
    silences_ms: list[float] = field(default_factory=list)
    double_run: list[tuple[float, float]] = field(default_factory=list)
    disks: list[DiskReport] = field(default_factory=list)

    @property
    def running_on(self) -> list[str]:
        """The hosts that say it runs there."""
        return [host for host, state in self.hosts.items() if state == RUNNING]

    @property
    def problems(self) -> list[str]:
        """Why this is not a guest that runs once, well; empty if it is."""
        checks = [
            (len(self.running_on) == 1, f"it runs on {len(self.running_on)} hosts"),
            (self.alive, "its heartbeat is silent"),
            (
                not self.alive or [self.beats_on] == self.running_on,
                f"it beats on {self.beats_on}, but hosts say {self.running_on}",
            ),
            (not self.errors, f"{self.errors} pages do not hold what they must"),
            (self.memory_ok is not None, "its memory could not be verified"),
            (not self.double_run, f"it ran on two hosts at once: {self.double_run}"),
        ]
        wrong = [text for fine, text in checks if not fine]
        return [*wrong, *self.disk_problems]

    @property
    def disk_problems(self) -> list[str]:
        """What is wrong with its disks, as it sees them."""
        return [text for disk in self.disks for text in disk.problems]

    @property
    def ok(self) -> bool:
        """It runs on one host, goes on there, its memory and its disks are whole."""
        return not self.problems

    def well(self, *, verified: bool) -> bool:
        """The verdict, where its memory was asked to be verified or was not."""
        return self.ok if verified else self.alive and not self.double_run

    def lines(self) -> list[str]:
        """For people, without its problems."""
        walked = f"memory: {self.verified} pages verified, {self.errors} wrong"
        walks = [
            f"disk {disk.target}: {disk.written} blocks written, {disk.verified}"
            f" verified, {disk.errors} wrong, {disk.failed} commands failed"
            for disk in self.disks
        ]
        return [
            *(f"{host}: {state}" for host, state in self.hosts.items()),
            f"heartbeat: {self.counter} beats, now from {self.beats_on or 'nowhere'}",
            f"longest silence: {self.longest_silence_ms} ms",
            *([walked] if self.verified else []),
            *walks,
        ]

    def to_json(self) -> dict[str, Any]:
        """As JSON data, with the verdict."""
        return {**asdict(self), "ok": self.ok, "problems": self.problems}


def make_report(
    guest: GuestOptions, seen: Seen, since: float | None = None
) -> GuestReport:
    """Judge what was seen.

    Args:
        guest: The guest.
        seen: What was found out about it.
        since: From when on silences count (monotonic seconds; default: all).
    """
    windows = seen.windows
    last = next((w.record for w in reversed(windows) if w.record), None)
    start = since if since is not None else windows[0].first if windows else 0.0
    errors = last.errors if last else 0
    stalls = [end - begin for begin, end in sorted(silences(windows, start))]
    return GuestReport(
        name=guest.name,
        uuid=guest.uuid,
        hosts={host: state for host, (state, _) in seen.hosts.items()},
        persistent=[host for host, (_, kept) in seen.hosts.items() if kept],
        beats_on=windows[-1].host if seen.alive and windows else None,
        alive=seen.alive,
        counter=last.counter if last else 0,
        writes=last.writes if last else 0,
        pages=last.pages if last else 0,
        verified=seen.walk.pages if seen.walk else 0,
        memory_ok=None if seen.walk is None else not errors,
        errors=errors,
        first_bad_page=last.first_bad if last else None,
        longest_silence_ms=round(1000 * longest_silence(windows, start), 1),
        since=start,
        silences_ms=[round(1000 * s, 1) for s in stalls if s >= STALL_S],
        double_run=overlaps(windows),
        disks=_disks(last, seen.walk),
    )


def _disks(last: Record | None, walk: Walk | None) -> list[DiskReport]:
    said = last.disks if last else ()
    verified = walk.blocks if walk else (0,) * len(said)
    return [
        DiskReport(
            *(target, disk.written, disk.flushed, disk.blocks, blocks),
            *(disk.errors, disk.failed, disk.first_bad),
        )
        for target, disk, blocks in zip(TARGETS, said, verified, strict=False)
    ]
