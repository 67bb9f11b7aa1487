# mypy: disable-error-code="empty-body"
"""The contract's hooks about images (see `hookspecs.py`).

The core brings a default for each, from `virtmigrate.storage` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from virtmigrate.context import Context

hookspec = pluggy.HookspecMarker("virtmigrate")


@hookspec(firstresult=True)
def virtmigrate_make_disks(ctx: Context) -> bool:
    """Make images at the destination for the disks that are to be copied.

    Fires on the destination's plugin before prepare, if a disk of the plan is `made`.
    Note each image, durably, before it is made; touch nothing that is there.

    :param ctx: The migration; the disks are ``ctx.plan.disks``.
    :return: True: they are there.

    Example::

        @hookimpl
        def virtmigrate_make_disks(ctx):
            for disk in ctx.plan.disks:
                if disk.made:
                    ctx.engine.remember("mine.made", disk.there)
                    ctx.destination.create(disk.there, disk.capacity_bytes)
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_delete_disks(ctx: Context) -> bool:
    """Delete the images that make_disks made, and no others. Harmless twice.

    Fires on the destination's plugin when the migration was seen to be rolled back,
    by the engine or by recovery.

    :param ctx: The migration.
    :return: True: none of them is left.

    Example::

        @hookimpl
        def virtmigrate_delete_disks(ctx):
            path = ctx.notes.get("mine.made")
            if path:
                ctx.destination.remove(path)
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_remove_source_disks(ctx: Context) -> bool:
    """Delete the source's images of the disks that were copied.

    Fires on the source's plugin, only if that was asked for, when the guest was seen
    at the destination. Whatever is not certain is a reason to leave them.

    :param ctx: The migration.
    :return: True: they are gone.

    Example::

        @hookimpl
        def virtmigrate_remove_source_disks(ctx):
            for disk in ctx.plan.disks:
                if disk.copied and ctx.arrival.look().state is RunState.RUNNING:
                    ctx.source.remove(disk.path)
            return True

    .. versionadded:: 0.1
    """
