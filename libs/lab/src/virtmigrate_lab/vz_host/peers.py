"""A connection to another dispatcher: a line of JSON each way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from virtmigrate_lab.vz_host.errors import VzError

ANSWER_S = 5.0
LINE_MAX = 4 << 20


class Lost(Exception):
    """The other dispatcher does not answer."""


class Peer:
    """A connection to another dispatcher."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Wrap an open connection."""
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, path: Path) -> Peer:
        """Open one."""
        return cls(*await asyncio.open_unix_connection(path, limit=LINE_MAX))

    @property
    def lost(self) -> bool:
        """Whether the other end has gone."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            Lost: None comes.
            VzError: The other end refused.
        """
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            await self._writer.drain()
            text = await asyncio.wait_for(self._reader.readline(), ANSWER_S)
        except (OSError, TimeoutError) as error:
            raise Lost from error
        if not text:
            raise Lost
        answer: dict[str, Any] = json.loads(text)
        if "error" in answer:
            raise VzError(int(answer["error"]), str(answer["text"]))
        return answer

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
