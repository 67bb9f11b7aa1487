"""Domain documents, the caller's and the source's: what may not reach a daemon.

Defining a document runs the `<emulator>` that it names, with the daemon's rights. So a
document of the caller's may not bring in a program, or arguments, that the guest did
not have; and what the source hands over for the destination may only name programs that
the destination knows, since a host of the other side is not trusted with this one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput, Side
from virtmigrate_libvirt.xml import Document, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SPELLED = {"dest_xml": "--xml", "persist_xml": "--persistent-xml"}
KNOWN = re.compile(
    r"/usr/(?:local/)?(?:bin|libexec|lib/qemu)"
    r"/(?:qemu-system-[a-z0-9_]+|qemu-kvm|kvm|virtiofsd)"
)
"""Where distributions put QEMU and its helpers: only root can write there."""


def faults(option: str, text: str | None, actual: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a document: message and remedy, each.

    Args:
        option: `dest_xml` or `persist_xml`.
        text: The document, None when none was given.
        actual: The guest's own definition at the source.
    """
    if text is None:
        return
    spelled = SPELLED[option]
    try:
        document = parse(text, subject=spelled)
    except BadInput as error:
        yield error.message, error.remedy or ""
        return
    yield from _differences(spelled, document, parse(actual))


def dangers(
    document: Document, emulators: Collection[str], insecure: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """What the source's document would run at the destination: check, message, remedy.

    Args:
        document: The source's.
        emulators: What the destination says it runs guests with.
        insecure: Checks that the caller has switched off.
    """
    strange = sorted(
        program
        for program in document.programs
        if program not in emulators and not KNOWN.fullmatch(program)
    )
    runs = f"its definition runs {', '.join(strange)[:200]}"
    table = (
        (
            "emulator",
            bool(strange),
            f"{runs}, which the destination does not list as an emulator",
            "see that the program is what it should be there",
        ),
        (
            "commandline",
            document.passes_arguments,
            "its definition hands arguments to QEMU, past libvirt",
            "see that they are yours",
        ),
    )
    for check, wrong, message, remedy in table:
        if wrong and check not in insecure:
            yield check, message, f"{remedy}, then --insecure {check}; it is logged"


def refuse_dangers(
    handed_over: Iterable[Document],
    emulators: Collection[str],
    insecure: Collection[str],
) -> None:
    """See that what the source hands over may go to the destination.

    Args:
        handed_over: The source's documents.
        emulators: What the destination says it runs guests with.
        insecure: Checks that the caller has switched off.

    Raises:
        BadInput: One may not.
    """
    for document in handed_over:
        for check, message, remedy in dangers(document, emulators, insecure):
            raise BadInput(message, side=Side.SOURCE, subject=check, remedy=remedy)


def _differences(
    spelled: str, document: Document, guest: Document
) -> Iterator[tuple[str, str]]:
    table = (
        (
            document.uuid != guest.uuid,
            "is the document of another guest (its UUID differs)",
            "take it from `virsh dumpxml --migratable`",
        ),
        (
            document.name != guest.name,
            f"must keep the name {guest.name}",
            "rename with --dname",
        ),
        (
            not document.programs <= guest.programs,
            "names another emulator or program than the guest has",
            "leave <emulator>, <script> and <binary> out, or as they are",
        ),
        (
            document.passes_arguments and not guest.passes_arguments,
            "hands arguments to QEMU that the guest did not have",
            "remove the qemu: elements",
        ),
        (
            document.vcpus > max(guest.vcpus, 1),
            "has more virtual CPUs than the guest",
            "leave <vcpu> as it is",
        ),
    )
    for wrong, message, remedy in table:
        if wrong:
            yield f"{spelled} {message}", remedy
