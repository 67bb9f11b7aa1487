"""The images of a guest: which travel, and which must be made before.

libvirt's vz driver always tells Virtuozzo not to make images at the destination
(`prlsdkMigrate`: PVMT_DONT_CREATE_DISK), so whoever calls it has to.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from virtmigrate.errors import HostError, Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt import pools as storage
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.context import Context, PlanContext
    from virtmigrate.host import Definitions
    from virtmigrate_libvirt.host import LibvirtHost

MADE = "vz.images"
"""Key of the notes: paths that this migration has made at the destination."""


def paths_of(definitions: Definitions) -> tuple[str, ...]:
    """Files of the guest's disks."""
    text = definitions.live or definitions.persistent
    disks = parse(text).disks() if text else []
    return tuple(d.source for d in disks if d.kind == "file" and d.source)


def findings(request: PlanContext) -> Iterator[Finding]:
    """What stands in the way of its images."""
    source, destination = ours(request.source), ours(request.destination)
    for path in paths_of(request.definitions):
        fault = _fault(source, destination, path)
        if fault:
            name, message, remedy = fault
            yield Finding(
                id=name,
                level=Level.BLOCKER,
                side=Side.DESTINATION,
                subject=path,
                message=message,
                remedy=remedy,
            )


def _fault(
    source: LibvirtHost, destination: LibvirtHost, path: str
) -> tuple[str, str, str] | None:
    directory = path.rpartition("/")[0]
    if storage.image_at(destination, path) is not None:
        same = storage.shared(source, destination, path)
        if same:
            return None
        why = "is not the same storage" if same is False else "can't be told apart"
        return (
            "image-in-the-way",
            f"{path} exists there already and {why}: it would be overwritten",
            f"remove it there; if both hosts share {directory}, define a pool of it",
        )
    if not storage.has_pool(destination, path):
        return (
            "no-pool-for-image",
            f"{path} must exist there before, and no storage pool has its directory",
            f"define a pool with the target path {directory} at the destination",
        )
    if storage.image_at(source, path) is None:
        return (
            "image-size-unknown",
            f"how big {path} is can't be asked: the source has no pool of {directory}",
            f"define a pool with the target path {directory} at the source",
        )
    return None


def make(ctx: Context) -> None:
    """Make the images that are not there; each is noted before it is made.

    Raises:
        HostError: One can't be made.
    """
    source, destination = ours(ctx.source), ours(ctx.destination)
    definitions = ctx.captured.definitions if ctx.captured else ctx.guest.definitions()
    for path in paths_of(definitions):
        if storage.image_at(destination, path) is not None:
            continue
        image = storage.image_at(source, path)
        if image is None:
            raise HostError(
                f"the source does not have {path} any more",
                side=ctx.source.side,
                subject=path,
            )
        ctx.notes[MADE] = json.dumps([*_made(ctx), path])
        storage.make_image(destination, path, image)


def take_back(ctx: Context) -> None:
    """Delete the images that this migration made, and no others.

    Raises:
        HostError: One can't be deleted.
    """
    for path in _made(ctx):
        storage.delete_image(ours(ctx.destination), path)
    ctx.notes.pop(MADE, None)


def _made(ctx: Context) -> list[str]:
    return [str(path) for path in json.loads(ctx.notes.get(MADE, "[]"))]
