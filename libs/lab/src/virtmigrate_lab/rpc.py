"""The frame of libvirt's RPC protocol: enough to know whose message this is. Pure.

A message is a length of four bytes (which counts itself), a header of six words of
four bytes, and a payload; all big-endian (libvirt: ``docs/kbase/internals/rpc``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

REMOTE_PROGRAM = 0x20008086
KEEPALIVE_PROGRAM = 0x6B656570
LENGTH = struct.Struct(">I")
HEADER = struct.Struct(">IIIIII")
LEAST = LENGTH.size + HEADER.size
MOST = 32 * 1024 * 1024 + LENGTH.size
"""VIR_NET_MESSAGE_MAX and the length in front of it."""


class Kind(IntEnum):
    """What a message is (``virNetMessageType``)."""

    CALL = 0
    REPLY = 1
    EVENT = 2
    STREAM = 3
    CALL_WITH_FDS = 4
    REPLY_WITH_FDS = 5
    STREAM_HOLE = 6


class Procedure(IntEnum):
    """Calls of the remote program in a migration (``remote_protocol.x``)."""

    OPEN = 1
    CLOSE = 2
    DESTROY = 12
    LOOKUP_BY_NAME = 23
    LOOKUP_BY_UUID = 24
    RESUME = 28
    SUSPEND = 34
    SUPPORTS_FEATURE = 60
    GET_LIB_VERSION = 157
    ABORT_JOB = 164
    GET_STATE = 212
    GET_JOB_STATS = 298
    BEGIN = 302
    PREPARE = 303
    PREPARE_TUNNEL = 304
    PERFORM = 305
    FINISH = 306
    CONFIRM = 307


class Garbled(ValueError):
    """These bytes are no message of this protocol."""


@dataclass(frozen=True)
class Message:
    """A message, its payload unread.

    Args:
        program: Which program's procedure it is.
        version: The program's version.
        procedure: Which procedure.
        kind: Call, reply, event, ... (a number that :class:`Kind` may not know).
        serial: Pairs a reply with its call.
        status: 0 fine, 1 error, 2 more of a stream follows.
        raw: All of its bytes, the length included.
    """

    program: int
    version: int
    procedure: int
    kind: int
    serial: int
    status: int
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        """A whole message from its bytes, the length included."""
        words: tuple[int, int, int, int, int, int]
        words = HEADER.unpack_from(raw, LENGTH.size)
        return cls(*words, raw)


class Framer:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes; give the messages that are whole by now.

        Raises:
            Garbled: the length of a message is impossible.
        """
        self._buffer += data
        messages = []
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if not LEAST <= length <= MOST:
                raise Garbled(f"a message of {length} bytes")
            if len(self._buffer) < length:
                break
            messages.append(Message.parse(bytes(self._buffer[:length])))
            del self._buffer[:length]
        return messages
