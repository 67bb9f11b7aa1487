"""Disks that are copied beside memory: told apart, each judged by its own. Pure.

A hypervisor that mirrors disks counts them and memory in one sum (libvirt's `data_*`).
Memory begins when the mirror has caught up; its passes are all that a policy decides
by, and the mirror's bytes would look like a guest that never gets less.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from virtmigrate.figures import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from virtmigrate.host import Sample

WINDOW_S = 5.0
"""The mirror's rate is that of so long a time."""
SPAN_S = 1.0
"""Its course is kept by spans of this length, longer ones of a long copy."""
SPANS_MOST = 512
GAINED = 0.05
"""A mirror that gets on has less left, by this share of what it sends at least. (One on
a slow link has less by nearly all of it.)"""
PATIENT = 0.25
"""So much of the time that it has run is looked at: what an hour's copy has gained is
not thrown away for what the guest writes in a minute."""
RATE_S = 3.0
"""A rate is measured over this long."""
DROPPED = 0.4
"""A rate below this share of the best one of late is a drop, ..."""
LINK_S = 60.0
"""... for so long; then it is what the link carries today."""


def memory_of(sample: Sample) -> Sample:
    """The sample of memory alone."""
    if not sample.disk_total_bytes:
        return sample
    return replace(
        sample,
        total_bytes=_less(sample.total_bytes, sample.disk_total_bytes),
        processed_bytes=_less(sample.processed_bytes, sample.disk_processed_bytes),
        remaining_bytes=_less(sample.remaining_bytes, sample.disk_remaining_bytes),
    )


def whole(sample: Sample, memory_bytes: int) -> tuple[int | None, int | None]:
    """Bytes in all, and bytes left, with memory that nobody counts yet.

    Args:
        sample: As the hypervisor counts.
        memory_bytes: The guest's, 0 = unknown.
    """
    total, left = sample.total_bytes, sample.remaining_bytes
    if total is None or left is None or total != sample.disk_total_bytes:
        return total, left
    return total + memory_bytes, left + memory_bytes


def _less(whole: int | None, part: int | None) -> int | None:
    return None if whole is None else max(0, whole - (part or 0))


@dataclass(slots=True)
class Span:
    """A stretch of a mirror's course.

    Attributes:
        at_s: When it began.
        sent: Bytes sent by then.
        low: The least that remained meanwhile.
    """

    at_s: float
    sent: float
    low: float


@dataclass(frozen=True, slots=True)
class Lag:
    """A mirror that does not get on, over a while.

    Attributes:
        seconds: The while.
        left: Bytes that remain.
        sent_bytes_s: What it sends.
        written_bytes_s: What is rewritten meanwhile, and has to be sent again.
    """

    seconds: float
    left: float
    sent_bytes_s: float
    written_bytes_s: float


@dataclass(slots=True)
class Mirror:
    """How a mirror gets on, until memory begins.

    Attributes:
        synchronous: Whether the guest's writes wait for it: then it gets there.
        seen: (s, bytes sent), of late.
        left: Bytes that remain of it, while memory has not begun; else None.
        spans: Its whole course, oldest first.
    """

    synchronous: bool = False
    seen: list[tuple[float, float]] = field(default_factory=list)
    left: float | None = None
    spans: list[Span] = field(default_factory=list)

    def add(self, at_s: float, sample: Sample) -> None:
        """Take a sample in; impossible figures say nothing."""
        alone = sample.total_bytes == sample.disk_total_bytes
        left, sent = figure(sample.disk_remaining_bytes), sample.disk_processed_bytes
        if not figure(sample.disk_total_bytes) or not alone:
            left = None
        self.left = left
        if left is None:
            return
        self._note(at_s, figure(sent) or 0.0, left)
        while len(self.seen) > 2 and at_s - self.seen[1][0] > WINDOW_S:  # noqa: PLR2004
            self.seen.pop(0)

    def _note(self, at_s: float, sent: float, left: float) -> None:
        self.seen.append((at_s, sent))
        if self.spans and at_s - self.spans[-1].at_s < SPAN_S:
            self.spans[-1].low = min(self.spans[-1].low, left)
            return
        self.spans.append(Span(at_s, sent, left))
        if len(self.spans) > SPANS_MOST:
            pairs = zip(self.spans[::2], self.spans[1::2], strict=False)
            last = self.spans[-1:] * (len(self.spans) % 2)
            halved = [Span(a.at_s, a.sent, min(a.low, b.low)) for a, b in pairs]
            self.spans = halved + last

    def lag(self, least_s: float) -> Lag | None:
        """Whether it has gained nothing over a while, although it sends.

        It sends evenly, and what remains is neither less than it ever was before that
        while, nor less in its last quarter than in the one before.

        Args:
            least_s: The while is no shorter than this, seconds.
        """
        if self.left is None or self.synchronous or not self.spans:
            return None
        now_s, sent = self.seen[-1]
        while_s = max(least_s, PATIENT * (now_s - self.spans[0].at_s))
        cuts = (now_s - while_s * part for part in (1, 1 / 2, 1 / 4))
        before, first, third, last = _cut(self.spans, *cuts)
        if not (before and first and third and last):
            return None
        low = _low(last)
        if not low:
            return None  # it was there already, and will be again
        whole = _low(before) - min(low, _low(third), _low(first))
        late = _low(third) - low
        if whole >= GAINED * (sent - first[0].sent):
            return None
        if late >= GAINED * (sent - last[0].sent):
            return None
        if not self._even(now_s - while_s):
            return None
        seconds = now_s - first[0].at_s
        rate = (sent - first[0].sent) / seconds
        more = (self.left - first[0].low) / seconds
        return Lag(seconds, self.left, rate, max(0.0, rate + more))

    def _even(self, since_s: float) -> bool:
        """Whether the link carries now, and did since then, what it did of late."""
        rates = [each for each in self._rates() if each[0] > since_s - LINK_S]
        best = max((rate for _, rate in rates), default=0.0)
        late = [rate for at_s, rate in rates if at_s > since_s]
        return bool(late) and best > 0 and min(late) >= DROPPED * best

    def _rates(self) -> Iterator[tuple[float, float]]:
        """(when it ended, bytes a second) of every stretch that is long enough."""
        points = [*((each.at_s, each.sent) for each in self.spans), self.seen[-1]]
        start = 0
        for at_s, sent in points:
            while start + 1 < len(points) and at_s - points[start + 1][0] >= RATE_S:
                start += 1
            if at_s - points[start][0] >= RATE_S:
                yield at_s, (sent - points[start][1]) / (at_s - points[start][0])

    @property
    def moves(self) -> bool:
        """Whether the last sample showed more than the one before."""
        return len(self.seen) < 2 or self.seen[-1][1] != self.seen[-2][1]  # noqa: PLR2004

    def remaining_s(self, memory_bytes: int) -> float | None:
        """Predicted seconds to the end of it and of memory's first pass.

        None = it is no mirror, or it does not move.
        """
        if self.left is None or len(self.seen) < 2:  # noqa: PLR2004
            return None
        (began_s, before), (now_s, sent) = self.seen[0], self.seen[-1]
        if now_s <= began_s or sent <= before:
            return None
        return (self.left + memory_bytes) * (now_s - began_s) / (sent - before)


def _began(span: Span) -> float:
    return span.at_s


def _low(spans: Sequence[Span]) -> float:
    return min(each.low for each in spans)


def _cut(spans: Sequence[Span], *cuts_s: float) -> Iterator[Sequence[Span]]:
    """What began before each of these moments, and after the last."""
    start = 0
    for cut_s in cuts_s:
        end = bisect_left(spans, cut_s, key=_began)
        yield spans[start:end]
        start = end
    yield spans[start:]
