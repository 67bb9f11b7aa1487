"""What travels between the phases: small JSON documents, checked by whoever reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from virtmigrate.errors import HostError, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIE_MAX_BYTES = 4 << 20
COOKIE: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
FIELDS: dict[str, frozenset[str]] = {
    "begin": frozenset(
        ("world", "host", "uuid", "name", "state", "live", "persistent")
    ),
    "prepare": frozenset(("world", "host", "uuid")),
    "perform": frozenset(("world", "uuid")),
    "finish": frozenset(("world", "uuid")),
}


def bake(phase: str, fields: Mapping[str, str]) -> bytes:
    """The cookie of a phase."""
    return COOKIE.dump_json({"phase": phase, **fields})


def eat(cookie: bytes, phase: str, world: str, uuid: str, side: Side) -> dict[str, str]:
    """What a cookie says.

    Args:
        cookie: As it came.
        phase: Which phase must have baked it.
        world: Label of the world in which it must have been baked.
        uuid: The guest that it must be about.
        side: Who reads it, for the error.

    Raises:
        HostError: It is no cookie of that phase, world and guest.
    """

    def bad(why: str) -> HostError:
        return HostError(f"invalid migration cookie: {why}", side=side, subject=uuid)

    if len(cookie) > COOKIE_MAX_BYTES:
        raise bad("too long")
    try:
        found = COOKIE.validate_json(cookie)
    except ValidationError:
        raise bad("no JSON object of texts") from None
    if found.pop("phase", None) != phase:
        raise bad(f"not of {phase}")
    if found.keys() != FIELDS[phase]:
        raise bad("wrong fields")
    if found["world"] != world:
        raise bad("of another world")
    if found["uuid"] != uuid:
        raise bad("of another guest")
    return found
