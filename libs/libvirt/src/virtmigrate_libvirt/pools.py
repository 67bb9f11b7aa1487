"""Images through libvirt's storage pools: seen, made, deleted, proven to be shared."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from lxml import etree

from virtmigrate.errors import HostError
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.link import code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection, Volume

T = TypeVar("T")
NOTHING = frozenset({Code.NO_STORAGE_POOL, Code.NO_STORAGE_VOL, Code.NO_SUPPORT})
PROOF = "virtmigrate-proof-"
"""Beginning of the name of a volume that is made to be looked for elsewhere."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image on one host.

    Attributes:
        capacity_bytes: What the guest sees.
        format: `raw`, `qcow2` …
    """

    capacity_bytes: int
    format: str


def image_at(host: LibvirtHost, path: str) -> Image | None:
    """The image at a path, None where no pool of the host has one.

    Raises:
        HostError: The host can't be asked.
    """

    def read(connection: Connection) -> Image:
        volume = connection.storageVolLookupByPath(path)
        root = etree.fromstring(volume.XMLDesc(0).encode(), _parser())
        element = root.find("target/format")
        kind = element.get("type") if element is not None else None
        return Image(int(volume.info()[1]), kind or "raw")

    _refresh(host, path)
    return _found(host, "looking for an image", read)


def has_pool(host: LibvirtHost, path: str) -> bool:
    """Whether a pool of the host has the directory of this path.

    Raises:
        HostError: The host can't be asked.
    """
    directory = str(PurePosixPath(path).parent)
    name = _found(
        host,
        "looking for a storage pool",
        lambda c: c.storagePoolLookupByTargetPath(directory).name(),
    )
    return name is not None


def make_image(host: LibvirtHost, path: str, image: Image) -> None:
    """Make an empty image in the pool that has its directory.

    Raises:
        HostError: There is no such pool, no room, or it exists already.
    """
    where = PurePosixPath(path)
    host.control.tell(
        "making an image", lambda c: _create(c, str(where.parent), where.name, image)
    )


def delete_image(host: LibvirtHost, path: str) -> None:
    """Delete an image; harmless where there is none.

    Raises:
        HostError: It can't be deleted.
    """

    def delete(connection: Connection) -> None:
        connection.storageVolLookupByPath(path).delete(0)

    try:
        host.control.tell("deleting an image", delete)
    except HostError as error:
        if code_of(error) not in NOTHING:
            raise


def shared(source: LibvirtHost, destination: LibvirtHost, path: str) -> bool | None:
    """Whether both hosts see the same directory: what one writes the other reads.

    Args:
        source: Where a volume is made, and deleted again.
        destination: Where it is looked for.
        path: A file in the directory.

    Returns:
        None: a host has no pool there, so nobody can tell.

    Raises:
        HostError: A host can't be asked.
    """
    if not (has_pool(source, path) and has_pool(destination, path)):
        return None
    proof = str(PurePosixPath(path).with_name(f"{PROOF}{os.urandom(8).hex()}"))
    make_image(source, proof, Image(0, "raw"))
    try:
        return image_at(destination, proof) is not None
    finally:
        delete_image(source, proof)


def _create(connection: Connection, directory: str, name: str, image: Image) -> Volume:
    root = etree.Element("volume")
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "capacity", unit="bytes").text = str(image.capacity_bytes)
    etree.SubElement(root, "allocation", unit="bytes").text = "0"
    target = etree.SubElement(root, "target")
    etree.SubElement(target, "format", type=image.format)
    pool = connection.storagePoolLookupByTargetPath(directory)
    return pool.createXML(etree.tostring(root, encoding="unicode"), 0)


def _refresh(host: LibvirtHost, path: str) -> None:
    """A pool knows what was there when it was last refreshed."""
    directory = str(PurePosixPath(path).parent)
    _found(
        host,
        "refreshing a storage pool",
        lambda c: c.storagePoolLookupByTargetPath(directory).refresh(0),
    )


def _found(
    host: LibvirtHost, doing: str, function: Callable[[Connection], T]
) -> T | None:
    """What was found; None where libvirt says that there is no such thing."""
    try:
        return host.ask(doing, function)
    except HostError as error:
        if code_of(error) in NOTHING:
            return None
        raise


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True)
