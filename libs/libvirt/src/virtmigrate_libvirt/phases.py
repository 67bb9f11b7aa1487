"""libvirt's five v3 migration phases, one call each: the only private symbols we use.

They are exported by libvirt.so because the daemons link to them, each is one RPC
(302, 303, 305, 306, 307), and libvirt-python does not have them. Their signatures
stand in `src/libvirt_internal.h`. Each raises `libvirt.libvirtError`: call them
through `Link.call`, which translates.
"""

from __future__ import annotations

from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from virtmigrate_libvirt import clib
from virtmigrate_libvirt.clib import Out
from virtmigrate_libvirt.typed import marshal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate_libvirt.protocol import Connection, Domain
    from virtmigrate_libvirt.typed import ParamValue

_IN = (c_char_p, c_int)
_OUT = (POINTER(c_void_p), POINTER(c_int))
_LIST = (clib.PARAMS, c_int)

BEGIN = "virDomainMigrateBegin3Params"
PREPARE = "virDomainMigratePrepare3Params"
PERFORM = "virDomainMigratePerform3Params"
FINISH = "virDomainMigrateFinish3Params"
CONFIRM = "virDomainMigrateConfirm3Params"
SUPPORTS = "virConnectSupportsFeature"

_SIGNATURES: dict[str, tuple[type | None, tuple[Any, ...]]] = {
    BEGIN: (c_void_p, (c_void_p, *_LIST, *_OUT, c_uint)),
    PREPARE: (
        c_int,
        (c_void_p, *_LIST, *_IN, *_OUT, POINTER(c_void_p), c_uint),
    ),
    PERFORM: (c_int, (c_void_p, c_char_p, *_LIST, *_IN, *_OUT, c_uint)),
    FINISH: (c_void_p, (c_void_p, *_LIST, *_IN, *_OUT, c_uint, c_int)),
    CONFIRM: (c_int, (c_void_p, *_LIST, *_IN, c_uint, c_int)),
    SUPPORTS: (c_int, (c_void_p, c_int)),
}


@dataclass(frozen=True, slots=True)
class Begun:
    """What begin gives: the XML that must travel, and the cookie."""

    xml: str
    cookie: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """What prepare gives: the cookie, and where the memory is to go (or None)."""

    cookie: bytes
    uri: str | None


def available() -> bool:
    """Whether this libvirt exports all of them."""
    return all(_find(name) is not None for name in _SIGNATURES)


def _find(name: str) -> Any:  # noqa: ANN401 - a ctypes function
    result, arguments = _SIGNATURES[name]
    return clib.function(name, result, *arguments)


def _call(name: str, *arguments: object) -> Any:  # noqa: ANN401 - int or pointer
    found = _find(name)
    if found is None:
        raise clib.missing(name)
    return found(*arguments)


def begin(domain: Domain, params: Mapping[str, ParamValue], flags: int) -> Begun:
    """Begin at the source.

    Args:
        domain: The guest, on the connection of this migration.
        params: Typed parameters by libvirt's names.
        flags: The word for this phase (`rules.flags_for`).
    """
    array, out = marshal(params), Out()
    xml = Out()
    xml.pointer = c_void_p(
        _call(
            BEGIN,
            clib.address(domain),
            array,
            len(array),
            byref(out.pointer),
            byref(out.length),
            flags,
        )
    )
    text = xml.take_text()
    if text is None:
        error = clib.failed(BEGIN)
        out.drop()
        raise error
    return Begun(text, out.take())


def prepare(
    connection: Connection,
    params: Mapping[str, ParamValue],
    flags: int,
    cookie: bytes,
) -> Prepared:
    """Prepare at the destination: it starts a process that waits for the memory."""
    array, out, uri = marshal(params), Out(), Out()
    code = _call(
        PREPARE,
        clib.address(connection),
        array,
        len(array),
        cookie,
        len(cookie),
        byref(out.pointer),
        byref(out.length),
        byref(uri.pointer),
        flags,
    )
    _settle(PREPARE, code == 0, out, uri)
    return Prepared(out.take(), uri.take_text())


def perform(
    domain: Domain, params: Mapping[str, ParamValue], flags: int, cookie: bytes
) -> bytes:
    """Perform at the source: blocks for the whole transfer."""
    array, out = marshal(params), Out()
    code = _call(
        PERFORM,
        clib.address(domain),
        None,
        array,
        len(array),
        cookie,
        len(cookie),
        byref(out.pointer),
        byref(out.length),
        flags,
    )
    _settle(PERFORM, code == 0, out)
    return out.take()


def finish(
    connection: Connection,
    params: Mapping[str, ParamValue],
    flags: int,
    cookie: bytes,
    *,
    cancelled: bool,
) -> bytes:
    """Finish at the destination: it starts the guest, or clears it away.

    With `cancelled` a clean end is an error too, of code MIGRATE_FINISH_OK.
    """
    array, out = marshal(params), Out()
    domain = _call(
        FINISH,
        clib.address(connection),
        array,
        len(array),
        cookie,
        len(cookie),
        byref(out.pointer),
        byref(out.length),
        flags,
        int(cancelled),
    )
    _settle(FINISH, bool(domain), out)
    clib.free_domain(domain)
    return out.take()


def confirm(
    domain: Domain,
    params: Mapping[str, ParamValue],
    flags: int,
    cookie: bytes,
    *,
    cancelled: bool,
) -> None:
    """Confirm at the source: it retires its copy, or lets the guest run on."""
    array = marshal(params)
    code = _call(
        CONFIRM,
        clib.address(domain),
        array,
        len(array),
        cookie,
        len(cookie),
        flags,
        int(cancelled),
    )
    _settle(CONFIRM, code == 0)


def supports(connection: Connection, feature: int) -> bool:
    """Ask a daemon for a feature of its driver."""
    answer: int = _call(SUPPORTS, clib.address(connection), feature)
    _settle(SUPPORTS, answer >= 0)
    return answer > 0


def _settle(name: str, ok: bool, *outs: Out) -> None:  # noqa: FBT001
    """Raise what this thread's call failed with; nothing that came back leaks."""
    if ok:
        return
    error = clib.failed(name)
    for out in outs:
        out.drop()
    raise error
