"""The physics of disks on their way: all that is in use first, then what is written.

As QEMU's drive-mirror does, disks go before memory; what the guest writes meanwhile is
sent again, and still is while memory goes, which gets what is left of the link. (All
writes count: those to what has not been sent yet would cost nothing more.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate_mock.disk_state import Mirror

TINY_MIB = 1e-9
SHARE = 0.5
"""Of the link, what writes that wait for the copy get at most."""


def alike(mirror: Mirror) -> bool:
    """Whether all has been sent: memory goes from then on."""
    return mirror.remaining_mib <= 0


def seconds_left(mirror: Mirror, rate_mib_s: float, *, running: bool) -> float:
    """When both ends are alike, if nothing changes; infinite if the guest is faster."""
    gain = rate_mib_s - (written(mirror, rate_mib_s) if running else 0.0)
    if alike(mirror):
        return 0.0
    return mirror.remaining_mib / gain if gain > 0 else math.inf


def advance(
    mirror: Mirror, rate_mib_s: float, seconds: float, *, running: bool
) -> float:
    """Send for a while, until both ends are alike at most; gives how long it took."""
    took = min(seconds, seconds_left(mirror, rate_mib_s, running=running))
    gain = rate_mib_s - (written(mirror, rate_mib_s) if running else 0.0)
    left = mirror.remaining_mib - gain * took
    mirror.sent_mib += rate_mib_s * took
    mirror.remaining_mib = min(left, mirror.total_mib) if left > TINY_MIB else 0.0
    return took


def left_for_memory(
    mirror: Mirror | None, rate_mib_s: float, *, running: bool
) -> float:
    """What the disks leave of the link."""
    if mirror is None or not running:
        return rate_mib_s
    return max(0.0, rate_mib_s - written(mirror, rate_mib_s))


def written(mirror: Mirror, rate_mib_s: float) -> float:
    """What the guest writes, or comes to write where it has to wait for the copy."""
    wanted = mirror.write_mib_s
    return min(wanted, SHARE * rate_mib_s) if mirror.synchronous else wanted
