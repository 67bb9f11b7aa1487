"""The payloads of libvirt's RPC: XDR by signatures. Pure.

A signature is a line of words, one for each field (``remote_protocol.x``):

    i u h H     32 and 64 bits, signed and unsigned
    str str?    text, perhaps absent           bytes    opaque
    uuid dom pool vol                          params   typed parameters
    [word]      a list
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import xdrlib3

from virtmigrate_lab.rpc import HEADER, LENGTH, Garbled

STRING_MAX = 4 << 20
LIST_MAX = 16384
PARAMS_MAX = 64
PARAM_NAME_MAX = 80
UUID_BYTES = 16
Reader = xdrlib3.Unpacker
Writer = xdrlib3.Packer


@dataclass(frozen=True, slots=True)
class Domain:
    """A reference to a domain."""

    name: str
    uuid: str
    id: int = -1


@dataclass(frozen=True, slots=True)
class Pool:
    """A reference to a storage pool."""

    name: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A reference to a storage volume."""

    pool: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Param:
    """A typed parameter: its type is libvirt's number (1 int … 7 string)."""

    name: str
    type: int
    value: int | float | str


def _text(reader: Reader) -> str:
    raw: bytes = reader.unpack_string()
    if len(raw) > STRING_MAX:
        raise Garbled("a string is too long")
    return raw.decode()


def _flag(reader: Reader) -> bool:
    word: int = reader.unpack_uint()
    if word > 1:
        raise Garbled("an optional field is neither there nor not")
    return bool(word)


def _maybe_text(reader: Reader) -> str | None:
    return _text(reader) if _flag(reader) else None


def _uuid(reader: Reader) -> str:
    return str(UUID(bytes=reader.unpack_fopaque(UUID_BYTES)))


def _opaque(reader: Reader) -> bytes:
    raw: bytes = reader.unpack_opaque()
    if len(raw) > STRING_MAX:
        raise Garbled("opaque data is too long")
    return raw


def _domain(reader: Reader) -> Domain:
    return Domain(_text(reader), _uuid(reader), reader.unpack_int())


def _maybe_domain(reader: Reader) -> Domain | None:
    return _domain(reader) if _flag(reader) else None


def _pool(reader: Reader) -> Pool:
    return Pool(_text(reader), _uuid(reader))


def _volume(reader: Reader) -> Volume:
    return Volume(_text(reader), _text(reader), _text(reader))


_VALUES: dict[int, Callable[[Reader], Any]] = {
    1: Reader.unpack_int,
    2: Reader.unpack_uint,
    3: Reader.unpack_hyper,
    4: Reader.unpack_uhyper,
    5: Reader.unpack_double,
    6: Reader.unpack_int,
    7: _text,
}


def _params(reader: Reader) -> list[Param]:
    count = reader.unpack_uint()
    if count > PARAMS_MAX:
        raise Garbled("too many parameters")
    found = []
    for _ in range(count):
        name, kind = _text(reader), reader.unpack_int()
        if len(name) >= PARAM_NAME_MAX or kind not in _VALUES:
            raise Garbled("a parameter has no such name or type")
        found.append(Param(name, kind, _VALUES[kind](reader)))
    return found


READERS: dict[str, Callable[[Reader], Any]] = {
    "i": Reader.unpack_int,
    "u": Reader.unpack_uint,
    "h": Reader.unpack_hyper,
    "H": Reader.unpack_uhyper,
    "str": _text,
    "str?": _maybe_text,
    "uuid": _uuid,
    "bytes": _opaque,
    "dom": _domain,
    "dom?": _maybe_domain,
    "pool": _pool,
    "vol": _volume,
    "params": _params,
}


def unpack(signature: str, payload: bytes, *, whole: bool = True) -> list[Any]:
    """Fields of a payload.

    Args:
        signature: See the head of this module.
        payload: The bytes.
        whole: Whether nothing may follow.

    Raises:
        Garbled: It is not of this form.
    """
    reader = Reader(payload)
    try:
        fields = [_read(word, reader) for word in signature.split()]
        if whole:
            reader.done()
    except Garbled:
        raise
    except (xdrlib3.Error, EOFError, ValueError, struct.error) as error:
        raise Garbled(f"a payload that is not ({signature})") from error
    return fields


def _read(word: str, reader: Reader) -> object:
    if not word.startswith("["):
        return READERS[word](reader)
    count = reader.unpack_uint()
    if count > LIST_MAX:
        raise Garbled("a list is too long")
    return [READERS[word[1:-1]](reader) for _ in range(count)]


def _pack_text(writer: Writer, text: str) -> None:
    writer.pack_string(text.encode())


def _pack_maybe(writer: Writer, text: str | None) -> None:
    writer.pack_uint(text is not None)
    if text is not None:
        _pack_text(writer, text)


def _pack_uuid(writer: Writer, text: str) -> None:
    writer.pack_fopaque(UUID_BYTES, UUID(text).bytes)


def _pack_domain(writer: Writer, domain: Domain) -> None:
    _pack_text(writer, domain.name)
    _pack_uuid(writer, domain.uuid)
    writer.pack_int(domain.id)


def _pack_pool(writer: Writer, pool: Pool) -> None:
    _pack_text(writer, pool.name)
    _pack_uuid(writer, pool.uuid)


def _pack_volume(writer: Writer, volume: Volume) -> None:
    for text in (volume.pool, volume.name, volume.key):
        _pack_text(writer, text)


def _pack_no_domain(writer: Writer, domain: None) -> None:
    writer.pack_uint(0)


_PACK_VALUE: dict[int, Callable[..., None]] = {
    1: Writer.pack_int,
    2: Writer.pack_uint,
    3: Writer.pack_hyper,
    4: Writer.pack_uhyper,
    5: Writer.pack_double,
    6: Writer.pack_int,
    7: _pack_text,
}


def _pack_params(writer: Writer, params: list[Param]) -> None:
    writer.pack_uint(len(params))
    for param in params:
        _pack_text(writer, param.name)
        writer.pack_int(param.type)
        _PACK_VALUE[param.type](writer, param.value)


WRITERS: dict[str, Callable[..., None]] = {
    "i": Writer.pack_int,
    "u": Writer.pack_uint,
    "h": Writer.pack_hyper,
    "H": Writer.pack_uhyper,
    "str": _pack_text,
    "str?": _pack_maybe,
    "uuid": _pack_uuid,
    "bytes": Writer.pack_opaque,
    "dom": _pack_domain,
    "dom?": _pack_no_domain,
    "pool": _pack_pool,
    "vol": _pack_volume,
    "params": _pack_params,
}


def pack(signature: str, fields: tuple[Any, ...]) -> bytes:
    """A payload of these fields."""
    writer = Writer()
    for word, value in zip(signature.split(), fields, strict=True):
        if word.startswith("["):
            writer.pack_uint(len(value))
            for item in value:
                WRITERS[word[1:-1]](writer, item)
        else:
            WRITERS[word](writer, value)
    made: bytes = writer.get_buffer()
    return made


def frame(words: tuple[int, int, int, int, int, int], payload: bytes = b"") -> bytes:
    """A whole message: program, version, procedure, type, serial, status; payload."""
    length = LENGTH.size + HEADER.size + len(payload)
    return LENGTH.pack(length) + HEADER.pack(*words) + payload


ERROR = "i i str? i dom? str? str? str? i i u"
"""``remote_error``; domain and network in it are only ever sent empty."""
