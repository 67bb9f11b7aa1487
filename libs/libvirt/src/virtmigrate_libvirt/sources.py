"""What a disk's `<source>` names, and whether it is the same from each host. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml import etree

KEYS = ("file", "dev", "name", "dir", "volume", "path", "socket")
CONFIGURED = ("rbd", "sheepdog")
"""Protocols whose servers a definition need not name."""
PCI = ("domain", "bus", "slot", "function")


def named(source: etree._Element) -> str:
    """What it names; "" = nothing: a drive without a medium.

    A server's only export, or a device by its address, has no name of its own.
    """
    found = next((source.get(key) or "" for key in KEYS if source.get(key)), "")
    return found or next(filter(None, (*servers(source), _address(source))), "")


def servers(source: etree._Element) -> tuple[str, ...]:
    """Who serves it: a URL each, of its protocol and the host or socket."""
    kind = source.get("protocol") or ""
    places = [
        (h.get("name") or h.get("socket"), h.get("port"))
        for h in source.iterfind("host")
    ]
    return tuple(
        f"{kind}://{':'.join(filter(None, place))}" for place in places if place[0]
    )


def means_itself(source: etree._Element) -> bool:
    """Whether each host that reads it finds out by itself who serves it.

    So by its loopback, its sockets, or its own configuration (`/etc/ceph/ceph.conf`).
    """
    hosts = source.findall("host")
    if source.get("protocol") in CONFIGURED and not hosts:
        return True
    return any(h.get("socket") or local(h.get("name") or "") for h in hosts)


def local(host: str) -> bool:
    """Whether a host of this name, or address, is whoever asks."""
    if host.startswith("localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _address(source: etree._Element) -> str:
    found = source.find("address")
    if found is None:
        return ""
    return " ".join(("pci", *(found.get(key) or "0" for key in PCI)))
