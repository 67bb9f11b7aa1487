"""The calls that are about the connection itself, and the host."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.facts import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate_lab.vz_host.events import Events
    from virtmigrate_lab.vz_host.machine import Machine
    from virtmigrate_lab.vz_host.wire import Domain

VERSION, LIBVIRT = 7_000_000, 9_000_000
TYPES = {"vz": "vz", "parallels": "Parallels"}


class Connection:
    """One client's. Each method is a procedure.

    Attributes:
        closing: Whether the client has said goodbye.
    """

    def __init__(
        self, machine: Machine, events: Events, send: Callable[[int, bytes], None]
    ) -> None:
        """Serve one client; `send` sends it an event."""
        self.machine = machine
        self.closing = False
        self._events = events
        self._send = send
        self._scheme = "vz"
        self._listening: list[int] = []

    def end(self) -> None:
        """It has gone."""
        for number in self._listening:
            self._events.listeners.pop(number, None)

    async def auth_list(self) -> tuple[list[int]]:
        return ([0],)

    async def open(self, name: str | None, flags: int) -> tuple[()]:
        parts = urlsplit(name or "vz:///system")
        if parts.scheme not in TYPES:
            raise VzError(5, f"no connection driver available for {name}", bare=True)
        if parts.path != "/system":
            msg = f"unexpected Virtuozzo URI path '{parts.path}', try vz:///system"
            raise VzError(1, msg)
        self._scheme = parts.scheme
        return ()

    async def close(self) -> tuple[()]:
        self.closing = True
        return ()

    async def get_type(self) -> tuple[str]:
        return (TYPES[self._scheme],)

    async def get_version(self) -> tuple[int]:
        return (VERSION,)

    async def get_lib_version(self) -> tuple[int]:
        return (LIBVIRT,)

    async def get_hostname(self) -> tuple[str]:
        return (self.machine.name,)

    async def get_uri(self) -> tuple[str]:
        return (f"{self._scheme}:///system",)

    async def get_capabilities(self) -> tuple[str]:
        """Without `<migration_features>`: the writer leaves it out for vz."""
        root = etree.Element("capabilities")
        host = etree.SubElement(root, "host")
        uuid = uuid5(NAMESPACE_URL, str(self.machine.root))
        etree.SubElement(host, "uuid").text = str(uuid)
        cpu = etree.SubElement(host, "cpu")
        etree.SubElement(cpu, "arch").text = platform.machine()
        hardware = self.machine.hardware
        etree.SubElement(cpu, "model").text = hardware.model
        etree.SubElement(cpu, "vendor").text = hardware.vendor
        for kind in hardware.kinds:
            guest = etree.SubElement(root, "guest")
            etree.SubElement(guest, "os_type").text = kind
            arch = etree.SubElement(guest, "arch", name=platform.machine())
            etree.SubElement(arch, "domain", type="vz")
        return (etree.tostring(root, encoding="unicode"),)

    async def supports_feature(self, feature: int) -> tuple[int]:
        return (int(feature in FEATURES),)

    async def is_secure(self) -> tuple[int]:
        return (1,)

    async def node_info(self) -> tuple[int, ...]:
        model = platform.machine().encode()[:31].ljust(32, b"\0")
        hardware = self.machine.hardware
        cpus = hardware.cpus
        return (*model, hardware.memory_kib, cpus, 2000, 1, 1, cpus, 1)

    async def sysinfo(self, flags: int) -> tuple[str]:
        return ("<sysinfo type='smbios'/>",)

    async def register_event(self, event: int, domain: Domain | None) -> tuple[int]:
        uuid = domain.uuid if domain else None
        number = self._events.register(event, uuid, self._send)
        self._listening.append(number)
        return (number,)

    async def deregister_event(self, number: int) -> tuple[()]:
        self._events.listeners.pop(number, None)
        return ()

    async def register_close(self) -> tuple[()]:
        return ()

    async def unregister_close(self) -> tuple[()]:
        return ()
