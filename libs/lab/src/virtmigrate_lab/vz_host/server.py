"""libvirt's RPC server: every call at once, every call answered, nobody trusted."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

from virtmigrate_lab.rpc import (
    HEADER,
    KEEPALIVE_PROGRAM,
    LENGTH,
    REMOTE_PROGRAM,
    Framer,
    Garbled,
    Kind,
    Message,
)
from virtmigrate_lab.vz_host.connection import Connection
from virtmigrate_lab.vz_host.errors import RPC, VzError, unknown_procedure
from virtmigrate_lab.vz_host.procedures import PROCEDURES
from virtmigrate_lab.vz_host.wire import ERROR, frame, pack, unpack

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.trouble import Trouble

logger = logging.getLogger(__name__)
PING, PONG = 1, 2
DIED = 137
"""Exit code of a host that a fault killed."""
CALLS_MAX = 64
"""Calls of one client at once; a real daemon takes 5 and lets the others wait."""
READ = 1 << 16


class Server:
    """Answers clients; what is asked goes to the object that has the procedure."""

    def __init__(
        self, parts: tuple[object, ...], connection: type[Connection], trouble: Trouble
    ) -> None:
        """Serve these objects.

        Args:
            parts: Have the procedures as methods: driver, migration, storage.
            connection: Made for each client.
            trouble: What is to go wrong.
        """
        self.parts = parts
        self.trouble = trouble
        self._connection = connection

    async def client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one client to its end."""
        client = Client(self, writer)
        try:
            await client.serve(reader)
        except (Garbled, OSError) as error:
            logger.info("a client is hung up on: %s", error)
        finally:
            client.end()


class Client:
    """One client."""

    def __init__(self, server: Server, writer: asyncio.StreamWriter) -> None:
        """Get ready."""
        self._server = server
        self._writer = writer
        driver = server.parts[0]
        self._connection = server._connection(  # noqa: SLF001 - our own
            driver.machine,  # type: ignore[attr-defined]
            driver.events,  # type: ignore[attr-defined]
            self._event,
        )
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Until the client leaves.

        Raises:
            Garbled: What comes is not this protocol.
        """
        framer = Framer()
        while data := await reader.read(READ):
            for message in framer.feed(data):
                self._take(message)
                await self._writer.drain()

    def end(self) -> None:
        """Forget it; what it asked for goes on, as a daemon's does."""
        self._connection.end()
        self._writer.close()

    def _take(self, message: Message) -> None:
        if message.program == KEEPALIVE_PROGRAM:
            if message.procedure == PING:
                self._write(frame((KEEPALIVE_PROGRAM, 1, PONG, Kind.EVENT, 0, 0)))
            return
        if message.kind != Kind.CALL:
            raise Garbled(f"a message of type {message.kind}")
        if len(self._calls) >= CALLS_MAX:
            raise Garbled("too many calls at once")
        task = asyncio.ensure_future(self._answer(message))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self, message: Message) -> None:
        status, payload = 0, b""
        try:
            payload = await self._call(message)
        except VzError as error:
            status, payload = 1, packed(error)
        except Garbled as error:
            refused = VzError(39, f"Unable to decode: {error}", domain=RPC, bare=True)
            status, payload = 1, packed(refused)
        except Hangup:
            self._writer.close()
            return
        except Silence:
            return
        except Exception as error:
            logger.exception("procedure %s failed", message.procedure)
            status, payload = 1, packed(VzError(1, f"{type(error).__name__}"))
        words = (message.program, message.version, message.procedure)
        self._write(frame((*words, Kind.REPLY, message.serial, status), payload))
        if self._connection.closing:
            self._writer.close()

    async def _call(self, message: Message) -> bytes:
        if message.program != REMOTE_PROGRAM or message.version != 1:
            text = f"Cannot find program {message.program} version {message.version}"
            raise VzError(39, text, domain=RPC, bare=True)
        procedure = PROCEDURES.get(message.procedure)
        if procedure is None:
            raise unknown_procedure(message.procedure)
        fields = unpack(procedure.takes, message.raw[LENGTH.size + HEADER.size :])
        trouble = self._server.trouble
        strike(trouble.due(procedure.name, "before"))
        answer: tuple[Any, ...] = await self._handler(procedure.name)(*fields)
        strike(trouble.due(procedure.name, "after"))
        return pack(procedure.gives, answer if procedure.gives else ())

    def _handler(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        for part in (self._connection, *self._server.parts):
            handler = getattr(part, name, None)
            if handler is not None:
                return handler
        raise unknown_procedure(0)

    def _event(self, procedure: int, payload: bytes) -> None:
        words = (REMOTE_PROGRAM, 1, procedure, Kind.EVENT, 0, 0)
        self._write(frame(words, payload))

    def _write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)


class Hangup(Exception):
    """Trouble: the connection is cut."""


class Silence(Exception):
    """Trouble: this call is never answered."""


def strike(trouble: dict[str, object] | None) -> None:
    """Let a scripted trouble happen.

    Raises:
        VzError, Hangup, Silence: As it says.
    """
    if trouble is None:
        return
    action = trouble.get("action", "error")
    if action == "cut":
        raise Hangup
    if action == "drop":
        raise Silence
    if action == "die":
        os._exit(DIED)
    text = str(trouble.get("text", "scripted trouble"))
    raise VzError(int(str(trouble.get("code", 1))), text)


def packed(error: VzError) -> bytes:
    """An error as a payload (``remote_error``)."""
    one, two, three, *_ = (*error.strings, None, None, None)
    fields = (error.code, error.domain, error.message, 2, None, one, two, three, -1, -1)
    return pack(ERROR, (*fields, 0))
