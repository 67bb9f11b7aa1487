"""A job's raw statistics to the core's `Sample`: the one place that reads the keys.

Source: `VIR_DOMAIN_JOB_*` of `include/libvirt/libvirt-domain.h`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Progress
from virtmigrate.host import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobType(IntEnum):
    """`virDomainJobType`."""

    NONE = 0
    BOUNDED = 1
    UNBOUNDED = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5


RUNNING = (JobType.BOUNDED, JobType.UNBOUNDED)
MIGRATION_OPERATIONS = (0, 4, 5)
"""`virDomainJobOperation`: unknown (older daemons), migration in, migration out."""

PAGE_BYTES = 4096
"""Where the daemon does not say."""
MOST = 1 << 62
"""A figure above this is garbage, not a measurement."""


def active(stats: Mapping[str, object]) -> bool:
    """Whether any job runs."""
    return stats.get("type") in RUNNING


def sample_of(
    stats: Mapping[str, object],
    *,
    counts: Progress = Progress.BYTES,
    postcopy: bool = False,
) -> Sample | None:
    """Normalise one reading.

    Args:
        stats: As `virDomainGetJobStats` gave it.
        counts: What the driver's data figures count: bytes, or (vz) percent.
        postcopy: Whether the guest has switched to post-copy.

    Returns:
        The sample; None when no transfer runs.
    """
    if not active(stats) or (_count(stats, "operation") or 0) not in (
        MIGRATION_OPERATIONS
    ):
        return None
    percent = counts is Progress.PERCENT
    page = _count(stats, "memory_page_size") or PAGE_BYTES
    dirty = _count(stats, "memory_dirty_rate")
    done = _count(stats, "data_processed")
    return Sample(
        elapsed_ms=_count(stats, "time_elapsed"),
        total_bytes=None if percent else _count(stats, "data_total"),
        processed_bytes=None if percent else done,
        remaining_bytes=None if percent else _count(stats, "data_remaining"),
        percent=min(float(done), 100.0) if percent and done is not None else None,
        dirty_bytes_s=None if dirty is None else dirty * page,
        bandwidth_bytes_s=_sum(stats, "memory_bps", "disk_bps"),
        iteration=_count(stats, "memory_iteration"),
        downtime_ms=_count(stats, "downtime"),
        throttle_percent=_count(stats, "auto_converge_throttle"),
        postcopy=postcopy,
        disk_total_bytes=None if percent else _count(stats, "disk_total"),
        disk_processed_bytes=None if percent else _count(stats, "disk_processed"),
        disk_remaining_bytes=None if percent else _count(stats, "disk_remaining"),
        raw={
            str(key): value
            for key, value in stats.items()
            if isinstance(value, (int, float, str))
        },
    )


def _count(stats: Mapping[str, object], key: str) -> int | None:
    """A figure that can be one: an integer, not negative, not absurd."""
    value = stats.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST else None


def _sum(stats: Mapping[str, object], *keys: str) -> int | None:
    known = [n for key in keys if (n := _count(stats, key)) is not None]
    return sum(known) if known else None
