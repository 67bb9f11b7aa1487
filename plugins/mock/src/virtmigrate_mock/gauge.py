"""What a mock hypervisor can say of a guest before it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Progress
from virtmigrate.forecast import Workload

if TYPE_CHECKING:
    from virtmigrate_mock.host import MockHost

MIB = 1 << 20


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
        return Workload(memory_bytes=memory)
    host.world.clock.sleep(seconds)
    curve = tuple(
        (at, int(min(live.working_set_mib, live.dirty_mib_s * at) * MIB))
        for at in (seconds, 2 * seconds, 4 * seconds)
    )
    return Workload(
        memory_bytes=memory, curve=curve, basis=(f"writes: watched for {seconds:g} s",)
    )
