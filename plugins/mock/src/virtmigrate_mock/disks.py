"""A mock guest's disks: what its definition says, and what of it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.disks import Disk
from virtmigrate.errors import BadInput
from virtmigrate_mock import domxml
from virtmigrate_mock.disk_state import Copied

if TYPE_CHECKING:
    from virtmigrate.context import Context, PlanContext


def disks(request: PlanContext) -> list[Disk]:
    """The disks of the guest, and where the caller's own document wants them."""
    text = request.definitions.live or request.definitions.persistent
    found = domxml.read(text).disks if text else ()
    if not found:
        return []
    wanted = _wanted(request.options.dest_xml)
    return [
        Disk(
            target=disk.target,
            path=disk.path,
            format=disk.format,
            read_only=disk.read_only,
            shareable=disk.shareable,
            removable=disk.removable,
            wanted_there=wanted.get(disk.target, ""),
        )
        for disk in found
    ]


def _wanted(document: str | None) -> dict[str, str]:
    """Paths by target; a document that can't be read is the pre-flight's to refuse."""
    if document is None:
        return {}
    try:
        found = domxml.read(document).disks
    except BadInput:
        return {}
    return {disk.target: disk.path for disk in found}


def copies(ctx: Context) -> list[Copied]:
    """What is copied with the guest."""
    return [Copied(disk.path, disk.there) for disk in ctx.plan.disks if disk.copied]


def at_destination(ctx: Context, xml: str) -> str:
    """The definition with the paths that its disks have there."""
    if not xml:
        return xml
    for disk in ctx.plan.disks:
        if disk.there != disk.path:
            xml = domxml.moved(xml, disk.path, disk.there)
    return xml
