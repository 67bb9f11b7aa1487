"""Images at the destination: made before the move, deleted if it did not come to it.

Only what this migration made is ever deleted there: each image is in the journal
before it is made, and taken out again where the host answers that it was not made. The
source's are deleted only where that was asked for, when the guest is seen to live on
its own copy, and nothing else refers to them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate.storage import Image, pool_at, read_as, split, storage_of

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.disks import Disk
    from virtmigrate.host import Host
    from virtmigrate.storage import Pool, Storage

MADE = "images.made"
"""Key of the notes: paths that this migration has made, or was about to."""
LEFT = "see that nobody uses it, and delete it there (virsh vol-delete)"
LIVES = (RunState.RUNNING, RunState.PAUSED)


def make(ctx: Context) -> None:
    """Make the images of the plan's disks that are to be copied.

    Raises:
        HostError: One can't be made, or something of its name is there by now.
    """
    for disk in ctx.plan.disks:
        if disk.made:
            _make(ctx, disk)


def delete(ctx: Context) -> None:
    """Delete the images that this migration made, and no others. Harmless twice.

    Raises:
        HostError: The guest is at the destination, a definition there refers to one,
            or one can't be deleted.
    """
    paths = made(ctx)
    if not paths:
        return
    seen = ctx.arrival.look()
    if seen.state.active or seen.state is RunState.UNREACHABLE:
        msg = f"the guest is {seen.state} there, and may use {', '.join(paths)}"
        raise HostError(msg, side=ctx.destination.side, subject=paths[0])
    for path in paths:
        storage, pool, name = _place(ctx.destination, path)
        _unused(ctx.destination, storage, path, but=_before(ctx))
        storage.delete(pool, name)
        _forget(ctx, path)


def remove_source(ctx: Context) -> None:
    """Delete the source's images of disks that were copied.

    Raises:
        HostError: The guest is not seen to live on its copy, or something else at
            the source refers to one.
    """
    there, here = ctx.arrival.look(), ctx.guest.look()
    disks = [disk for disk in ctx.plan.disks if disk.copied and not disk.shareable]
    if there.state not in LIVES or here.state.active or here.persistent:
        paths = ", ".join(disk.path for disk in disks)
        msg = f"the guest is {there.state} there and {here.state} here: {paths} stays"
        raise HostError(msg, side=ctx.source.side, subject=ctx.guest.name, remedy=LEFT)
    for disk in disks:
        try:
            _remove(ctx, disk)
        except HostError as error:
            msg = f"{disk.path} may be left at the source: {error.message}"
            raise HostError(
                msg, side=error.side, subject=disk.target, remedy=LEFT
            ) from error


def _remove(ctx: Context, disk: Disk) -> None:
    """Delete one image at the source, if it is what was copied, and nobody's else."""
    source, copy = _place(ctx.source, disk.path), _place(ctx.destination, disk.there)
    storage, pool, name = source
    image = storage.look(pool, name)
    if image is None:
        return
    image = read_as(image, disk.format)
    if image.format != disk.format or image.capacity_bytes != disk.capacity_bytes:
        msg = f"{disk.path} stays: it is not the image that was copied"
        raise HostError(msg, side=ctx.source.side, subject=disk.target)
    if copy[0].look(*copy[1:]) is None:
        msg = f"{disk.path} stays: its copy {disk.there} is not there"
        raise HostError(msg, side=ctx.destination.side, subject=disk.target)
    _unused(ctx.source, storage, disk.path)
    storage.delete(pool, name)


def _unused(host: Host, storage: Storage, path: str, but: tuple[str, ...] = ()) -> None:
    users = [user for user in storage.users(path) if user not in but]
    if users:
        msg = f"{path} stays: {', '.join(users)} refers to it"
        raise HostError(msg, side=host.side, subject=path)


def _before(ctx: Context) -> tuple[str, ...]:
    """Names of the guest at the destination, if it was defined there before."""
    captured = ctx.captured
    known = captured is not None and captured.destination.persistent
    return (ctx.plan.guest.name, ctx.arrival.name) if known else ()


def made(ctx: Context) -> list[str]:
    """Paths that this migration has made, as its notes tell."""
    return [str(path) for path in json.loads(ctx.notes.get(MADE, "[]"))]


def _make(ctx: Context, disk: Disk) -> None:
    storage, pool, name = _place(ctx.destination, disk.there)
    image = Image(
        disk.capacity_bytes or 0,
        disk.format,
        backing=disk.backing,
        backing_format=disk.backing_format,
    )
    taken = storage.look(pool, name) is not None
    if not taken:
        ctx.engine.remember(MADE, json.dumps([*made(ctx), disk.there]))
        taken = not storage.make(pool, name, image)
        if taken:
            _forget(ctx, disk.there)
    if taken:
        msg = f"{disk.there} exists there by now: it is not touched"
        raise HostError(msg, side=ctx.destination.side, subject=disk.target)


def _place(host: Host, path: str) -> tuple[Storage, Pool, str]:
    storage = storage_of(host)
    directory, name = split(path)
    pool = pool_at(storage.pools(), directory) if storage else None
    if storage is None or pool is None:
        msg = f"no storage pool has {directory}"
        raise HostError(msg, side=host.side, subject=path)
    return storage, pool, name


def _forget(ctx: Context, path: str) -> None:
    left = [other for other in made(ctx) if other != path]
    ctx.engine.remember(MADE, json.dumps(left))
