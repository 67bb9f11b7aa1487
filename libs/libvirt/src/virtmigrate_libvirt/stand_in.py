"""A guest of no worth, which takes the way of a real one first.

Its program, architecture and machine are the guest's, so that what keeps QEMU from
starting one, or from listening, keeps it from the other as well. It never runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from virtmigrate.errors import BadInput
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.xml import Document

START_PAUSED = 1
"""`VIR_DOMAIN_START_PAUSED`."""
MEMORY_MIB = 16
"""Less is refused by some machine types; its pages are zeros, and hardly sent."""


def start(host: LibvirtHost, live: str | None, name: str, uuid: str) -> bool:
    """Start it, paused; nothing of it stays when it is ended.

    Args:
        host: Where.
        live: Definition of the guest that it stands in for.
        name: Its name.
        uuid: Its identity.

    Returns:
        Whether it is there; False where the guest's definition can't be read.

    Raises:
        HostError: The host would not start it.
    """
    try:
        document = parse(live or "")
    except BadInput:
        return False
    wanted = definition(document, name, uuid)

    def create(connection: Connection) -> bool:
        connection.createXML(wanted, START_PAUSED)
        return True

    return host.control.tell("starting a stand-in", create)


def definition(like: Document, name: str, uuid: str) -> str:
    """Its domain document. Pure.

    Args:
        like: Of the guest that it stands in for.
        name: Its name.
        uuid: Its identity.
    """
    kind = {"arch": like.architecture, "machine": like.machine}
    root = etree.Element("domain", {"type": like.kind})
    _put(root, "name", name)
    _put(root, "uuid", uuid)
    _put(root, "memory", str(MEMORY_MIB), unit="MiB")
    _put(root, "vcpu", "1")
    _put(
        _put(root, "os"), "type", "hvm", **{k: text for k, text in kind.items() if text}
    )
    devices = _put(root, "devices")
    if like.emulator:
        _put(devices, "emulator", like.emulator)
    _put(devices, "controller", type="usb", model="none")
    _put(devices, "memballoon", model="none")
    return etree.tostring(root, encoding="unicode")


def _put(
    parent: etree._Element, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    child = etree.SubElement(parent, name, attributes)
    child.text = text
    return child
