"""Domain documents: parsed with nothing trusted, read by name, changed by name.

No DOCTYPE (so no entity), no network, and of nothing more than `bounds.py` says; names
and identities must be there exactly once.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from lxml import etree

from virtmigrate.errors import BadInput, Side
from virtmigrate_libvirt.bounds import (
    MOST_BYTES,
    MOST_LEVELS,
    MOST_MEMORY_BYTES,
    deeper_than,
    excesses,
)
from virtmigrate_libvirt.sources import means_itself, named, servers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNITS = {
    **dict.fromkeys(("b", "bytes"), 1),
    **dict.fromkeys(("KiB", "k"), 1 << 10),
    **dict.fromkeys(("MiB", "M"), 1 << 20),
    **dict.fromkeys(("GiB", "G"), 1 << 30),
    **dict.fromkeys(("TiB", "T"), 1 << 40),
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
"""Units of memory (`virScaleInteger`), as domain XML writes them."""
READ_MOST = 8
"""Documents that are kept parsed: both definitions of the guests that move now."""
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of a guest.

    Attributes:
        target: Name in the guest (`vda`), "" when it has none.
        kind: `file`, `block`, `network`, `volume`, `nvme`, …
        device: `disk`, `cdrom`, `floppy`, `lun`.
        source: Path, name, server or address; "" for none (an empty drive).
        read_only: Whether the guest can't write to it.
        shareable: Whether several guests may write to it.
        format: Of its image, as its driver is told.
        optional: Whether the drive may arrive empty (`startupPolicy`; libvirt drops a
            medium that is not there on arrival unless it is `mandatory`).
        pool: Storage pool of which `source` is a volume, "" where it is a path.
        own: Whether each host would be served by itself (its loopback, its sockets).
        servers: Of a network source, as its protocol and their names.
    """

    target: str
    kind: str
    device: str
    source: str
    read_only: bool
    shareable: bool
    format: str = "raw"
    optional: bool = False
    pool: str = ""
    own: bool = False
    servers: tuple[str, ...] = ()

    @property
    def at(self) -> tuple[object, ...]:
        """Where its data is: alike for two that read the same, as far as words tell."""
        return self.kind, self.pool, self.source, self.servers

    @property
    def named(self) -> str | tuple[str, str]:
        """Its source: a path, or a pool and a volume."""
        return (self.pool, self.source) if self.pool else self.source


class Document:
    """One `<domain>` document."""

    def __init__(self, root: etree._Element) -> None:
        """Wrap a parsed one; see `parse`."""
        self._root = root

    @property
    def name(self) -> str:
        """The guest's name."""
        return self._text("name")

    @property
    def uuid(self) -> str:
        """Its identity, lower case."""
        return self._text("uuid").lower()

    @property
    def kind(self) -> str:
        """Domain type, such as `kvm`, `qemu` or `vz`."""
        return self._root.get("type", "")

    @property
    def emulator(self) -> str:
        """Program that runs it, "" where the host chooses."""
        return self._text("devices/emulator")

    @property
    def programs(self) -> frozenset[str]:
        """Every program on the host that defining it, or starting it, would run."""
        root = self._root
        named = [*root.iterfind("devices/emulator"), *root.iterfind("bootloader")]
        helpers = [*root.iterfind("devices//script"), *root.iterfind("devices//binary")]
        texts = [*(n.text for n in named), *(n.get("path") for n in helpers)]
        return frozenset(text.strip() for text in texts if text and text.strip())

    @property
    def vcpus(self) -> int:
        """Most virtual CPUs, 0 where it does not say."""
        return number(self._text("vcpu"))

    @property
    def memory_bytes(self) -> int:
        """Its memory, 0 where the definition does not say in a known unit."""
        return _scaled(self._root.find("memory"))

    @property
    def current_memory_bytes(self) -> int:
        """What of it the guest has now, with what is plugged in; 0 as above."""
        return _scaled(self._root.find("currentMemory")) or self.memory_bytes

    @property
    def memory_backing(self) -> bool:
        """Whether its memory is not plain pages of its process (huge pages, a file)."""
        return self._root.find("memoryBacking") is not None

    @property
    def machine(self) -> str:
        """Machine type, such as `pc-q35-7.2`; "" where it does not say."""
        return self._of_type("machine")

    @property
    def architecture(self) -> str:
        """Of its CPUs, such as `x86_64`; "" where it does not say."""
        return self._of_type("arch")

    def _of_type(self, name: str) -> str:
        found = self._root.find("os/type")
        return "" if found is None else found.get(name, "")

    @property
    def memory_grows(self) -> bool:
        """Whether memory may be plugged in, so that not all of it was there first."""
        return self._root.find("maxMemory") is not None

    @property
    def memory_is_secret(self) -> bool:
        """Whether the host can't read it (`launchSecurity`)."""
        return self._root.find("launchSecurity") is not None

    @property
    def hard_limit(self) -> bool:
        """Whether its memory has a hard limit."""
        return self._root.find("memtune/hard_limit") is not None

    @property
    def passes_arguments(self) -> bool:
        """Whether it hands arguments straight to the hypervisor's program."""
        foreign = f"{{{QEMU_NAMESPACE}}}"
        return any(str(child.tag).startswith(foreign) for child in self._root)

    def disks(self) -> list[Disk]:
        """Its disks, in order."""
        return [_disk(node) for node in self._root.iterfind("devices/disk")]

    def nodes(self, path: str) -> list[etree._Element]:
        """The elements that an XPath finds, in order."""
        found: list[etree._Element] = _xpath(path)(self._root)
        return found

    def values(self, path: str) -> list[str]:
        """The attributes or texts that an XPath finds, in order."""
        return [str(found).strip() for found in _xpath(path)(self._root)]

    def filesystems(self) -> list[Disk]:
        """Images that it mounts: a container's ploops, by the directory they are in."""
        nodes = self._root.iterfind("devices/filesystem")
        return [_disk(node, "filesystem", "dir") for node in nodes]

    def renamed(self, name: str) -> Document:
        """A copy with another name."""
        root = copy.deepcopy(self._root)
        node = root.find("name")
        if node is None:
            node = etree.SubElement(root, "name")
        node.text = name
        return Document(root)

    def with_images(self, places: Mapping[str, tuple[str, str]]) -> Document:
        """A copy whose disks have their image files, or their devices, elsewhere.

        A disk that is named by pool and volume stays so where it has a pool.

        Args:
            places: Path and pool ("" = none) by target name. What lies under an image
                is read from the image.
        """
        root = copy.deepcopy(self._root)
        for node in root.iterfind("devices/disk"):
            source, place = node.find("source"), places.get(_disk(node).target)
            if source is None or place is None:
                continue
            _point(node, source, *place)
            for below in node.findall("backingStore"):
                node.remove(below)
        return Document(root)

    def text(self) -> str:
        """The document as text."""
        return etree.tostring(self._root, encoding="unicode")

    def _text(self, path: str) -> str:
        return (self._root.findtext(path) or "").strip()


LONGEST_NUMBER = 18
"""Digits that are read of a number; one with more is absurd either way."""


def number(text: str) -> int:
    """A number of a document, 0 where it is none."""
    return int(text[:LONGEST_NUMBER]) if text.isdecimal() else 0


def _scaled(node: etree._Element | None) -> int:
    """Bytes of an element that has a unit."""
    if node is None:
        return 0
    return number((node.text or "").strip()) * UNITS.get(node.get("unit", "KiB"), 0)


@lru_cache(maxsize=512)
def _xpath(path: str) -> Callable[[etree._Element], list[Any]]:
    """Compiled once: a pre-flight asks for some dozens of each guest."""
    compiled = etree.XPath(path, smart_strings=False)
    return cast("Callable[[object], list[Any]]", compiled)


def _disk(node: etree._Element, device: str = "disk", name: str = "dev") -> Disk:
    source, target = node.find("source"), node.find("target")
    driver = node.find("driver")
    return Disk(
        target="" if target is None else target.get(name) or "",
        kind=node.get("type") or "file",
        device=node.get("device") or device,
        source="" if source is None else named(source),
        read_only=node.find("readonly") is not None,
        shareable=node.find("shareable") is not None,
        optional=source is not None
        and source.get("startupPolicy") in ("optional", "requisite"),
        format="raw" if driver is None else driver.get("type") or "raw",
        pool=source.get("pool") or ""
        if source is not None and node.get("type") == "volume"
        else "",
        own=source is not None and means_itself(source),
        servers=() if source is None else servers(source),
    )


def _point(node: etree._Element, source: etree._Element, path: str, pool: str) -> None:
    """Have a disk's source name a file, the way in which it named one before."""
    if node.get("type") == "volume" and pool:
        source.set("pool", pool)
        source.set("volume", path.rpartition("/")[2])
        return
    if node.get("type") == "block":
        source.set("dev", path)
        return
    for name in ("pool", "volume", "mode"):
        source.attrib.pop(name, "")
    node.set("type", "file")
    source.set("file", path)


def parser() -> etree.XMLParser:
    """A parser that trusts nothing; one for each use, as they keep state."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def parse(text: str, *, side: Side = Side.REQUEST, subject: str = "xml") -> Document:
    """Parse a domain document.

    Args:
        text: It.
        side: Whose it is, for the error.
        subject: What it is (an option, a guest), for the error.

    Raises:
        BadInput: Too large, too deep, with a DOCTYPE, no XML, or no `<domain>` with
            one name and one UUID.
    """
    try:
        return _read(text)
    except _Bad as bad:
        msg = f"{subject}: {bad}"
        raise BadInput(msg, side=side, subject=subject, remedy=bad.remedy) from None


@lru_cache(maxsize=READ_MOST)
def _read(text: str) -> Document:
    """Many ask about one text in a few milliseconds; what they get nobody changes."""
    return Document(_sane(_well_formed(text)))


class _Bad(Exception):
    """What is wrong with a document, and what helps."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def _well_formed(text: str) -> etree._Element:
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MOST_BYTES:
        raise _Bad(f"larger than {MOST_BYTES} bytes", "a domain needs a few KiB")
    doctype = _Bad("it has a DOCTYPE", "remove it: entities are not read")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise doctype
    try:
        root = etree.fromstring(data, parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        said = f"no well-formed XML: {error}"
        raise _Bad(said, "check it with xmllint") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise doctype
    return root


def _sane(root: etree._Element) -> etree._Element:
    if deeper_than(root, MOST_LEVELS):
        raise _Bad(f"more than {MOST_LEVELS} levels deep", "a domain needs ten")
    if root.tag != "domain":
        raise _Bad("its root is no <domain>", "take it from `virsh dumpxml`")
    for tag in ("name", "uuid"):
        if len(root.findall(tag)) != 1:
            what = f"it must have exactly one <{tag}>"
            raise _Bad(what, "`virsh dumpxml` has it")
    for excess in excesses(root):
        raise _Bad(f"it has too much: {excess}", "no host could run that")
    if Document(root).memory_bytes > MOST_MEMORY_BYTES:
        raise _Bad("it has more memory than any host", "leave <memory> as it is")
    return root
