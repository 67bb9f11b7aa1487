"""A guest's disks as its definition tells them, for the core to find out about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.disks import Disk
from virtmigrate.errors import BadInput
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from virtmigrate.context import PlanContext
    from virtmigrate_libvirt import xml

REMOVABLE = ("cdrom", "floppy")


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
            **wanted.get(disk.target, {}),
        )
        for disk in (_images(text) if text else [])
    ]


def _images(text: str) -> list[xml.Disk]:
    found = parse(text)
    mounted = [each for each in found.filesystems() if each.kind == "file"]
    return [*found.disks(), *mounted]


def _wanted(text: str | None) -> dict[str, dict[str, str]]:
    """Image files of the caller's document; a bad one is refused elsewhere."""
    if text is None:
        return {}
    try:
        disks = parse(text).disks()
    except BadInput:
        return {}
    return {
        disk.target: {"wanted_there": disk.source, "wanted_pool": disk.pool}
        for disk in disks
        if disk.kind in ("file", "volume", "block") and disk.source
    }
