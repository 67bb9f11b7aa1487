"""Whether the destination has room: memory, huge pages, NUMA nodes, CPUs to be on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.questions import Question, Unanswered
from virtmigrate_libvirt.xml import UNITS, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

ALL_NODES = -1
KIB, MIB = 1 << 10, 1 << 20
AVAILABLE = ("free", "buffers", "cached")
"""What a kernel can give (`virNodeGetMemoryStats`): caches give way."""
PINS = "cputune/*[@cpuset]/@cpuset | vcpu/@cpuset"
NODES = "numatune/memory[not(@placement='auto')]/@nodeset | numatune/memnode/@nodeset"
HUGE = "memoryBacking/hugepages"


def questions(facts: Facts) -> Iterator[Question[Mapping[str, int]]]:
    """What is free there."""
    if not facts.moves:
        return
    sizes = _huge_kib(facts)
    yield _pages(tuple(sizes)) if sizes else MEMORY


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
    stats = answers[MEMORY]
    if isinstance(stats, Unanswered) or "free" not in stats:
        return
    free = sum(stats.get(name, 0) for name in AVAILABLE) * KIB
    wanted = facts.there.current_memory_bytes
    if wanted > free:
        yield facts.finding(
            "memory-short",
            Level.WARNING,
            f"it has {wanted // MIB} MiB of memory, and the destination has "
            f"{free // MIB} MiB left: it would swap, or end a process",
            "make room there, or name another destination",
            subject="memory",
            evidence=", ".join(
                f"{name} {stats.get(name, 0)} KiB" for name in AVAILABLE
            ),
        )


def _huge(
    facts: Facts, answers: Answers, sizes: Mapping[int, int]
) -> Iterator[Finding]:
    free = answers[_pages(tuple(sizes))]
    if isinstance(free, Unanswered):
        return
    for size, wanted in sizes.items():
        count = free.get(str(size), 0)
        if count < wanted:
            yield facts.finding(
                "hugepages-short",
                Level.WARNING,
                f"it needs {wanted} huge pages of {size} KiB, and the destination has "
                f"{count} free: it starts there only if the kernel may make more",
                "reserve more there (virsh allocpages)",
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


def _pages(sizes: tuple[int, ...]) -> Question[Mapping[str, int]]:
    return Question(
        f"free pages of {', '.join(map(str, sizes))} KiB",
        lambda c: {
            str(size): count
            for size, count in c.getFreePages(list(sizes), ALL_NODES, 1)[
                ALL_NODES
            ].items()
        },
    )


MEMORY: Question[Mapping[str, int]] = Question(
    "its free memory", lambda c: dict(c.getMemoryStats(ALL_NODES, 0))
)
