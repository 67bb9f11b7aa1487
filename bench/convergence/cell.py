"""One cell: one guest moved once by one strategy, measured from outside."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

QUIET_S = 1.5
"""How long the guest is listened to before it moves."""
SETTLE_S = 0.4
"""The observer writes its record a few times a second."""
STALL_MS = 20.0
JITTER_MS = 50.0
"""A guest that is silent for longer before the move says: this machine is busy."""
SAMPLE_S = 0.02
THINNED = 5
"""Of so many samples of the bytes sent one is kept."""
NOISE_MIB = 0.5
"""What libvirt's own talk may send before and after the memory."""
GAP_FACTOR, GAP_MARGIN_MS = 1.05, 30
"""How much longer than asked the gap may be seen: devices, and the network."""


@dataclass
class Cell:
    """What was seen; times are seconds after the call, unless the unit is in the name.

    Args:
        scenario: Its id.
        strategy: Its id.
        buffers: TCP buffers of the hosts, ``deep`` or ``shallow``.
        repeat: From 0.
        ended: It was done before the deadline.
        within: ... and no stop was longer than asked, or consent was given.
        total_s: Call to return; the deadline if it had not ended by then.
        over_s: Call to return, as it was.
        transfer_s: From the first of the guest's bytes on the link to the last.
        landed_s: The guest ran at the destination; None if it did not.
        stopped_s: Its last beat at the source before that.
        after_stop_mib: What left the source's device between these two.
        gap_ms: Its longest silence meanwhile.
        stalls_ms: Sum of its silences of more than 20 ms.
        worst_ms: The three longest.
        lost_percent: Share of its work that it did not get done meanwhile: of its
            writes, or of its beats where its writes are not steady.
        sent_mib: What left the source's device.
        passes: Passes over its memory; None if nobody said.
        jitter_ms: Its longest silence before the move.
        load: The machine's load average.
        whole: Its memory was verified and it ran once; None: not asked.
        why: What went wrong, "" if nothing did.
        curve: Seconds and MiB sent so far.
        marks: Seconds and what happened.
        measured_s: How long its writes were measured before the clock started, seconds;
            0: not at all; None: they were, nobody noted for how long.
        more: What virtmigrate says of it: forecast, limit, policy's actions.
    """

    scenario: str
    strategy: str
    buffers: str
    repeat: int
    ended: bool = False
    within: bool = False
    total_s: float = 0.0
    over_s: float = 0.0
    transfer_s: float = 0.0
    landed_s: float | None = None
    stopped_s: float | None = None
    after_stop_mib: float | None = None
    gap_ms: float = 0.0
    stalls_ms: float = 0.0
    worst_ms: list[float] = field(default_factory=list)
    lost_percent: float | None = None
    sent_mib: float = 0.0
    passes: int | None = None
    jitter_ms: float = 0.0
    load: float = 0.0
    whole: bool | None = None
    why: str = ""
    curve: list[tuple[float, float]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    measured_s: float | None = 0.0
    more: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)


class Meter:
    """Follows the bytes that leave a host, by its device's own counter."""

    def __init__(self, host) -> None:
        self._file = Path(f"/proc/{host.space.holder.pid}/net/dev")
        self._began = time.monotonic()
        self._first = self._sent()
        self._stop = threading.Event()
        self.curve: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _sent(self) -> int:
        for line in self._file.read_text(encoding="ascii").splitlines():
            device, _, numbers = line.partition(":")
            if device.strip() == "eth0":
                return int(numbers.split()[8])
        raise OSError(f"no eth0 in {self._file}")

    def _note(self) -> None:
        sent = (self._sent() - self._first) / 2**20
        self.curve.append((round(time.monotonic() - self._began, 3), round(sent, 2)))

    def _follow(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._note()

    def stop(self, cell: Cell) -> None:
        """End it, and fill in what was sent."""
        self._stop.set()
        self._thread.join(2)
        self._note()
        cell.sent_mib = self.curve[-1][1]
        cell.transfer_s = round(busy_s(self.curve), 3)
        cell.curve = [*self.curve[::THINNED], self.curve[-1]]


def busy_s(curve: list[tuple[float, float]]) -> float:
    """From the first bytes that count to the last ones, seconds."""
    last = curve[-1][1]
    moving = [at for at, sent in curve if NOISE_MIB < sent < last - NOISE_MIB]
    return moving[-1] - moving[0] + SAMPLE_S if moving else 0.0


def sent_between(
    curve: list[tuple[float, float]], start_s: float | None, end_s: float | None
) -> float | None:
    """MiB that were sent between two moments, evenly between two samples.

    Args:
        curve: Seconds, and MiB sent so far.
        start_s: From.
        end_s: To.

    Returns:
        None where one of the moments is not known.
    """
    if start_s is None or end_s is None:
        return None
    return round(_sent_by(curve, end_s) - _sent_by(curve, start_s), 3)


def _sent_by(curve: list[tuple[float, float]], moment_s: float) -> float:
    at, sent = 0.0, 0.0
    for next_at, next_sent in curve:
        if next_at >= moment_s:
            share = (moment_s - at) / (next_at - at) if next_at > at else 1.0
            return sent + share * (next_sent - sent)
        at, sent = next_at, next_sent
    return sent


def jitter(lab, name: str, work: str) -> tuple[float, float | None]:
    """Listen before a move: the longest silence (ms), and its work a second.

    Args:
        lab: The lab.
        name: The guest.
        work: What counts as its work: ``writes`` or, where their rate is not steady,
            ``counter`` (beats).
    """
    began = lab.now()
    time.sleep(QUIET_S + SETTLE_S)
    report = lab.guest_check(name, since=began, verify=False)
    return report.longest_silence_ms, _pace(lab, name, work, began, lab.now())


def _pace(lab, name: str, work: str, since: float, until: float) -> float | None:
    """What it got done a second between two moments."""
    windows = lab.guests.heartbeat(name).windows(since)
    records = [(w.last, w.record) for w in windows if w.record and w.last <= until]
    if len(records) < 2:
        return None
    (start, first), (end, last) = records[0], records[-1]
    done = getattr(last, work) - getattr(first, work)
    return done / (end - start) if end > start else None


def listen(lab, cell: Cell, name: str, there: str, began: float, usual) -> None:
    """Fill in what the guest's own heartbeat says of its move.

    Args:
        lab: The lab.
        cell: What is filled in.
        name: The guest.
        there: Where it should be now.
        began: When the move began (monotonic seconds).
        usual: What counts as its work, and how much of it a second is usual.
    """
    ended = lab.now()
    time.sleep(SETTLE_S)
    report = lab.guest_check(name, since=began, verify=False)
    windows = lab.guests.heartbeat(name).windows(began)
    arrived = [w.first for w in windows if w.host == there]
    if arrived:
        landed = min(arrived)
        left = [w.last for w in windows if w.host != there and w.last <= landed]
        cell.landed_s = round(landed - began, 3)
        cell.stopped_s = round(max(left) - began, 3) if left else None
    silences = [ms for ms in report.silences_ms if ms > STALL_MS]
    cell.gap_ms = report.longest_silence_ms
    cell.stalls_ms = round(sum(silences), 1)
    cell.worst_ms = sorted(silences, reverse=True)[:3]
    work, pace = usual
    during = _pace(lab, name, work, began, ended)
    if pace and during is not None:
        cell.lost_percent = round(100 * (1 - during / pace), 1)


def prove(lab, cell: Cell, name: str) -> None:
    """Have the guest walk over its memory."""
    report = lab.guest_check(name)
    cell.whole = report.ok
    if not report.ok:
        cell.why = "; ".join([cell.why, *report.problems]).strip("; ")


def judge(cell: Cell, gap_ms: int, uses: frozenset[str], deadline_s: float) -> None:
    """Whether it kept the limits; a stop counts unless the strategy has consent."""
    if not cell.ended:
        cell.total_s = deadline_s
    excused = bool(uses & {"postcopy", "pause"})
    kept = excused or cell.gap_ms <= GAP_FACTOR * gap_ms + GAP_MARGIN_MS
    cell.within = cell.ended and kept and cell.whole is not False
