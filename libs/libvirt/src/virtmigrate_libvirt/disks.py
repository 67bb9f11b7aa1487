"""A guest's disks as its definition tells them, for the core to find out about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from virtmigrate.disks import Disk
from virtmigrate.errors import BadInput
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from virtmigrate.context import PlanContext
    from virtmigrate_libvirt import xml

REMOVABLE = ("cdrom", "floppy")
PLACED = frozenset({"file", "volume", "block"})
"""Kinds of which a caller's document may name another place."""
ANOTHER = "the document that was given has another source for it"


def disks_of(request: PlanContext) -> list[Disk]:
    """The disks of a guest that is to move, a container's file systems among them.

    Args:
        request: Its definitions, and the caller's own for the destination.
    """
    text = request.definitions.live or request.definitions.persistent
    wanted = _wanted(request.options.dest_xml)
    return [
        Disk(
            target=disk.target,
            kind=disk.kind,
            path=disk.source,
            format=disk.format,
            read_only=disk.read_only,
            shareable=disk.shareable,
            removable=disk.device in REMOVABLE,
            optional=disk.optional,
            pool=disk.pool,
            own=disk.own,
        ).model_copy(update=_wish(disk, wanted.get(disk.target)))
        for disk in (_images(text) if text else [])
    ]


def _images(text: str) -> list[xml.Disk]:
    found = parse(text)
    mounted = [each for each in found.filesystems() if each.kind == "file"]
    return [*found.disks(), *mounted]


def _wanted(text: str | None) -> dict[str, xml.Disk]:
    """Disks of the caller's document; a bad one is refused elsewhere."""
    if text is None:
        return {}
    try:
        return {disk.target: disk for disk in parse(text).disks() if disk.source}
    except BadInput:
        return {}


def _wish(disk: xml.Disk, there: xml.Disk | None) -> dict[str, Any]:
    """What the caller's document says of it.

    Images are compared wherever they are; of another source nothing can be told.
    """
    if there is None:
        return {}
    if {disk.kind, there.kind} <= PLACED:
        return {"wanted_there": there.source, "wanted_pool": there.pool}
    if disk.at == there.at:
        return {}
    kind = there.kind if disk.kind in PLACED else disk.kind
    return {"kind": kind, "own": True, "evidence": ANOTHER}
