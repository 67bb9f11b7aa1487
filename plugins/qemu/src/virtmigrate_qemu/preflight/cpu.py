"""Whether the destination's CPU can be the guest's."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from lxml import etree

from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.questions import Question, Unanswered
from virtmigrate_qemu.preflight.machine import kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.facts import Tsc
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

FAIL_INCOMPATIBLE = 1
"""`VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE`: the error names what is missing."""
COMPARED = ("model", "vendor", "feature")
NOT_COMPARED = ("invtsc",)
"""A feature that hosts do not count as theirs, though guests can have it."""
TSC_TOLERANCE_PPM = 250
"""How far apart two frequencies may be (`qemuProcessStartValidateTSC`)."""
REFUSALS = frozenset({Code.CPU_INCOMPATIBLE, Code.INTERNAL_ERROR, Code.INVALID_ARG})


def questions(facts: Facts) -> Iterator[Question[int]]:
    """Whether its hypervisor can give this CPU, where libvirt itself would check."""
    if compared(facts):
        yield _question(facts)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What it lacks. Pure."""
    yield from _passed_through(facts)
    yield from _frequency(facts)
    if not compared(facts):
        return
    answer = answers[_question(facts)]
    if isinstance(answer, Unanswered) and answer.code in REFUSALS:
        unknown = answer.code != Code.CPU_INCOMPATIBLE
        yield facts.finding(
            "cpu-unknown" if unknown else "cpu-incompatible",
            facts.needed,
            "the destination does not know the guest's CPU model"
            if unknown
            else "the destination's CPU lacks what the guest's has",
            "start the guest with a CPU model that both hosts have "
            "(virsh hypervisor-cpu-baseline finds one)",
            subject=" ".join(facts.there.values("cpu/model/text()")) or "cpu",
            evidence=answer.why,
        )


def compared(facts: Facts) -> bool:
    """Whether the guest asks for a certain CPU, and for it to be checked."""
    checks = facts.there.values("cpu/@check")
    return bool(facts.there.nodes("cpu/model")) and "none" not in checks


def _passed_through(facts: Facts) -> Iterator[Finding]:
    """The host's own CPU, unlike a model, is not the same everywhere."""
    modes = {"host-passthrough", "maximum"} & set(facts.there.values("cpu/@mode"))
    here, there = facts.source.facts.cpu, facts.destination.facts.cpu
    if facts.moves and modes and here != there:
        lost = sorted(here[3] - there[3])
        yield facts.finding(
            "cpu-passthrough",
            Level.WARNING,
            "it sees the source's own CPU, and the destination's is another: it may "
            "crash there on what is missing",
            "move it stopped, or start it with a CPU model that both hosts have",
            subject=f"cpu {' '.join(modes)}",
            evidence=f"{' '.join(here[:3])} and {' '.join(there[:3])}; the destination "
            f"lacks {' '.join(lost)[:200] or 'nothing by name'}",
        )


def _frequency(facts: Facts) -> Iterator[Finding]:
    """A fixed pace of the time stamp counter."""
    wanted = facts.there.values("clock/timer[@name='tsc']/@frequency")
    hz = int(wanted[0]) if wanted and wanted[0].isdecimal() else 0
    tsc = facts.destination.facts.tsc
    if hz and tsc and not _keeps(tsc, hz):
        yield facts.finding(
            "tsc-frequency",
            facts.needed,
            f"its time stamp counter is fixed to {hz} Hz, and the destination's CPU "
            f"counts {tsc.hz} Hz and can't show another pace",
            "move it to a host of the same frequency, or drop the frequency",
            subject="timer tsc",
            evidence=f"<counter name='tsc' frequency='{tsc.hz}' scaling='no'/>",
        )


def _keeps(tsc: Tsc, hz: int) -> bool:
    near = abs(tsc.hz - hz) * 1_000_000 <= tsc.hz * TSC_TOLERANCE_PPM
    return tsc.scales or near


def _question(facts: Facts) -> Question[int]:
    emulator, arch, machine, virt = kind(facts.there)
    text = _wanted(facts)
    return Question(
        f"whether it has a CPU for {arch} {machine} {virt} {emulator}: {text}",
        lambda c: c.compareHypervisorCPU(
            emulator or None, arch, machine, virt, text, FAIL_INCOMPATIBLE
        ),
        kept=True,
        means=REFUSALS,
    )


def _wanted(facts: Facts) -> str:
    """The guest's `<cpu>`, reduced to what is compared."""
    found = facts.there.nodes("cpu")[0]
    wanted = etree.Element("cpu", match=found.get("match", "exact"))
    for child in found:
        if child.tag in COMPARED and child.get("name") not in NOT_COMPARED:
            wanted.append(copy.copy(child))
    return etree.tostring(wanted, encoding="unicode")
