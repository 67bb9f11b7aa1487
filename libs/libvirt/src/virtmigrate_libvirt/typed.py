"""`virTypedParameter` arrays, marshalled from our own table of types.

The binding guesses the type of a name that its libvirt did not know yet, and the
daemon then refuses it; here each type comes from the table of options.
Source: `include/libvirt/libvirt-common.h`.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, ClassVar

from virtmigrate.errors import BadInput
from virtmigrate.option_rows import VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INT, ULLONG, STRING = 1, 4, 7
"""`virTypedParameterType`, as far as migrations use it."""

FIELD_BYTES = 80
MOST = 64
"""Longest name with its NUL, and most parameters of one call."""

_KINDS = {"int": INT, "ullong": ULLONG, "string": STRING}
TYPES: dict[str, int] = {row.param: _KINDS[row.kind] for row in VALUES if row.param}
"""Name on the wire to type."""

_RANGES = {INT: (-(1 << 31), (1 << 31) - 1), ULLONG: (0, (1 << 64) - 1)}

ParamValue = int | str | list[str]


class _Union(ctypes.Union):
    _fields_: ClassVar = [
        ("i", ctypes.c_int),
        ("ul", ctypes.c_ulonglong),
        ("s", ctypes.c_char_p),
    ]


class TypedParameter(ctypes.Structure):
    """`virTypedParameter`: 96 bytes; the union is aligned to 8."""

    _fields_: ClassVar = [
        ("field", ctypes.c_char * FIELD_BYTES),
        ("type", ctypes.c_int),
        ("value", _Union),
    ]


def marshal(params: Mapping[str, ParamValue]) -> ctypes.Array[TypedParameter]:
    """Lay parameters out as libvirt wants them; a list becomes repeated entries.

    Args:
        params: libvirt's names to values, units as libvirt has them.

    Returns:
        The array. It keeps the bytes of its strings alive.

    Raises:
        BadInput: An unknown name, a value of the wrong type or out of range.
    """
    flat = [
        (name, item)
        for name, value in params.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    if len(flat) > MOST:
        msg = f"{len(flat)} migration parameters; libvirt takes at most {MOST}"
        raise BadInput(msg, subject="params", remedy="name fewer disks")
    array = (TypedParameter * len(flat))()
    for slot, (name, value) in zip(array, flat, strict=True):
        _fill(slot, name, value)
    return array


def _fill(slot: TypedParameter, name: str, value: int | str) -> None:
    kind = TYPES.get(name)
    if kind is None:
        msg = f"{name[:FIELD_BYTES]!r} is no migration parameter of libvirt"
        raise BadInput(msg, subject=name[:FIELD_BYTES])
    slot.field = name.encode()
    slot.type = kind
    if kind == STRING:
        slot.value.s = _text(name, value)
    else:
        setattr(slot.value, "i" if kind == INT else "ul", _number(name, value, kind))


def _text(name: str, value: int | str) -> bytes:
    if not isinstance(value, str) or "\x00" in value:
        msg = f"migration parameter {name} must be text without NUL"
        raise BadInput(msg, subject=name)
    return value.encode()


def _number(name: str, value: int | str, kind: int) -> int:
    low, high = _RANGES[kind]
    number = isinstance(value, int) and not isinstance(value, bool)
    if not number or not low <= int(value) <= high:
        msg = f"migration parameter {name} must be an integer, {low} to {high}"
        raise BadInput(msg, subject=name)
    return int(value)


def unmarshal(array: Sequence[TypedParameter]) -> dict[str, list[int | str]]:
    """Read an array back: name to its values, in order (for tests and traces)."""
    read: dict[str, list[int | str]] = {}
    for slot in array:
        value: int | str
        if slot.type == STRING:
            value = slot.value.s.decode()
        else:
            value = slot.value.i if slot.type == INT else slot.value.ul
        read.setdefault(slot.field.decode(), []).append(value)
    return read
