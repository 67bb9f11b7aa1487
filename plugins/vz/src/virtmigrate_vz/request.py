"""A plan's options as what libvirt's vz driver takes: a mask and four parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate_libvirt.flags import PEER2PEER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate.context import Context
    from virtmigrate_libvirt.typed import ParamValue

MASK = 0xBB
"""LIVE, PEER2PEER, PERSIST_DEST, UNDEFINE_SOURCE, PAUSED, NON_SHARED_INC
(`VZ_MIGRATION_FLAGS`): it refuses any other bit, what is inherent among them."""
PARAMETERS = ("migrate_uri", "destination_name")


def flags_of(ctx: Context, *, peer: bool = False) -> int:
    """The flag word of what is in effect.

    Args:
        ctx: The migration.
        peer: Whether the source's daemon drives.
    """
    word = ctx.options.to_libvirt_flags() & MASK
    return word | PEER2PEER if peer else word & ~PEER2PEER


def params_of(ctx: Context) -> Mapping[str, ParamValue]:
    """The typed parameters of what is in effect."""
    given = ctx.options.to_libvirt_params()
    return {name: given[name] for name in PARAMETERS if name in given}
