"""A small client of libvirt's RPC: what a vz daemon calls at its peer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any
from urllib.parse import parse_qs, urlsplit

from virtmigrate_lab.rpc import HEADER, LENGTH, MOST, REMOTE_PROGRAM, Message
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.procedures import (
    AUTH_LIST,
    BY_NAME,
    CLOSE,
    OPEN,
    PROCEDURES,
)
from virtmigrate_lab.vz_host.wire import ERROR, Param, frame, pack, unpack

DEFAULT_PORT = 16509
STRING = 7


class RemotePeer:
    """A connection to another host's daemon."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Use `connect`."""
        self._reader, self._writer = reader, writer
        self._serials = itertools.count(1)

    @classmethod
    async def connect(cls, text: str) -> RemotePeer:
        """Open a libvirt URI, without any login.

        Raises:
            VzError: 38, nobody answers there.
        """
        parts = urlsplit(text)
        socket = parse_qs(parts.query).get("socket")
        try:
            if socket:
                streams = await asyncio.open_unix_connection(socket[0])
            else:
                where = parts.hostname or "", parts.port or DEFAULT_PORT
                streams = await asyncio.open_connection(*where)
        except (OSError, ValueError) as error:
            msg = f"unable to connect to server at '{parts.hostname or socket}'"
            raise VzError(38, msg, domain=7, bare=True) from error
        peer = cls(*streams)
        await peer.call_number(AUTH_LIST)
        await peer.call_number(OPEN, f"{parts.scheme.partition('+')[0]}:///system", 0)
        return peer

    async def call(self, name: str, *fields: object) -> list[Any]:
        """Call a procedure by its name.

        Raises:
            VzError: The other side's error, or 38: the connection is lost.
        """
        return await self.call_number(BY_NAME[name], *fields)

    async def call_number(self, number: int, *fields: object) -> list[Any]:
        """Call a procedure by its number."""
        procedure = PROCEDURES[number]
        words = (REMOTE_PROGRAM, 1, number, 0, next(self._serials), 0)
        try:
            self._writer.write(frame(words, pack(procedure.takes, fields)))
            await self._writer.drain()
            reply = await self._reply()
        except (OSError, asyncio.IncompleteReadError) as error:
            msg = "Cannot recv data: the connection to the destination is lost"
            raise VzError(38, msg, domain=7, bare=True) from error
        payload = reply.raw[LENGTH.size + HEADER.size :]
        if reply.status:
            code, domain, text, *_ = unpack(ERROR, payload)
            raise VzError(int(str(code)), str(text), domain=int(str(domain)), bare=True)
        return unpack(procedure.gives, payload)

    async def _reply(self) -> Message:
        while True:
            head = await self._reader.readexactly(LENGTH.size)
            (length,) = LENGTH.unpack(head)
            if not LENGTH.size + HEADER.size <= length <= MOST:
                raise VzError(39, "packet is not of a valid size", domain=7, bare=True)
            rest = await self._reader.readexactly(length - LENGTH.size)
            message = Message.parse(head + rest)
            if message.kind == 1:
                return message

    async def finish(self, name: str, flags: int) -> None:
        """Tell it that the guest is there; nothing depends on its answer."""
        params = [Param("destination_name", STRING, name)]
        with contextlib.suppress(VzError):  # the guest has moved by now
            await self.call("finish", params, b"", flags, 0)

    def close(self) -> None:
        """Say goodbye."""
        if not self._writer.is_closing():
            self._writer.write(frame((REMOTE_PROGRAM, 1, CLOSE, 0, 0, 0)))
            self._writer.close()
