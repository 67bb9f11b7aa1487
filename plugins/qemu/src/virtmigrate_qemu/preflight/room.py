"""Whether the destination has room: memory, huge pages, NUMA nodes, CPUs to be on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.facts import ALL_NODES, AVAILABLE, available_bytes
from virtmigrate_libvirt.questions import Question, Unanswered
from virtmigrate_libvirt.xml import UNITS, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

EVERYWHERE = (ALL_NODES,)
KIB, MIB = 1 << 10, 1 << 20
PINS = "cputune/*[@cpuset]/@cpuset | vcpu/@cpuset"
NODES = "numatune/memory[not(@placement='auto')]/@nodeset | numatune/memnode/@nodeset"
BOUND = "numatune/memory[not(@placement='auto')][not(@mode) or @mode='strict']/@nodeset"
HUGE = "memoryBacking/hugepages"


def questions(facts: Facts) -> Iterator[Question[Mapping[str, int]]]:
    """What is free there."""
    if not facts.moves:
        return
    sizes = _huge_kib(facts)
    nodes = _bound(facts)
    yield _pages(tuple(sizes), nodes) if sizes else _free(nodes)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What is too little, and what is not there at all. Pure."""
    yield from _places(facts)
    yield from _sizes(facts)
    if not facts.moves:
        return
    huge = _huge_kib(facts)
    if huge:
        yield from _huge(facts, answers, huge)
    else:
        yield from _memory(facts, answers)


def _memory(facts: Facts, answers: Answers) -> Iterator[Finding]:
    nodes = _bound(facts)
    stats = answers[_free(nodes)]
    if isinstance(stats, Unanswered):
        return
    # a node does not tell of caches: at best all of the host's are on these
    free = available_bytes(stats)
    wanted = facts.there.current_memory_bytes
    if free is not None and wanted > free:
        yield facts.finding(
            "memory-short",
            Level.WARNING,
            f"it has {wanted // MIB} MiB of memory, and the destination has "
            f"{free // MIB} MiB left{_on(nodes)}: it would swap, or end a process",
            f"make room there{_else(nodes)}, or name another destination",
            subject="memory",
            evidence=", ".join(
                f"{name} {stats.get(name, 0)} KiB" for name in AVAILABLE
            ),
        )


def _huge(
    facts: Facts, answers: Answers, sizes: Mapping[int, int]
) -> Iterator[Finding]:
    nodes = _bound(facts)
    free = answers[_pages(tuple(sizes), nodes)]
    if isinstance(free, Unanswered):
        return
    for size, wanted in sizes.items():
        count = free.get(str(size), 0)
        if count < wanted:
            yield facts.finding(
                "hugepages-short",
                Level.WARNING,
                f"it needs {wanted} huge pages of {size} KiB, and the destination has "
                f"{count} free{_on(nodes)}: it starts there only if the kernel may "
                "make more",
                f"reserve more there (virsh allocpages){_else(nodes)}",
                subject=f"huge pages of {size} KiB",
                evidence=f"free pages: {count}",
            )


def _sizes(facts: Facts) -> Iterator[Finding]:
    """A size of pages that the destination's kernel does not know."""
    known = facts.destination.facts.page_sizes_kib
    for page in facts.there.nodes(f"{HUGE}/page"):
        size = _kib(page.get("size", ""), page.get("unit", "KiB"))
        if known and size not in known:
            yield facts.finding(
                "hugepages-unsupported",
                facts.needed,
                f"it needs huge pages of {size} KiB, which the destination does not "
                "have",
                f"give it pages of a size that is there: {sorted(known)} KiB",
                subject=f"huge pages of {size} KiB",
                evidence=f"<pages unit='KiB' size=…/>: {sorted(known)}",
            )


def _places(facts: Facts) -> Iterator[Finding]:
    """NUMA nodes and CPUs that it is bound to, by number."""
    host = facts.destination.facts
    for text in sorted(set(facts.there.values(NODES))):
        missing = sorted(numbers(text) - host.nodes)
        if host.nodes and missing:
            yield facts.finding(
                "numa-node-missing",
                facts.needed,
                f"its memory is bound to NUMA nodes {text}, and the destination has no "
                f"node {missing[0]}",
                "give --xml with a <numatune> for the destination",
                subject="numatune",
                evidence=f"nodes there: {sorted(host.nodes)}",
            )
    for text in sorted(set(facts.there.values(PINS))):
        pinned = numbers(text)
        if host.cpus and pinned and not pinned & host.cpus:
            yield facts.finding(
                "pinned-cpus-missing",
                facts.needed,
                f"it is bound to CPUs {text}, none of which the destination has",
                "give --xml with a <cputune> for the destination",
                subject="cputune",
                evidence=f"CPUs there: {len(host.cpus)}, up to {max(host.cpus)}",
            )


def numbers(text: str) -> set[int]:
    """The numbers of a set as libvirt writes it, `0-3,^1,8`; no absurd ones."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().lstrip("^").partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            continue
        some = range(number(first), min(number(last or first), MOST_NUMBER) + 1)
        found = found - set(some) if part.strip().startswith("^") else found | set(some)
    return found


MOST_NUMBER = 1 << 14


def _huge_kib(facts: Facts) -> dict[int, int]:
    """Sizes of huge pages that it needs, and how many.

    Where different nodes of the guest have different sizes, nobody counts.
    """
    if not facts.there.nodes(HUGE):
        return {}
    pages = facts.there.nodes(f"{HUGE}/page")
    sizes = [_kib(page.get("size", ""), page.get("unit", "KiB")) for page in pages]
    known = sorted(facts.destination.facts.page_sizes_kib)
    sizes = sizes or known[1:2]
    if len(sizes) != 1 or sizes[0] not in known:
        return {}
    return {sizes[0]: -(-facts.there.memory_bytes // (sizes[0] * KIB))}


def _kib(size: str, unit: str) -> int:
    return number(size) * UNITS.get(unit, 0) // KIB


def _bound(facts: Facts) -> tuple[int, ...]:
    """The destination's nodes that its memory has to be on."""
    wanted = {n for text in facts.there.values(BOUND) for n in numbers(text)}
    return tuple(sorted(wanted & facts.destination.facts.nodes)) or EVERYWHERE


def _on(nodes: tuple[int, ...]) -> str:
    bound = "" if nodes == EVERYWHERE else ", ".join(map(str, nodes))
    return bound and f" on the NUMA nodes that it is bound to ({bound})"


def _else(nodes: tuple[int, ...]) -> str:
    return "" if nodes == EVERYWHERE else ", give --xml with another <numatune>"


def _pages(
    sizes: tuple[int, ...], nodes: tuple[int, ...]
) -> Question[Mapping[str, int]]:
    def ask(connection: Connection) -> Mapping[str, int]:
        free = [connection.getFreePages(list(sizes), n, 1)[n] for n in nodes]
        return {str(size): sum(each[size] for each in free) for size in sizes}

    about = f"free pages of {', '.join(map(str, sizes))} KiB{_on(nodes)}"
    return Question(about, ask)


def _free(nodes: tuple[int, ...]) -> Question[Mapping[str, int]]:
    def ask(connection: Connection) -> Mapping[str, int]:
        found = dict(connection.getMemoryStats(ALL_NODES, 0))
        if nodes != EVERYWHERE:
            theirs = [connection.getMemoryStats(n, 0) for n in nodes]
            for name in ("total", "free"):
                found[name] = sum(each[name] for each in theirs)
        return found

    return Question(f"its free memory{_on(nodes)}", ask)
