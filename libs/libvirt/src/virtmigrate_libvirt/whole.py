"""libvirt's own migrate calls, where the phases are not ours to drive.

Public functions of libvirt, called with our own table of parameter types, because the
binding guesses the types of names that it does not know.
"""

from __future__ import annotations

from ctypes import c_char_p, c_int, c_uint, c_void_p
from typing import TYPE_CHECKING

from virtmigrate_libvirt import clib
from virtmigrate_libvirt.typed import marshal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate_libvirt.protocol import Connection, Domain
    from virtmigrate_libvirt.typed import ParamValue

MIGRATE = "virDomainMigrate3"
TO_URI = "virDomainMigrateToURI3"


def migrate(
    domain: Domain,
    destination: Connection,
    params: Mapping[str, ParamValue],
    flags: int,
) -> None:
    """One call that does all phases, from this process; blocks to the end.

    Args:
        domain: The guest at the source.
        destination: Connection to the destination.
        params: Typed parameters by libvirt's names.
        flags: The whole word; never PEER2PEER or TUNNELLED.
    """
    call = clib.function(
        MIGRATE, c_void_p, c_void_p, c_void_p, clib.PARAMS, c_uint, c_uint
    )
    if call is None:
        raise clib.missing(MIGRATE)
    array = marshal(params)
    arrived = call(
        clib.address(domain), clib.address(destination), array, len(array), flags
    )
    if not arrived:
        raise clib.failed(MIGRATE)
    clib.free_domain(arrived)


def to_uri(
    domain: Domain, uri: str, params: Mapping[str, ParamValue], flags: int
) -> None:
    """The source's daemon does all phases and goes on without us; blocks to the end.

    Args:
        domain: The guest at the source.
        uri: The destination's libvirt URI *as the source's daemon sees it*.
        params: Typed parameters by libvirt's names.
        flags: The whole word, PEER2PEER included.
    """
    call = clib.function(TO_URI, c_int, c_void_p, c_char_p, clib.PARAMS, c_uint, c_uint)
    if call is None:
        raise clib.missing(TO_URI)
    array = marshal(params)
    if call(clib.address(domain), uri.encode(), array, len(array), flags) < 0:
        raise clib.failed(TO_URI)
