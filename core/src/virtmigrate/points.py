"""What a transfer's history is made of: cleaned samples, and passes over memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One cleaned sample.

    Attributes:
        at_s: Seconds since the transfer began, never falling.
        sent: Bytes sent so far.
        left: Bytes that remain in this pass.
        percent: Where nothing else is counted.
        number: Of the pass, from 1.
    """

    at_s: float
    sent: float | None
    left: float | None
    percent: float | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over memory.

    Attributes:
        number: From 1.
        at_s: When it began, or was first seen.
        size: Bytes that it had to send.
        rest: Bytes of the pass before that were not sent yet: QEMU begins anew when
            what is left would fit into the permitted stop.
    """

    number: int
    at_s: float
    size: float
    rest: float = 0.0

    @property
    def excess(self) -> float:
        """What the guest had written meanwhile, bytes."""
        return self.size - self.rest
