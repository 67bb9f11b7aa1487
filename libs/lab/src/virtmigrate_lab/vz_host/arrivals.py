"""The dispatcher's arriving side: guests that other vz hosts offer and hand over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtmigrate_lab.vz_host import images
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.machine import Guest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from virtmigrate_lab.vz_host.dispatcher import Dispatcher

HOMES = "/vz/vmprivate"
"""Where Virtuozzo keeps the home of each virtual machine, by UUID."""
FULL = "There is not enough disk space on the destination"
LATE = 0.5
"""A disk that is full by surprise is so in the middle of the copy."""


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
            "copy": self._copied,
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
        """Let a guest in, or not; which of its disks are not shared."""
        guest = Guest(**request["guest"])
        if request["session"] != self._dispatcher.session:
            raise VzError(1, "The session is not valid on the destination")
        self._check_names(guest, request["name"] or guest.name)
        self._check_hardware(guest, request)
        self._check_images(guest)
        own = {
            path: file
            for path, file in request["disks"].items()
            if not self._machine.file_of(path).samefile(file)
        }
        self._check_room(own)
        self._offers[guest.uuid] = {**request, "own": own}
        return {"own": sorted(own)}

    def _check_names(self, guest: Guest, name: str) -> None:
        machine = self._machine
        if guest.uuid in machine.guests or guest.uuid in self._offers:
            raise VzError(1, f"A virtual machine {guest.uuid} is already registered")
        if machine.named(name):
            raise VzError(1, f"A virtual machine with name {name} already exists")
        home = f"{HOMES}/{guest.uuid}"
        made = {machine.file_of(path).parent for path in guest.definition.images}
        if machine.file_of(home).exists() and machine.file_of(home) not in made:
            raise VzError(1, f"The home {home} already exists")

    def _check_hardware(self, guest: Guest, request: dict[str, Any]) -> None:
        hardware, wanted = self._machine.hardware, guest.definition
        if wanted.os_type not in hardware.kinds:
            raise VzError(1, f"The destination does not run {wanted.os_type}")
        if wanted.vcpus > hardware.cpus:
            raise VzError(1, "The destination has too few CPUs")
        runs = guest.state == "running" and request["resume"]
        if runs and request["vendor"] != hardware.vendor:
            raise VzError(1, "The destination's CPUs are not compatible")

    def _check_images(self, guest: Guest) -> None:
        for path in (*guest.definition.images, *guest.definition.media):
            if not self._machine.file_of(path).exists():
                raise VzError(1, f"The disk image {path} does not exist")

    def _check_room(self, own: dict[str, str]) -> None:
        room = self._machine.store.room_bytes
        for directory in {Path(path).parent for path in own}:
            taken = images.taken_bytes(self._machine.file_of(str(directory)))
            coming = sum(
                images.facts(Path(file)).allocated_bytes
                for path, file in own.items()
                if Path(path).parent == directory
            )
            if taken + coming > room:
                raise VzError(1, FULL)

    def _copied(self, request: dict[str, Any]) -> dict[str, Any]:
        """Copy the next part of each disk that is not shared."""
        offer = self._of(request)
        if self._machine.store.full and request["end"] > LATE:
            raise VzError(1, FULL)
        for path, file in offer["own"].items():
            there = self._machine.file_of(path)
            images.copy(Path(file), there, request["begin"], request["end"])
        return {}

    def _of(self, request: dict[str, Any]) -> dict[str, Any]:
        for offer in self._offers.values():
            if offer["migration"] == request["migration"]:
                return offer
        raise VzError(1, "The destination has given this migration up")

    def _take(self, request: dict[str, Any]) -> dict[str, Any]:
        guest, machine = Guest(**request["guest"]), self._machine
        offer = self._of(request)
        del self._offers[guest.uuid]
        for path, file in offer["own"].items():
            images.copy(Path(file), machine.file_of(path))
        guest.handover, guest.copied = "", []
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
