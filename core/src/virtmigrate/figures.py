"""What a hypervisor counts, if it can be a measurement at all. Pure."""

from __future__ import annotations

NUMBERS = (int, float)
MOST = float(1 << 62)
LEAST = 1e-9
"""What is less is nothing: a time that is divided by it would be endless."""


def figure(value: object) -> float | None:
    """A number that can be a measurement: finite, not negative, not absurd.

    Next to nothing is 0.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, NUMBERS):
        return None
    number = float(value)
    if not 0 <= number <= MOST:
        return None
    return number if number >= LEAST else 0.0
