"""What a hypervisor counts, if it can be a measurement at all. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virtmigrate.host import Sample

NUMBERS = (int, float)
MOST = float(1 << 62)
LEAST = 1e-9
"""What is less is nothing: a time that is divided by it would be endless."""

WHOLE = (
    "elapsed_ms",
    "total_bytes",
    "processed_bytes",
    "remaining_bytes",
    "dirty_bytes_s",
    "bandwidth_bytes_s",
    "iteration",
    "downtime_ms",
    "throttle_percent",
    "queued_bytes",
    "disk_total_bytes",
    "disk_processed_bytes",
    "disk_remaining_bytes",
)
"""Figures of a sample that are whole numbers."""


def figure(value: object) -> float | None:
    """A number that can be a measurement: finite, not negative, not absurd.

    Next to nothing is 0.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, NUMBERS):
        return None
    if not 0 <= value <= MOST:
        return None
    number = float(value)
    return number if number >= LEAST else 0.0


def cleaned(sample: Sample) -> Sample:
    """The sample with nothing in it that can't be a measurement: that is None.

    What is out of its range, but a number, stays: whoever shows a percent cuts it off.
    """
    whole: dict[str, Any] = {name: _whole(getattr(sample, name)) for name in WHOLE}
    return replace(
        sample,
        percent=_finite(sample.percent),
        pass_ms=figure(sample.pass_ms),
        postcopy=sample.postcopy is True,
        stopped=sample.stopped if isinstance(sample.stopped, bool) else None,
        **whole,
    )


def _whole(value: object) -> int | None:
    """A figure as a whole number."""
    number = figure(value)
    if number is None:
        return None
    return value if isinstance(value, int) else int(number)


def _finite(value: object) -> float | None:
    """Any number but those that are none."""
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        return None
    return float(value) if abs(value) <= MOST else None
