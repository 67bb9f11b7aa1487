"""What the samples of one transfer have shown so far, cleaned of what can't be.

A hypervisor's figures are hostile: before a job has begun they are zeros, after its end
they vanish, clocks step, counters wrap. What can't be a measurement is left out, and
what is not known stays None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from virtmigrate.cache import DEFAULT_BYTES
from virtmigrate.figures import figure
from virtmigrate.forecast import Workload
from virtmigrate.mirror import Mirror, memory_of
from virtmigrate.points import Pass, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from virtmigrate.host import Sample, Written
    from virtmigrate.pages import Pages
    from virtmigrate.policy import Do

WINDOW_S = 0.8
"""A rate is measured over this long."""
MOMENT_S = 0.4
"""One that changes shows within this, …"""
STEADY = 0.7
"""… by this share of the other."""
LOOK_S = 0.08
"""What has just dropped shows in the last look, which is 0.1 s old, or less."""
MEMORY_S = 15.0
"""A rate that was seen longer ago is no measure for the link of today."""
DROPPED = 0.4
"""A rate below this share of the best one of late is a drop, not a slow link."""
FLIES = 2
"""So many passes in a moment are no drop."""
LOWER = 0.97
"""A pass that has to send more than this share of the least so far gains nothing."""
ROUNDS, TIMES = 100, 2
"""So many passes, or times the guest's memory, without a gain are enough."""
POINTS_MOST = 4096
SWITCHES_S = 10.0
"""A switch to post-copy shows within this, or was refused."""
PASSES_MOST = 10**6
AGAIN_S = 1.0
"""A limit that could not be set is tried again after so long."""
INSISTS = 3
"""So many tries come before anything is done instead."""
THROTTLE_MOST = 99
"""Percent; QEMU takes no more (`max-cpu-throttle`)."""


@dataclass(slots=True)
class History:
    """One transfer so far. `add` each sample, `did` each act; everything else reads.

    Attributes:
        began_s: When it began, on the caller's clock.
        able: What can be done to it at all (knobs that are there, options in effect).
        runs: Whether the guest is to run meanwhile; in a coma it stands still.
        delta: Whether rewritten pages are sent as differences from pass 3 on (xbzrle).
        cache_bytes: Of the cache for these.
        packs: Whether pages go compressed: more is got through than is sent.
        throttles: Whether the hypervisor slows the guest down, more and more.
        workload: What was known before, or measured beside.
        link: Bytes a second that the plan took the link to carry; None = nothing.
        points: Samples, oldest first.
        passes: Passes, oldest first.
        postcopy: Whether it has switched to post-copy.
        stopped_s: Since when the guest has stood still, None while it runs.
        moved_s: When something was last seen to be sent.
        downtime_ms: The stop that is permitted now, as far as we have said.
        queued: Most bytes that wait in the sender's sockets; None = unknown.
        low: The pass that had least to send so far, but for what hardly differs; and
            what had been sent when it began.
        acts: What was done, and when (`rule`, seconds since the start).
        refused: What could not be done: tries so far, and when the last one was.
        copied: Bytes of disks that are copied beside.
        mirror: How that gets on; everything else here is memory's.
    """

    began_s: float
    able: frozenset[Do] = frozenset()
    runs: bool = True
    delta: bool = False
    cache_bytes: int = DEFAULT_BYTES
    packs: bool = False
    throttles: bool = False
    workload: Workload | None = None
    link: float | None = None
    points: list[Point] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    postcopy: bool = False
    stopped_s: float | None = None
    moved_s: float = 0.0
    downtime_ms: int | None = None
    queued: float | None = None
    low: tuple[Pass, float | None] | None = None
    acts: list[tuple[str, Do, float]] = field(default_factory=list)
    refused: dict[Do, tuple[int, float]] = field(default_factory=dict)
    copied: int = 0
    mirror: Mirror = field(default_factory=Mirror)
    looked_s: float = -math.inf
    _passed_s: float = 0.0
    _read_s: float | None = None

    def elapsed_s(self, now_s: float) -> float:
        """Seconds since it began. A step back of the clock costs that moment only."""
        last = self.began_s if self._read_s is None else self._read_s
        return self._passed_s + (figure(now_s - last) or 0.0)

    def _passes_to(self, now_s: float) -> float:
        """Take a reading of the clock in; seconds since it began."""
        self._passed_s = self.elapsed_s(now_s)
        self._read_s = now_s
        return self._passed_s

    def add(self, now_s: float, sample: Sample | None) -> None:
        """Take a sample in; None and impossible figures change nothing."""
        at_s = self._passes_to(now_s)
        if sample is None:
            return
        self.mirror.add(at_s, sample)
        if self.mirror.left is not None:
            self.moved_s = at_s if self.mirror.moves else self.moved_s
        sample = memory_of(sample)
        left, number = figure(sample.remaining_bytes), figure(sample.iteration)
        total = figure(sample.total_bytes)
        if left is not None and total is not None and (left > total or not total):
            left = None  # zeros, too: the job has not begun
        percent = figure(sample.percent)
        point = Point(
            at_s=at_s,
            sent=figure(sample.processed_bytes),
            left=left,
            percent=None if percent is None else min(percent, 100.0),
            number=int(number) if number and number <= PASSES_MOST else None,
        )
        self.postcopy = self.postcopy or sample.postcopy is True
        if (figure(sample.throttle_percent) or 0) >= THROTTLE_MOST:
            self.throttles = False
        if sample.stopped is not True:
            self.stopped_s = None
        elif self.stopped_s is None:
            self.stopped_s = at_s
        self.queued = figure(sample.queued_bytes)
        self._learn(sample.written)
        self._look(sample.pages)
        self._count_pass(point, (figure(sample.pass_ms) or 0.0) / 1000)
        before = self.points[-1] if self.points else None
        if before is None or (point.sent, point.left) != (before.sent, before.left):
            self.moved_s = at_s
        self.points.append(point)
        if len(self.points) > POINTS_MOST:
            # The newest half in full, the older one thinned: rules look back minutes.
            half = POINTS_MOST // 2
            self.points[:half] = self.points[:half:2]

    def _count_pass(self, point: Point, age_s: float) -> None:
        """A new pass; of one that an event told of, what was sent since is added."""
        if point.number is None or point.left is None:
            return
        if self.passes and point.number <= self.passes[-1].number:
            return
        last = self.passes[-1].at_s if self.passes else 0.0
        age_s = min(age_s, point.at_s - last)
        rate = self.sending() or 0.0
        began_s, size = point.at_s - age_s, point.left + age_s * rate
        rest = 0.0
        if self.points and self.points[-1].left is not None:
            before = self.points[-1]
            rest = max(0.0, (before.left or 0.0) - rate * (began_s - before.at_s))
        begun = Pass(point.number, began_s, size, rest)
        self.passes.append(begun)
        if self.low is None or begun.excess < LOWER * self.low[0].excess:
            self.low = begun, point.sent

    def gained_nothing(self) -> bool:
        """Whether it goes round and round: no pass has had less to send for long.

        Long is twice the guest's memory that was sent, or a hundred passes: so a link
        that stands still is no reason, and passes that fly by are not waited for.
        """
        if self.low is None or not self.points:
            return False
        least, sent = self.low
        if self.number - least.number >= ROUNDS:
            return True
        now = self.points[-1].sent
        if now is None or sent is None or not self.size or self.number == 1:
            return False
        return now - sent > TIMES * self.size

    def _learn(self, found: Written | None) -> None:
        """Take in what was measured beside the move, unless more is known already."""
        known = self.workload is not None and self.workload.curve
        if found is None or known:
            return
        seconds, amount = figure(found.seconds), figure(found.bytes)
        if not seconds or not amount:
            return  # so little that sampling does not see it
        pages = int(figure(found.looked_at) or 0)
        told = {"curve": ((seconds, int(amount)),), "looked_at": (pages,) * (pages > 0)}
        before = self.workload or Workload(memory_bytes=0)
        self.workload = before.model_copy(update=told)

    def _look(self, found: Pages | None) -> None:
        """Take in what pages looked like meanwhile; the first look counts."""
        if found is None or self.pages is not None:
            return
        before = self.workload or Workload(memory_bytes=0)
        self.workload = before.model_copy(update={"pages": found})

    @property
    def pages(self) -> Pages | None:
        """What writes change of a page, where somebody looked."""
        return self.workload.pages if self.workload else None

    def did(self, rule: str, do: Do, now_s: float, value: int | None = None) -> None:
        """Something was done."""
        self.acts.append((rule, do, self._passes_to(now_s)))
        self.refused.pop(do, None)
        if do == "downtime" and value is not None:
            self.downtime_ms, self.low = value, None

    def refuse(self, do: Do, now_s: float) -> None:
        """Something could not be done, and will be tried again."""
        tries, _ = self.refused.get(do, (0, 0.0))
        self.refused[do] = (tries + 1, self._passes_to(now_s))

    def waits(self, do: Do) -> bool:
        """Whether it was refused so lately that it is not tried again yet."""
        tries, at_s = self.refused.get(do, (0, 0.0))
        return bool(tries) and self._passed_s - at_s < AGAIN_S

    def insists(self) -> bool:
        """Whether what was refused is to be tried again before anything else is."""
        return any(
            tries < INSISTS and self.waits(do)
            for do, (tries, _) in self.refused.items()
        )

    def acted(self, rule: str) -> float | None:
        """When a rule last acted, seconds since the start; None = it has not."""
        times = [at_s for name, _, at_s in self.acts if name == rule]
        return times[-1] if times else None

    def suspended_s(self) -> float | None:
        """When we first asked for a pause, seconds since the start."""
        return next((at_s for _, do, at_s in self.acts if do == "suspend"), None)

    def has_done(self, do: Do) -> bool:
        """Whether this was done."""
        return any(done == do for _, done, _ in self.acts)

    def switched(self) -> bool:
        """Whether the guest runs in post-copy, or may: asked for, and not denied.

        A request can be refused, or lost: then the limits hold as before.
        """
        asked = [at_s for _, do, at_s in self.acts if do == "postcopy"]
        if self.postcopy or not asked:
            return self.postcopy
        return not self.points or self.points[-1].at_s <= asked[-1] + SWITCHES_S

    @property
    def size(self) -> int:
        """Bytes that have to be sent at least once; 0 = nobody has said."""
        if self.workload is not None and self.workload.memory_bytes:
            return self.workload.memory_bytes
        return int(self.passes[0].size) if self.passes else 0

    @property
    def filled(self) -> int:
        """Bytes of it that were ever written; all, where nobody has said."""
        return (self.workload.used_bytes if self.workload else None) or self.size

    @property
    def number(self) -> int:
        """Of the running pass; 0 = unknown."""
        return self.passes[-1].number if self.passes else 0

    @property
    def left(self) -> float | None:
        """Bytes that remain, as last seen."""
        return next((p.left for p in reversed(self.points) if p.left is not None), None)

    def sending(self, window_s: float = WINDOW_S) -> float | None:
        """Bytes a second that were sent of late; None = unknown."""
        return _rising(_rate(self._recent(window_s), lambda p: p.sent))

    def passing(self, window_s: float = WINDOW_S) -> float | None:
        """Bytes a second by which this pass shrinks of late, however they are sent."""
        recent = [p for p in self._recent(window_s) if p.number == self.number]
        fallen = _rate(recent, lambda p: p.left)
        return None if fallen is None or fallen >= 0 else -fallen

    def usual(self) -> float | None:
        """Bytes a second over the whole of it, less a moment at the start."""
        points = [p for p in self.points if p.sent]
        return _rising(_rate(points, lambda p: p.sent))

    def dropped(self) -> bool:
        """Whether much less goes through than a moment ago: no time to decide.

        Nor is a moment in which the rate just falls, or comes back: what is predicted
        goes by the whole window.
        """
        if (now := self.sending(MOMENT_S)) is None:
            return False
        if (usual := self.sending()) is None:
            return False
        if self._hurries():
            return False
        latest = max(self.sending(LOOK_S) or 0.0, self.passing(LOOK_S) or 0.0)
        if latest < DROPPED * usual:
            return True
        shrinks, best = self.passing(MOMENT_S) or 0.0, self.best()
        if max(now, shrinks) < max(DROPPED * best, STEADY * usual):
            return True
        if max(usual, self.passing() or 0.0) < DROPPED * best:
            return True
        return usual < STEADY * now

    def _hurries(self) -> bool:
        """Whether passes just fly by: then little is sent because little is left."""
        recent = [p.number for p in self._recent(MOMENT_S) if p.number is not None]
        return bool(recent) and recent[-1] - recent[0] >= FLIES

    def best(self) -> float:
        """The best rate of late, over whole windows."""
        return max(self._windows(), default=0.0)

    def middle(self) -> float | None:
        """The middle one of them: neither a burst nor a drop is in it; None = none."""
        rates = sorted(self._windows())
        return rates[len(rates) // 2] if rates else None

    def _windows(self) -> Iterator[float]:
        """Rates over whole windows of late, each point's last one."""
        since = self.points[-1].at_s - MEMORY_S if self.points else 0.0
        recent = [p for p in self.points if p.sent is not None and p.at_s >= since]
        start = 0
        for point in recent:
            while point.at_s - recent[start].at_s > WINDOW_S:
                start += 1
            if start:
                first = recent[start - 1]
                sent = (point.sent or 0.0) - (first.sent or 0.0)
                yield sent / (point.at_s - first.at_s)

    def _recent(self, window_s: float) -> list[Point]:
        if not self.points:
            return []
        since = self.points[-1].at_s - window_s
        recent = []
        for point in reversed(self.points):
            recent.append(point)
            if point.at_s <= since:
                break
        return recent[::-1]


def _rising(rate: float | None) -> float | None:
    """Of a counter: one that falls was set back, and tells nothing."""
    return None if rate is None or rate < 0 else rate


def _rate(
    points: Sequence[Point], read: Callable[[Point], float | None]
) -> float | None:
    """Change a second between the first and the last point that tell."""
    known = [(p.at_s, value) for p in points if (value := read(p)) is not None]
    if not known or known[-1][0] <= known[0][0]:
        return None
    (begin, first), (end, last) = known[0], known[-1]
    return (last - first) / (end - begin)
