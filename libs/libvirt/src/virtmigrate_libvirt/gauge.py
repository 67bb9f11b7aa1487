"""How fast a guest writes its memory, measured while nothing moves: by sampling pages.

QEMU has two more ways, the dirty bitmap and the dirty ring. Both end the process of an
emulated guest (QEMU 7.2: it asks KVM for a log that is not there). They are never used:
flags are 0, which is page sampling. It hashes 512 pages per GiB before and after, so
that a small guest is measured roughly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.clock import RealClock
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.forecast import Workload
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.host import Definitions
    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection

STATS_DIRTYRATE = 1 << 9
"""`VIR_DOMAIN_STATS_DIRTYRATE`."""
PAGE_SAMPLING = 0
"""The only `virDomainDirtyRateCalcFlags` that are ever passed."""
MEASURED = 2
"""`VIR_DOMAIN_DIRTYRATE_MEASURED`."""
SLACK_S = 5.0
"""What a measurement may take longer than it was asked to."""
POLL_S = 0.02
BENDS_FROM_S = 3
MIB = 1 << 20
MOST_MIB_S = 1 << 24


def gauge(
    host: LibvirtHost, uuid: str, definitions: Definitions, seconds: float
) -> Workload | None:
    """Memory of a running guest, and the distinct memory that it writes.

    Args:
        host: Where it runs.
        uuid: Its identity.
        definitions: Its definitions there.
        seconds: How long may be measured; less than 1 measures nothing.

    Returns:
        What was found; None where it does not run, or its definition names no memory.
    """
    memory = parse(definitions.live).memory_bytes if definitions.live else 0
    if not memory:
        return None
    basis = [f"memory: {memory / MIB:.0f} MiB, by its definition"]
    sums: dict[int, list[int]] = {}
    try:
        for window in windows(seconds):
            rate = _measure(host, uuid, window)
            if rate is not None:
                sums.setdefault(window, []).append(rate * window * MIB)
    except (AnswerLost, HostUnreachable):
        raise
    except HostError as error:
        basis.append(f"writes: not measured: {error.message}")
    curve = tuple((float(w), sum(n) // len(n)) for w, n in sorted(sums.items()))
    for at, amount in curve:
        basis.append(f"writes: {amount / MIB:.0f} MiB in {at:g} s, by sampling pages")
    return Workload(memory_bytes=memory, curve=curve, basis=tuple(basis))


def windows(seconds: float) -> tuple[int, ...]:
    """How a time is spent: short windows, and a longer one to see f bend."""
    whole = int(seconds)
    return (
        (1,) * whole if whole < BENDS_FROM_S else (*(1,) * (whole // 3), whole // 3 * 2)
    )


def _measure(host: LibvirtHost, uuid: str, seconds: int) -> int | None:
    """MiB/s in one window; None = it did not come to an end."""

    def start(connection: Connection) -> None:
        domain = connection.lookupByUUIDString(uuid)
        domain.startDirtyRateCalc(seconds, PAGE_SAMPLING)

    def read(connection: Connection) -> Mapping[str, object]:
        domain = connection.lookupByUUIDString(uuid)
        found = connection.domainListGetStats([domain], STATS_DIRTYRATE)
        return found[0][1] if found else {}

    host.ask("measuring what the guest writes", start)
    clock = RealClock()  # a daemon's time is real, whatever the migration's is
    until = clock.now() + seconds + SLACK_S
    while clock.now() < until:
        clock.sleep(POLL_S)
        stats = host.ask("reading what the guest writes", read)
        if stats.get("dirtyrate.calc_status") == MEASURED:
            rate = stats.get("dirtyrate.megabytes_per_second")
            sane = isinstance(rate, int) and 0 <= rate <= MOST_MIB_S
            return int(rate) if sane and isinstance(rate, int) else None
    return None
