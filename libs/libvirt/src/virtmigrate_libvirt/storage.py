"""A host's storage through libvirt's pools: the core's `virtmigrate.storage.Storage`.

Only pools of files count (directories, and what is mounted); a pool of volume groups
or of network objects has no images that could be looked for by name. Block devices are
told by the daemon's node devices.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lxml import etree

from virtmigrate.devices import Device
from virtmigrate.errors import BadInput, HostError
from virtmigrate.storage import Image, Pool, pool_at, split
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.link import code_of, found
from virtmigrate_libvirt.xml import parse, parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from virtmigrate_libvirt.control import Control
    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.protocol import Pool as LibvirtPool

FILES = ("dir", "fs", "netfs")
"""Types of pool whose volumes are files (`virStoragePoolType`)."""
ACTIVE, ANY = 2, 0
"""`VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE`, and all."""
INACTIVE_XML = 2
"""`VIR_DOMAIN_XML_INACTIVE`."""
MOST_POOLS = 128
STORAGE_DEVICES = 1 << 8
"""`VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE`."""
MOST_DEVICES = 2048
NOTHING = frozenset({Code.NO_STORAGE_POOL, Code.NO_STORAGE_VOL})
GONE = frozenset({Code.NO_NODE_DEVICE})
WITHOUT = frozenset({Code.NO_SUPPORT})
"""Answers of a daemon that has no driver for storage, or for devices."""
EXISTS = frozenset({Code.STORAGE_VOL_EXIST, Code.OPERATION_INVALID})
"""Answers to the making of a volume whose name, or file, is there."""
NS = 1_000_000_000


class LibvirtStorage:
    """The storage of one host."""

    def __init__(self, control: Control) -> None:
        """Take the way to the host; nothing is asked."""
        self._control = control

    def pools(self) -> Sequence[Pool]:
        """The active pools of files; none where the daemon has no storage driver.

        Raises:
            HostError: The host can't be asked.
        """
        texts = self._told("listing storage pools", _pool_texts)
        return [pool for text in texts for pool in _pool(text)]

    def kinds(self) -> Mapping[str, str]:
        """Name and type (`virStoragePoolType`) of every active pool.

        Raises:
            HostError: The host can't be asked.
        """
        texts = self._control.ask("listing storage pools", _pool_texts)
        roots = map(_read, texts)
        return {root.findtext("name") or "": root.get("type") or "" for root in roots}

    def devices(self) -> Sequence[Device]:
        """The block devices that udev tells of, and their links.

        Raises:
            HostError: The host can't be asked.
        """
        texts = self._told("listing block devices", _device_texts)
        return [device for text in texts for device in _device(text)]

    def _told(
        self, doing: str, function: Callable[[Connection], list[str]]
    ) -> list[str]:
        """Documents; none of a daemon that lacks the driver for such."""
        try:
            return self._control.ask(doing, function)
        except HostError as error:
            if code_of(error) in WITHOUT:
                return []
            raise

    def names(self, pool: Pool) -> Sequence[str]:
        """Names of the volumes of a pool, looked for anew.

        Raises:
            HostError: The host can't be asked.
        """

        def listed(connection: Connection) -> list[str]:
            there = connection.storagePoolLookupByName(pool.name)
            there.refresh(0)
            return there.listVolumes()

        return self._control.ask("listing volumes", listed)

    def look(self, pool: Pool, name: str) -> Image | None:
        """The volume of this name; what a pool does not know is looked for anew.

        Raises:
            HostError: The host can't be asked.
        """

        def read(connection: Connection) -> str | None:
            there = connection.storagePoolLookupByName(pool.name)
            known = _described(there, name)
            if known is not None:
                return known
            there.refresh(0)
            return _described(there, name)

        text = self._control.ask("looking for an image", read)
        return None if text is None else _image(text)

    def make(self, pool: Pool, name: str, image: Image) -> bool:
        """Make an empty volume, sparse; False = one of that name is there.

        Raises:
            HostError: It can't be made.
        """
        text = _volume(name, image)

        def made(connection: Connection) -> None:
            connection.storagePoolLookupByName(pool.name).createXML(text, 0)

        try:
            self._control.tell("making an image", made)
        except HostError as error:
            if code_of(error) in EXISTS and self.look(pool, name) is not None:
                return False
            raise
        return True

    def delete(self, pool: Pool, name: str) -> None:
        """Delete a volume; harmless where there is none.

        Raises:
            HostError: It can't be deleted.
        """

        def gone(connection: Connection) -> None:
            there = connection.storagePoolLookupByName(pool.name)
            for _ in range(2):
                volume = found(lambda: there.storageVolLookupByName(name), NOTHING)
                if volume is not None:
                    volume.delete(0)
                    return
                there.refresh(0)

        self._control.tell("deleting an image", gone)

    def users(self, path: str) -> Sequence[str]:
        """Guests whose definitions name this file, and images that lie over it.

        Raises:
            HostError: The host can't be asked.
        """

        def named(connection: Connection) -> set[str]:
            return set(_users(connection, path))

        return sorted(self._control.ask("looking who uses an image", named))


def _pool_texts(connection: Connection, which: int = ACTIVE) -> list[str]:
    pools = connection.listAllStoragePools(which)[:MOST_POOLS]
    return [pool.XMLDesc(0) for pool in pools]


def _device_texts(connection: Connection) -> list[str]:
    devices = connection.listAllDevices(STORAGE_DEVICES)[:MOST_DEVICES]
    texts = (found(partial(each.XMLDesc, 0), GONE) for each in devices)
    return [text for text in texts if text is not None]


def _device(text: str) -> Iterator[Device]:
    """Its own path first; a drive whose medium may change has no size."""
    root = _read(text)
    own = (root.findtext("capability/block") or "").strip()
    links = [(node.text or "").strip() for node in root.iterfind("devnode")]
    if own:
        size = _figure(root, "capability/size")
        yield Device(tuple(dict.fromkeys((own, *links))), size)


def _pool(text: str) -> Iterator[Pool]:
    root = _read(text)
    name, path = root.findtext("name"), root.findtext("target/path")
    if name and path and root.get("type") in FILES:
        yield Pool(name, path, _figure(root, "available"))


def _described(pool: LibvirtPool, name: str) -> str | None:
    """A volume's description, which libvirt reads from the file anew."""
    return found(lambda: pool.storageVolLookupByName(name).XMLDesc(0), NOTHING)


def _image(text: str) -> Image:
    root = _read(text)
    form, below = root.find("target/format"), root.find("backingStore/format")
    return Image(
        _figure(root, "capacity") or 0,
        _type(form) or "raw",
        _figure(root, "allocation"),
        backing=(root.findtext("backingStore/path") or "").strip(),
        backing_format=_type(below),
        changed_ns=_nanoseconds(root.findtext("target/timestamps/ctime")),
        length_bytes=_figure(root, "physical"),
    )


def _volume(name: str, image: Image) -> str:
    root = etree.Element("volume")
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "capacity", unit="bytes").text = str(image.capacity_bytes)
    etree.SubElement(root, "allocation", unit="bytes").text = "0"
    target = etree.SubElement(root, "target")
    etree.SubElement(target, "format", type=image.format)
    if image.backing:
        below = etree.SubElement(root, "backingStore")
        etree.SubElement(below, "path").text = image.backing
        etree.SubElement(below, "format", type=image.backing_format or "raw")
    return etree.tostring(root, encoding="unicode")


def _users(connection: Connection, path: str) -> Iterator[str]:
    gone = frozenset({Code.NO_DOMAIN})
    names: set[str | tuple[str, str]] = {path, *_volumes_at(connection, path)}
    for domain in connection.listAllDomains(0):
        texts = [found(partial(domain.XMLDesc, f), gone) for f in (0, INACTIVE_XML)]
        if any(_names(text, names) for text in texts if text):
            yield domain.name()
    directory, _ = split(path)
    pool = found(lambda: connection.storagePoolLookupByTargetPath(directory), NOTHING)
    for name in pool.listVolumes() if pool else ():
        text = _described(pool, name) if pool else None
        if text is not None and _image(text).backing == path:
            yield f"the image {name}"


def _volumes_at(connection: Connection, path: str) -> Iterator[tuple[str, str]]:
    """Pool and volume by which a definition may name a file, active now or not."""
    directory, name = split(path)
    for text in _pool_texts(connection, ANY):
        yield from ((p.name, name) for p in _pool(text) if pool_at([p], directory))


def _names(text: str, names: set[str | tuple[str, str]]) -> bool:
    """Whether a definition has a disk of these names; one that can't be read may."""
    try:
        found = parse(text)
        images = (*found.disks(), *found.filesystems())
        return any(image.named in names for image in images)
    except BadInput:
        return any((n if isinstance(n, str) else n[1]) in text for n in names)


def _read(text: str) -> etree._Element:
    return etree.fromstring(text.encode("utf-8", "surrogatepass"), parser())


def _type(element: etree._Element | None) -> str:
    return "" if element is None else element.get("type") or ""


def _figure(root: etree._Element, name: str) -> int | None:
    text = (root.findtext(name) or "").strip()
    return int(text) if text.isdecimal() else None


def _nanoseconds(text: str | None) -> int | None:
    """`1415372534.663263428` as an integer."""
    whole, _, part = (text or "").strip().partition(".")
    if not whole.isdecimal() or not (part or "0").isdecimal():
        return None
    return int(whole) * NS + int(f"{part:0<9}"[:9])
