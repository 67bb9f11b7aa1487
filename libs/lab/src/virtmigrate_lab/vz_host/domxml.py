"""Domain XML of vz guests: what the host must know of it. Hostile until parsed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from lxml import etree

from virtmigrate_lab.vz_host.errors import VzError

XML_MAX = 1 << 20
UNITS_KIB = {"b": 1 / 1024, "KiB": 1, "MiB": 1 << 10, "GiB": 1 << 20, "k": 1}
NAME_MAX = 200
TIED = (
    ("devices/hostdev[@type='pci']", "PCI device"),
    ("devices/disk[@device='cdrom'][@type='block']/source", "remote CD"),
)
"""Elements that are the host's, and what they are."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A guest's definition.

    Attributes:
        name: Its name.
        uuid: Its identity.
        os_type: `hvm` = a virtual machine, `exe` = a container.
        memory_mib: Its memory.
        vcpus: Its CPUs.
        images: Files of its disks, directories of a container's.
        media: Files of what its drives of CDs hold.
        tied: What of it is the host's: devices that can't move.
        xml: The document, name and UUID filled in.
    """

    name: str
    uuid: str
    os_type: str
    memory_mib: float
    vcpus: int
    images: tuple[str, ...]
    media: tuple[str, ...]
    tied: tuple[str, ...]
    xml: str


def _unreadable(why: str) -> VzError:
    return VzError(27, f"XML error: {why}", bare=True)


def read(text: str) -> Definition:
    """Parse a definition.

    Raises:
        VzError: It is none, or not one for this driver.
    """
    root = _root(text)
    name = (root.findtext("name") or "").strip()
    if not name or len(name) > NAME_MAX or "/" in name:
        raise _unreadable("a name is missing or not to be used")
    os_type = root.findtext("os/type") or "hvm"
    if os_type not in ("hvm", "exe"):
        raise VzError(67, f"OS type is not supported by vz driver: {os_type}")
    uuid = root.findtext("uuid")
    try:
        identity = str(UUID(uuid)) if uuid else str(uuid4())
        kib = _kib(root.find("memory"))
        vcpus = int(root.findtext("vcpu") or 1)
    except (ValueError, KeyError) as error:
        raise _unreadable("uuid, memory or vcpu can't be read") from error
    disks = root.findall("devices/disk") + root.findall("devices/filesystem")
    if not disks:
        raise VzError(67, "a vz domain needs at least one disk")
    if uuid is None:
        root.insert(1, etree.Element("uuid"))
        root[1].text = identity
    document = etree.tostring(root, encoding="unicode")
    return Definition(
        name,
        identity,
        os_type,
        kib / 1024,
        vcpus,
        (*_files(root, "disk", "disk"), *_files(root, "filesystem", None)),
        _files(root, "disk", "cdrom"),
        tuple(what for path, what in TIED if root.find(path) is not None),
        document,
    )


def _files(root: etree._Element, tag: str, device: str | None) -> tuple[str, ...]:
    """Files that these devices name; None = whatever they are."""
    found = [
        source.get("file")
        for node in root.findall(f"devices/{tag}")
        if device in (None, node.get("device") or "disk")
        for source in node.findall("source")
    ]
    return tuple(file for file in found if file)


def _kib(element: etree._Element | None) -> float:
    """A size in KiB."""
    if element is None:
        raise ValueError
    return float(element.text or "") * UNITS_KIB[element.get("unit") or "KiB"]


def _root(text: str) -> etree._Element:
    if len(text) > XML_MAX:
        raise _unreadable("the document is too big")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_blank_text=False
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _unreadable("it is no well-formed document") from error
    if "<!DOCTYPE" in text:
        raise _unreadable("it has a document type")
    if root.tag != "domain" or root.get("type") not in ("vz", "parallels"):
        raise _unreadable("it is no domain of type vz")
    return root


def renamed(text: str, name: str) -> str:
    """The same document with another name."""
    root = _root(text)
    element = root.find("name")
    if element is not None:
        element.text = name
    return etree.tostring(root, encoding="unicode")
