"""Disks that are copied beside memory: told apart, each judged by its own. Pure.

A hypervisor that mirrors disks counts them and memory in one sum (libvirt's `data_*`).
Memory begins when the mirror has caught up; its passes are all that a policy decides
by, and the mirror's bytes would look like a guest that never gets less.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.host import Sample

WINDOW_S = 5.0
"""The mirror's rate is that of so long a time."""


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
class Mirror:
    """How a mirror gets on, until memory begins.

    Attributes:
        seen: (s, bytes sent), of late.
        left: Bytes that remain of it, while memory has not begun; else None.
    """

    seen: list[tuple[float, int]] = field(default_factory=list)
    left: int | None = None

    def add(self, at_s: float, sample: Sample) -> None:
        """Take a sample in."""
        alone = sample.total_bytes == sample.disk_total_bytes
        if not sample.disk_total_bytes or not alone:
            self.left = None
            return
        self.left = sample.disk_remaining_bytes
        self.seen.append((at_s, sample.disk_processed_bytes or 0))
        while len(self.seen) > 2 and at_s - self.seen[1][0] > WINDOW_S:  # noqa: PLR2004
            self.seen.pop(0)

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
