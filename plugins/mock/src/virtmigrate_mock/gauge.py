"""What a mock hypervisor can say of a guest before it moves."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Progress
from virtmigrate.forecast import Workload
from virtmigrate.pages import Pages
from virtmigrate_mock.memory import shares, written
from virtmigrate_mock.transfer import ENCODED

if TYPE_CHECKING:
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.state import Live

MIB = 1 << 20
PAGES_PER_MIB = 256


def gauge(host: MockHost, uuid: str, seconds: float) -> Workload | None:
    """Its memory, and the distinct memory that it writes; exact, as no real one is.

    Args:
        host: Where it runs.
        uuid: Its identity.
        seconds: How long is measured, on the world's clock; 0 = not at all.
    """
    with host.world.store as state:
        guest = state.hosts[host.name].guests.get(uuid)
        live = guest.live if guest else None
    if live is None:
        return None
    memory = int(live.memory_mib * MIB)
    if seconds <= 0 or host.style.progress is not Progress.BYTES:
        return _unmeasured(memory)
    host.world.clock.sleep(seconds)
    curve = tuple(
        (at, int(distinct(live, at) * MIB))
        for at in (seconds, 2 * seconds, 4 * seconds)
    )
    return Workload(
        memory_bytes=memory,
        curve=curve,
        pages=_pages(live, seconds),
        disk_writes=tuple((d.target, int(d.write_mib_s * MIB)) for d in live.disks),
        basis=(f"writes: watched for {seconds:g} s",),
    )


def _pages(live: Live, seconds: float) -> Pages:
    """What two looks at all of its pages show, so many seconds apart."""
    return Pages(
        looked_at=int(live.memory_mib * PAGES_PER_MIB),
        zero=0,
        changed=int(distinct(live, seconds) * PAGES_PER_MIB),
        difference=1.0 if live.habits.pattern == "dense" else ENCODED,
    )


@lru_cache(maxsize=256)
def _unmeasured(memory_bytes: int) -> Workload:
    """The same few sizes, over and over: each is described once."""
    return Workload(memory_bytes=memory_bytes)


def distinct(live: Live, seconds: float) -> float:
    """MiB that the guest writes in its first seconds, each page counted once."""
    pages = written(live, 0.0, 0.0, seconds)
    if not live.habits.scattered:
        return min(live.working_set_mib, live.memory_mib, pages)
    before, total = 0.0, 0.0
    for end, share in shares(live, pages, seconds):
        total += (end - before) * share
        before = end
    return total
