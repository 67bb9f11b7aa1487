"""What a disk's `<source>` names, and whether it is the same from each host. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml import etree

KEYS = ("file", "dev", "name", "dir", "volume", "path", "socket")
PCI = ("domain", "bus", "slot", "function")


def named(source: etree._Element) -> str:
    """What it names; "" = nothing: a drive without a medium.

    A server's only export, or a device by its address, has no name of its own.
    """
    found = next((source.get(key) or "" for key in KEYS if source.get(key)), "")
    return found or next(filter(None, (*_servers(source), _address(source))), "")


def means_itself(source: etree._Element) -> bool:
    """Whether it is served by whichever host reads it: its loopback, its sockets."""
    hosts = source.findall("host")
    return any(h.get("socket") or local(h.get("name") or "") for h in hosts)


def local(host: str) -> bool:
    """Whether a host of this name, or address, is whoever asks."""
    if host.startswith("localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _servers(source: etree._Element) -> list[str]:
    kind = source.get("protocol") or ""
    return [
        f"{kind}://{host.get('name') or host.get('socket')}"
        for host in source.findall("host")
        if host.get("name") or host.get("socket")
    ]


def _address(source: etree._Element) -> str:
    found = source.find("address")
    if found is None:
        return ""
    return " ".join(("pci", *(found.get(key) or "0" for key in PCI)))
