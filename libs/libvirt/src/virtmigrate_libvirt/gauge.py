"""How fast a guest writes its memory, measured while nothing moves: by sampling pages.

QEMU has two more ways, the dirty bitmap and the dirty ring. Both end the process of an
emulated guest (QEMU 7.2: it asks KVM for a log that is not there). They are never used:
flags are 0, which is page sampling. It hashes 512 pages per GiB before and after, so
that a small guest is measured roughly; how roughly, goes with the figures.

Sampling sees no zero pages. What was never touched is zero, and not resident in the
process: so the process's resident memory says how much there is at most. And while the
windows run some pages are looked at, twice (`peeks.py`): how many are zero, and what
writes change of a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.clock import RealClock
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.forecast import Workload
from virtmigrate_libvirt.facts import ALL_NODES, available_bytes
from virtmigrate_libvirt.peeks import Peeks, places, reader
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.host import Definitions
    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.xml import Document

STATS_BALLOON = 1 << 2
"""`VIR_DOMAIN_STATS_BALLOON`: the process's resident memory is in it."""
STATS_BLOCK = 1 << 5
"""`VIR_DOMAIN_STATS_BLOCK`: what was written to each disk is in it."""
STATS_DIRTYRATE = 1 << 9
"""`VIR_DOMAIN_STATS_DIRTYRATE`."""
PAGE_SAMPLING = 0
"""The only `virDomainDirtyRateCalcFlags` that are ever passed."""
MEASURED = 2
"""`VIR_DOMAIN_DIRTYRATE_MEASURED`."""
SLACK_S = 1.0
"""What all windows together may take longer than asked: then what there is counts."""
POLL_S = 0.02
PLACES_A_SECOND, PLACES_MOST = 8, 32
"""So many places are looked at, for each second of measuring."""
SHORT = 5
"""Of the time, the part that the short window takes."""
ROUND = 1.5
"""A guest that writes no more than so many times as much in the long window as in the
short one has gone round all that it writes within that."""
PAGES_PER_GIB = 512
"""QEMU's own number of samples; libvirt passes no other."""
OWN_BYTES = 32 << 20
"""What a QEMU process has resident beside its guest's memory, at least."""
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
MOST_MIB_S = 1 << 24
DISKS_MOST = 1024


def gauge(
    host: LibvirtHost,
    uuid: str,
    definitions: Definitions,
    seconds: float,
    *,
    differs: bool = True,
) -> Workload | None:
    """Memory of a running guest, and the distinct memory that it writes.

    Args:
        host: Where it runs.
        uuid: Its identity.
        definitions: Its definitions there.
        seconds: How long may be measured; less than 1 measures nothing.
        differs: Whether it can send differences, for which its host needs room.

    Returns:
        What was found; None where it does not run, or its definition names no memory.
    """
    if not definitions.live:
        return None
    document = parse(definitions.live)
    memory = document.memory_bytes
    if not memory:
        return None
    basis = [f"memory: {memory / MIB:.0f} MiB, by its definition"]
    free = _free(host, basis) if differs else None
    known = Workload(memory_bytes=memory, free_bytes=free, basis=tuple(basis))
    spent = windows(seconds)
    return _measured(host, uuid, document, known, spent) if spent else known


def _measured(
    host: LibvirtHost,
    uuid: str,
    document: Document,
    known: Workload,
    spent: tuple[int, ...],
) -> Workload:
    """What is known of a guest, and what these windows show of it."""
    memory, basis = known.memory_bytes, list(known.basis)
    used, sums, disks = None, {}, {}
    clock = RealClock()  # a daemon's time is real, whatever the migration's is
    count = min(PLACES_MOST, PLACES_A_SECOND * sum(spent))
    peeks = Peeks(places(document, count), reader(host.ask, uuid))
    try:
        used = None if document.memory_backing else _used(host, uuid, memory)
        before, began_s = _written(host, uuid, basis), clock.now()
        sums = _sums(host, uuid, spent, peeks)
        after = _written(host, uuid, basis) if before else {}
        disks = rates(before, after, clock.now() - began_s)
    except (AnswerLost, HostUnreachable):
        raise
    except HostError as error:
        basis.append(f"writes: not measured: {error.message}")
    if used is not None:
        basis.append(f"in use: {used / MIB:.0f} MiB, as its process has resident")
    used = _without_zeros(peeks, memory, used, basis)
    pages = max(1, memory * PAGES_PER_GIB // GIB)
    curve = tuple((float(w), sum(n) // len(n)) for w, n in sorted(sums.items()))
    looked_at = tuple(pages * len(n) for _, n in sorted(sums.items()))
    for (at, amount), looked in zip(curve, looked_at, strict=True):
        found = f"writes: {amount / MIB:.0f} MiB in {at:g} s"
        basis.append(f"{found}, by sampling {looked} pages")
    return known.model_copy(
        update={
            "used_bytes": used,
            "curve": curve,
            "looked_at": looked_at,
            "pages": peeks.found,
            "disk_writes": tuple(disks.items()),
            "basis": tuple(basis),
        }
    )


def windows(seconds: float) -> tuple[int, ...]:
    """How a time is spent: a short window, and a longer one to see f bend.

    The longer one is what the first pass is foretold by: it gets most of the time. What
    `one_more` may take is kept back.
    """
    whole = int(seconds)
    short = max(1, whole // SHORT)
    long = whole - short - int(short > 1)
    return tuple(window for window in (short, long) if window > 0 < whole)


def one_more(found: Mapping[int, float]) -> int:
    """Seconds of another window that is needed to see how fast it writes; 0 = none.

    Args:
        found: What was found written, by the length of the window in seconds.
    """
    short, long = min(found, default=0), max(found, default=0)
    return int(short > 1 and found[long] <= ROUND * found[short])


def _free(host: LibvirtHost, basis: list[str]) -> int | None:
    """Bytes of memory that its host can give; None = not told."""

    def read(connection: Connection) -> Mapping[str, int]:
        return connection.getMemoryStats(ALL_NODES, 0)

    try:
        free = available_bytes(host.ask("reading how much memory is free", read))
    except (AnswerLost, HostUnreachable):
        raise
    except HostError:
        return None
    if free is not None:
        basis.append(f"free at the source: {free / MIB:.0f} MiB, as its host says")
    return free


def _used(host: LibvirtHost, uuid: str, memory: int) -> int | None:
    """Bytes of its memory that were ever touched, at most; None = not told."""

    def read(connection: Connection) -> Mapping[str, object]:
        domain = connection.lookupByUUIDString(uuid)
        found = connection.domainListGetStats([domain], STATS_BALLOON)
        return found[0][1] if found else {}

    resident = host.ask("reading how much memory it uses", read).get("balloon.rss")
    if not isinstance(resident, int) or resident <= 0:
        return None
    used = max(resident * KIB - OWN_BYTES, MIB)
    return used if used < memory else None


def _without_zeros(
    peeks: Peeks, memory: int, used: int | None, basis: list[str]
) -> int | None:
    """What of its memory is in use, by what was seen of its pages as well."""
    basis += [f"pages: not looked at: {peeks.problem}"] if peeks.problem else []
    found = peeks.found
    if found is None:
        return used
    seen = f"pages: {found.zero} of {found.looked_at} hold zeros"
    if found.price is not None:
        seen += f"; a changed one takes {found.price:.0%} of a page as a difference"
    if found.compressed_share is not None:
        seen += f"; compressed, others take {found.compressed_share:.0%}"
    basis.append(f"{seen}, by looking at them")
    # What is zero is hardly sent, whether it was never touched or written so.
    filled = int(memory * (1 - found.zero / found.looked_at))
    return max(MIB, min(memory if used is None else used, filled))


def _written(host: LibvirtHost, uuid: str, basis: list[str]) -> dict[str, int]:
    """Bytes written to each disk since the guest's start, by its name.

    A host that does not tell is no reason to know nothing of memory.
    """

    def read(connection: Connection) -> Mapping[str, object]:
        domain = connection.lookupByUUIDString(uuid)
        found = connection.domainListGetStats([domain], STATS_BLOCK)
        return found[0][1] if found else {}

    try:
        return written_of(host.ask("reading what is written to its disks", read))
    except (AnswerLost, HostUnreachable):
        raise
    except HostError as error:
        basis.append(f"disk writes: not measured: {error.message}")
        return {}


def written_of(found: Mapping[str, object]) -> dict[str, int]:
    """The same, of libvirt's own names; what is no figure is left out."""
    count = found.get("block.count")
    known: dict[str, int] = {}
    for number in range(min(count, DISKS_MOST) if isinstance(count, int) else 0):
        name = found.get(f"block.{number}.name")
        amount = found.get(f"block.{number}.wr.bytes")
        if isinstance(name, str) and isinstance(amount, int) and amount >= 0:
            known[name] = amount
    return known


def rates(
    before: Mapping[str, int], after: Mapping[str, int], seconds: float
) -> dict[str, int]:
    """Bytes a second between two readings; a counter that fell tells nothing."""
    if seconds <= 0:
        return {}
    return {
        name: int((amount - before[name]) / seconds)
        for name, amount in after.items()
        if amount >= before.get(name, amount + 1)
    }


def _sums(
    host: LibvirtHost, uuid: str, spent: tuple[int, ...], peeks: Peeks
) -> dict[int, list[int]]:
    """Bytes found written in each window that came to its end, by its length.

    Meanwhile its pages are looked at.
    """
    clock = RealClock()  # a daemon's time is real, whatever the migration's is
    until = clock.now() + sum(spent) + SLACK_S
    sums: dict[int, list[int]] = {}
    todo = list(spent)
    while todo:
        window = todo.pop(0)
        rate = _measure(host, uuid, window, clock, until, peeks)
        if rate is None:
            break  # it may run still, and there is but one at a time
        # Its MiB/s are cut off: half of one is lost, on the average.
        whole = (rate + 0.5) * window if rate else 0.0
        sums.setdefault(window, []).append(int(whole * MIB))
        more = 0 if todo else one_more({at: found[0] for at, found in sums.items()})
        if more:
            todo, until = [more], until + more
    return sums


def _measure(
    host: LibvirtHost,
    uuid: str,
    seconds: int,
    clock: RealClock,
    until: float,
    peeks: Peeks,
) -> int | None:
    """MiB/s in one window; None = it did not come to an end."""
    host.ask(
        "measuring what the guest writes",
        lambda connection: start(connection, uuid, seconds),
    )
    while clock.now() < until:
        peeks.step()
        clock.sleep(POLL_S)
        found = host.ask(
            "reading what the guest writes", lambda connection: stats(connection, uuid)
        )
        over, rate = rate_of(found)
        if over:
            return rate
    return None


def start(connection: Connection, uuid: str, seconds: int) -> None:
    """Begin to measure, in the only way that is safe; returns at once."""
    domain = connection.lookupByUUIDString(uuid)
    domain.startDirtyRateCalc(seconds, PAGE_SAMPLING)


def stats(connection: Connection, uuid: str) -> Mapping[str, object]:
    """What the daemon says of a measurement, by its own names."""
    domain = connection.lookupByUUIDString(uuid)
    found = connection.domainListGetStats([domain], STATS_DIRTYRATE)
    return found[0][1] if found else {}


def rate_of(found: Mapping[str, object]) -> tuple[bool, int | None]:
    """Whether it is over, and MiB/s; None = not over, or no figure that can be."""
    if found.get("dirtyrate.calc_status") != MEASURED:
        return False, None
    rate = found.get("dirtyrate.megabytes_per_second")
    sane = isinstance(rate, int) and 0 <= rate <= MOST_MIB_S
    return True, int(rate) if sane and isinstance(rate, int) else None
