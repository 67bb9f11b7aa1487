"""The caller's own domain documents: what may not reach a daemon.

Defining a document runs the `<emulator>` that it names, with the daemon's rights, so
a document may not bring in a program, or arguments, that the guest did not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate_libvirt.xml import Document, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

SPELLED = {"dest_xml": "--xml", "persist_xml": "--persistent-xml"}


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
            document.emulator not in ("", guest.emulator),
            "names another emulator than the guest has",
            "leave <emulator> out, or as it is",
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
