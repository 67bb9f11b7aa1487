"""What every driven migration needs: its drive, found again or made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from virtmigrate_libvirt.drive import Drive
from virtmigrate_libvirt.host import ours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.context import Context
    from virtmigrate.phases import Fate
    from virtmigrate_libvirt.typed import ParamValue


class Phases(Protocol):
    """The five hooks of one form."""

    def begin(self, ctx: Context) -> bytes:
        """See `virtmigrate_begin`."""
        ...

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """See `virtmigrate_prepare`."""
        ...

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """See `virtmigrate_perform`."""
        ...

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """See `virtmigrate_finish`."""
        ...

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """See `virtmigrate_confirm`; None = the core's own does it."""
        ...


def drive_of(ctx: Context, flags: int, params: Mapping[str, ParamValue]) -> Drive:
    """The drive of a migration; made anew where another controller went before.

    Args:
        ctx: The migration.
        flags: Its flag word, for a drive that is made anew.
        params: Its typed parameters, likewise.
    """
    source, destination = ours(ctx.source), ours(ctx.destination)
    drive = source.drives.get(ctx.migration)
    if drive is None:
        drive = Drive(
            ctx.migration,
            (ctx.plan.guest.uuid, ctx.plan.guest.name),
            (source, destination),
            (flags, params),
            ctx.notes,
        )
        source.drives[ctx.migration] = drive
    return drive


def forget(ctx: Context, *, clean: bool = False) -> None:
    """Let go of a migration's drive and connections.

    Args:
        ctx: The migration.
        clean: Whether all was done and answered (see `LibvirtHost.unwire`).
    """
    source, destination = ours(ctx.source), ours(ctx.destination)
    source.drives.pop(ctx.migration, None)
    source.unwire(ctx.migration, clean=clean)
    destination.unwire(ctx.migration, clean=clean)
