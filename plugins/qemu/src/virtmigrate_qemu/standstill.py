"""Who stopped the guest in mid-transfer: the switchover, or somebody?

libvirt calls both "paused (migration)" (`qemuDomainSuspend` picks that reason while
an outgoing migration runs), and then starts the guest at the destination. So its
standstill is measured against the switchover's own length, as far as it was watched and
until all was sent: what comes after that (an answer that is late, a controller that was
frozen) is no standstill of the guest's. A pause that comes less than `MARGIN_S` before
the switchover can't be told from it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.host import RunState

if TYPE_CHECKING:
    from virtmigrate.host import Sample

MARGIN_S = 0.25
WATCHED_S = 1.0
"""Samples that lie further apart show nothing of what was between them."""
SURE_S = 1.0
"""A switchover never begins with so much left to send, in seconds of sending."""


@dataclass(slots=True)
class Standstill:
    """What the samples of one live transfer showed of the guest's CPUs.

    Attributes:
        since: When it was first seen stopped, seconds; None while it runs.
        left_s: What was left to send then, in seconds of sending.
        stood_s: How long it was seen to stand still, with something left to send.
    """

    since: float | None = None
    left_s: float = 0.0
    stood_s: float = 0.0
    _seen: float = 0.0

    def see(self, now: float, state: RunState, sample: Sample) -> None:
        """Take one sample in.

        Args:
            now: Seconds, on one clock.
            state: The guest's state at the sample.
            sample: The transfer.
        """
        if state is not RunState.PAUSED_MIGRATION:
            self.since, self.stood_s = None, 0.0
        elif self.since is None:
            self.since = now
            left, rate = sample.remaining_bytes or 0, sample.bandwidth_bytes_s or 0
            self.left_s = left / rate if rate else 0.0
        elif sample.remaining_bytes and now - self._seen <= WATCHED_S:
            self.stood_s += now - self._seen
        self._seen = now

    def somebody_s(self, downtime_ms: int) -> bool:
        """Whether somebody stopped it, once the transfer is complete.

        Args:
            downtime_ms: Real length of the switchover, by QEMU's count.
        """
        return self.stood_s > downtime_ms / 1000 + MARGIN_S

    @property
    def surely_somebody_s(self) -> bool:
        """Whether somebody stopped it, where the transfer failed."""
        return self.since is not None and self.left_s > SURE_S
