"""What a machine must have to run a lab: one list, and what is missing of it."""

from __future__ import annotations


def obstacles() -> list[str]:
    return []
