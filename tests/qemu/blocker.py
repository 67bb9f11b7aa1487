"""A row of the matrix of blockers, and short words for what provokes one."""

from __future__ import annotations

from typing import NamedTuple

from tests.qemu.hosts import Told, World
from virtmigrate.errors import Side

HERE, THERE, BOTH, ASKED = (
    Side.SOURCE,
    Side.DESTINATION,
    Side.BOTH,
    Side.REQUEST,
)
SOURCE = Told("a", "aaaaaaaa-0000-0000-0000-000000000000")


class Blocker(NamedTuple):
    """One row.

    Attributes:
        id: Of the finding.
        side: Where it must be seen.
        remedy: Words that its remedy must have.
        world: What provokes it.
        how: The same in words.
    """

    id: str
    side: Side
    remedy: str
    world: World
    how: str


def says(code: int, message: str, **rest: object) -> World:
    """A guest that the source would not let go."""
    return World(here=Told(SOURCE.name, SOURCE.uuid, verdict=(code, message)), **rest)


def has(**rest: object) -> World:
    """A destination that has this."""
    return World(host=Told(**rest))
