"""What a hypervisor counts, if it can be a measurement at all. Pure."""

from __future__ import annotations

NUMBERS = (int, float)
MOST = float(1 << 62)


def figure(value: object) -> float | None:
    """A number that can be a measurement: finite, not negative, not absurd."""
    if value is None or isinstance(value, bool) or not isinstance(value, NUMBERS):
        return None
    number = float(value)
    return number if 0 <= number <= MOST else None
