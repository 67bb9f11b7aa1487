"""The C library behind the binding: the same process-wide libvirt, through ctypes.

What comes back is owned by the caller: strings and cookies go to libc's `free`, a
domain to `virDomainFree`. Calls release the GIL; libvirt's errors are per thread, so
its exception is built in the thread that made the call.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from functools import cache
from typing import TYPE_CHECKING

import libvirt

from virtmigrate.errors import HostError
from virtmigrate_libvirt.typed import TypedParameter

if TYPE_CHECKING:
    from virtmigrate_libvirt.protocol import Connection, Domain

SONAME = "libvirt.so.0"
PARAMS = POINTER(TypedParameter)
COOKIE_MAX_BYTES = 4 << 20
"""Largest cookie that libvirt's RPC carries."""

__all__ = ["Out", "byref", "c_char_p", "c_int", "c_uint", "c_void_p"]


@cache
def load() -> ctypes.CDLL | None:
    """libvirt itself; None where it has another name than on Linux."""
    try:
        return ctypes.CDLL(SONAME)
    except OSError:
        return None


@cache
def function(
    name: str, result: type | None, *arguments: type
) -> ctypes._NamedFuncPointer | None:
    """A function of libvirt's by name, typed; None when it is not exported."""
    library = load()
    found = getattr(library, name, None) if library is not None else None
    if found is not None:
        found.restype = result
        found.argtypes = arguments
    return found


@cache
def _free() -> ctypes._NamedFuncPointer:
    free = ctypes.CDLL(None).free
    free.argtypes = [c_void_p]
    free.restype = None
    return free


class Out:
    """A `char *` (and length) that libvirt fills in and we must free."""

    def __init__(self) -> None:
        """Nothing in it yet."""
        self.pointer = c_void_p()
        self.length = c_int()

    def take(self) -> bytes:
        """Copy the bytes out and free libvirt's."""
        if not self.pointer.value:
            return b""
        size = min(max(self.length.value, 0), COOKIE_MAX_BYTES)
        data = ctypes.string_at(self.pointer.value, size)
        self.drop()
        return data

    def take_text(self) -> str | None:
        """Copy a NUL-terminated string out and free libvirt's; None for NULL."""
        if not self.pointer.value:
            return None
        data = ctypes.string_at(self.pointer.value)
        self.drop()
        return data.decode("utf-8", "replace")

    def drop(self) -> None:
        """Free it unread."""
        if self.pointer.value:
            _free()(self.pointer)
            self.pointer = c_void_p()


def free_domain(address: int) -> None:
    """Give a domain back to libvirt."""
    release = function("virDomainFree", c_int, c_void_p)
    if release is not None:
        release(c_void_p(address))


def address(thing: Connection | Domain) -> c_void_p:
    """The C pointer of a binding's object; keep the object alive during the call."""
    return c_void_p(thing.c_pointer())


def failed(name: str) -> libvirt.libvirtError:
    """The error of the call that just failed in this thread."""
    return libvirt.libvirtError(f"{name}() failed")


def missing(name: str) -> HostError:
    """The error for a symbol that this libvirt does not export."""
    return HostError(f"libvirt here has no {name}", remedy="use another form")
