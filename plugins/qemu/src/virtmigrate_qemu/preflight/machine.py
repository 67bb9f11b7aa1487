"""Whether the destination has the machine: emulator, type, CPUs, kinds of devices.

One answer tells all (`virConnectGetDomainCapabilities`); it stays true, so it is asked
once of a host for guests of one kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.facts import DomainFacts, domain_facts
from virtmigrate_libvirt.questions import Question, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_libvirt.xml import Document
    from virtmigrate_qemu.preflight.facts import Facts

REFUSALS = frozenset({Code.INVALID_ARG, Code.SYSTEM_ERROR, Code.CONFIG_UNSUPPORTED})
"""Under these numbers libvirt says that it has no such emulator or machine."""

DEVICES = (
    ("devices/graphics/@type", "graphics.type", "graphics of type {}"),
    ("devices/video/model/@type", "video.modelType", "a video device {}"),
    ("devices/tpm/@model", "tpm.model", "a TPM of model {}"),
    ("devices/tpm/backend/@type", "tpm.backendModel", "a TPM by {}"),
    ("devices/rng/backend/@model", "rng.backendModel", "a random device by {}"),
    ("devices/filesystem/driver/@type", "filesystem.driverType", "a directory by {}"),
)
"""What a guest may have, what the destination says of it, and its name in words: kinds
that libvirt itself compares (`virDomainCapsDeviceDefValidate` and the qemu driver)."""


def kind(document: Document) -> tuple[str, str, str, str]:
    """Emulator, architecture, machine and domain type: they decide what it can have."""
    types = document.nodes("os/type")
    os_type = types[0] if types else None
    return (
        document.emulator,
        "" if os_type is None else os_type.get("arch", ""),
        "" if os_type is None else os_type.get("machine", ""),
        document.kind,
    )


def questions(facts: Facts) -> Iterator[Question[DomainFacts]]:
    """What it can give such a guest."""
    yield _question(facts)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What it lacks. Pure."""
    answer = answers[_question(facts)]
    if isinstance(answer, Unanswered):
        if answer.code in REFUSALS:
            yield _no_such_machine(facts, answer)
        return
    vcpus, most = facts.there.vcpus, answer.most_vcpus
    if most and vcpus > most:
        yield facts.finding(
            "too-many-vcpus",
            Level.BLOCKER,
            f"it has {vcpus} virtual CPUs, and the destination gives such a machine "
            f"at most {most}",
            "move it to another host, or give it fewer before",
            evidence=f"domain capabilities: <vcpu max='{most}'/>",
        )
    for path, listed, words in DEVICES:
        can = answer.values.get(listed)
        for value in sorted(set(facts.there.values(path))):
            if can is not None and value not in can:
                yield facts.finding(
                    "device-missing",
                    Level.BLOCKER,
                    f"the destination's QEMU has no {words.format(value)}".replace(
                        "no a ", "no "
                    ),
                    f"give it one of {', '.join(sorted(can)) or 'no kind'}, or install "
                    "that part of QEMU there",
                    subject=value,
                    evidence=f"domain capabilities: {listed}: {' '.join(sorted(can))}",
                )
    yield from _firmware(facts, answer)


def _firmware(facts: Facts, can: DomainFacts) -> Iterator[Finding]:
    for path in facts.there.values("os/loader/text()"):
        if path and path not in can.loaders:
            yield facts.finding(
                "loader-not-listed",
                Level.WARNING,
                "the destination does not list this firmware file, and may not have it",
                "install the same firmware there, or give --xml with the path there",
                subject=path,
                evidence=f"domain capabilities: {' '.join(sorted(can.loaders))}",
            )


def _no_such_machine(facts: Facts, said: Unanswered) -> Finding:
    """Why it has none: the part of the kind that it lacks."""
    emulator, arch, machine, virt = kind(facts.there)
    host = facts.destination.facts
    archs = {known for known, _ in host.virt_types}
    table = (
        (
            bool(archs) and arch not in archs,
            "arch-missing",
            f"the destination runs no guests of architecture {arch}",
            "install that QEMU there, or name another destination",
        ),
        (
            bool(archs) and (arch, virt) not in host.virt_types,
            f"{virt}-missing",
            f"the destination runs no {arch} guests of type {virt}",
            "see that virtualization is on in its firmware and the kvm module loaded",
        ),
        (
            said.code == Code.SYSTEM_ERROR and bool(emulator),
            "emulator-missing",
            f"the destination has no {emulator}",
            "install it there, or give --xml with the emulator there",
        ),
    )
    rest = (
        True,
        "machine-missing",
        f"the destination's QEMU has no machine {machine}",
        "upgrade its QEMU, or start the guest with a machine type that both have",
    )
    name, message, remedy = next(row[1:] for row in (*table, rest) if row[0])
    return facts.finding(
        name,
        Level.BLOCKER,
        message,
        remedy,
        subject=machine if name == "machine-missing" else "",
        evidence=said.why,
    )


def _question(facts: Facts) -> Question[DomainFacts]:
    emulator, arch, machine, virt = kind(facts.there)
    return Question(
        f"what it can give a guest of {arch} {machine} {virt} {emulator}",
        lambda c: domain_facts(
            c.getDomainCapabilities(emulator or None, arch, machine, virt, 0),
            side=Side.DESTINATION,
        ),
        kept=True,
        means=REFUSALS,
    )
