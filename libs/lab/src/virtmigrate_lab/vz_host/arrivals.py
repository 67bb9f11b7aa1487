"""The dispatcher's arriving side: guests that other vz hosts offer and hand over."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from virtmigrate_lab.vz_host.dispatcher import file_of
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.machine import Guest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from virtmigrate_lab.vz_host.dispatcher import Dispatcher


class Arrivals:
    """One host's guests that come."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Serve one host."""
        self._dispatcher = dispatcher
        self._machine = dispatcher.machine
        self._offers: dict[str, dict[str, Any]] = {}

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One dispatcher that came to us; what it offered goes with it."""
        ops: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "offer": self._offered,
            "take": self._take,
            "has": self._asked,
        }
        mine: list[str] = []
        try:
            while text := await reader.readline():
                request = json.loads(text)
                mine.append(request["migration"])
                try:
                    answer = ops[request["op"]](request)
                except VzError as error:
                    answer = {"error": error.code, "text": error.text}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, KeyError, TypeError):
            pass  # whoever sends that is no dispatcher: it is hung up on
        finally:
            for migration in mine:
                self._withdraw(migration)
            writer.close()

    def _withdraw(self, migration: str) -> None:
        for uuid, offer in list(self._offers.items()):
            if offer["migration"] == migration:
                del self._offers[uuid]

    def _offered(self, request: dict[str, Any]) -> dict[str, Any]:
        guest, machine = Guest(**request["guest"]), self._machine
        if request["session"] != self._dispatcher.session:
            raise VzError(1, "The session is not valid on the destination")
        if guest.uuid in machine.guests or guest.uuid in self._offers:
            raise VzError(1, f"A virtual machine {guest.uuid} is already registered")
        name = request["name"] or guest.name
        if machine.named(name):
            raise VzError(1, f"A virtual machine with name {name} already exists")
        for image in guest.definition.images:
            if not file_of(machine, image).exists():
                raise VzError(1, f"The disk image {image} does not exist")
        self._offers[guest.uuid] = request
        return {}

    def _take(self, request: dict[str, Any]) -> dict[str, Any]:
        guest, machine = Guest(**request["guest"]), self._machine
        offer = self._offers.pop(guest.uuid, None)
        if offer is None or offer["migration"] != request["migration"]:
            raise VzError(1, "The destination has given this migration up")
        for path, file in request["disks"].items():
            shutil.copyfile(file, file_of(machine, path))
        guest.handover = ""
        if offer["name"]:
            guest.rename(offer["name"])
        if guest.active:
            machine.number(guest)
        machine.guests[guest.uuid] = guest
        machine.taken.append(request["migration"])
        machine.save()  # from here on it is ours
        self._dispatcher.changed(guest, "arrived")
        if request["state"] == "running" and offer["resume"]:
            machine.run(guest, "migrated")
        if guest.active:
            self._dispatcher.changed(guest, "landed")
        return {}

    def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whether it was taken; if not, it never will be: a late `take` is refused."""
        taken = request["migration"] in self._machine.taken
        if not taken:
            self._withdraw(request["migration"])
        return {"taken": taken}
