"""Definitions of guests: small, but real domain XML."""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from pydantic import TypeAdapter

from virtmigrate.errors import BadInput, Side
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.memory import PLAIN, Habits

if TYPE_CHECKING:
    from collections.abc import Iterator

XML_MAX_CHARS = 1 << 20
NAMESPACE = "urn:virtmigrate:mock"
_GUEST = f"{{{NAMESPACE}}}guest"
HABITS: TypeAdapter[Habits] = TypeAdapter(Habits)
_NAME = re.compile(r"<name>[^<]*</name>")


@dataclass(frozen=True, slots=True)
class Domain:
    """What a definition says that this hypervisor cares for (MiB, MiB/s)."""

    name: str
    uuid: str
    memory_mib: float = 1024.0
    working_set_mib: float = 64.0
    dirty_mib_s: float = 0.0
    habits: Habits = PLAIN
    disks: tuple[GuestDisk, ...] = ()


def write(domain: Domain) -> str:
    """The definition as domain XML."""
    physics = (
        f"working-set-mib={quoteattr(f'{domain.working_set_mib:g}')} "
        f"dirty-mib-s={quoteattr(f'{domain.dirty_mib_s:g}')}"
    )
    if domain.habits != PLAIN:
        habits = HABITS.dump_json(domain.habits, exclude_defaults=True).decode()
        physics += f" habits={quoteattr(habits)}"
    devices = "".join(map(_disk, domain.disks))
    if devices:
        devices = f"<devices>{devices}</devices>"
    return (
        "<domain type='mock'>"
        f"<name>{escape(domain.name)}</name><uuid>{domain.uuid}</uuid>"
        f"<memory unit='MiB'>{domain.memory_mib:g}</memory>"
        "<os><type>hvm</type></os>"
        f"<metadata><mock:guest xmlns:mock='{NAMESPACE}' {physics}/></metadata>"
        f"{devices}</domain>"
    )


def _source(path: str) -> str:
    return f"<source file={quoteattr(path)}/>"


def _disk(disk: GuestDisk) -> str:
    device = "cdrom" if disk.removable else "disk"
    return (
        f"<disk type='file' device='{device}' xmlns:mock='{NAMESPACE}' "
        f"mock:size-mib='{disk.size_mib:g}' mock:write-mib-s='{disk.write_mib_s:g}'>"
        f"<driver name='qemu' type={quoteattr(disk.format)}/>"
        + (_source(disk.path) if disk.path else "")
        + f"<target dev={quoteattr(disk.target)}/>"
        + ("<readonly/>" if disk.read_only else "")
        + ("<shareable/>" if disk.shareable else "")
        + "</disk>"
    )


def _disks(root: ET.Element) -> Iterator[GuestDisk]:
    for element in root.iterfind("devices/disk"):
        parts = {part.tag: part.attrib for part in element}
        yield GuestDisk(
            parts.get("source", {}).get("file", ""),
            parts.get("target", {}).get("dev", ""),
            float(element.get(f"{{{NAMESPACE}}}size-mib", "1024")),
            float(element.get(f"{{{NAMESPACE}}}write-mib-s", "0")),
            parts.get("driver", {}).get("type", "raw"),
            read_only="readonly" in parts,
            shareable="shareable" in parts,
            removable=element.get("device") in ("cdrom", "floppy"),
        )


@lru_cache(maxsize=256)
def read(text: str, side: Side = Side.REQUEST) -> Domain:
    """Read a definition.

    Args:
        text: Domain XML.
        side: For which side, for the error.

    Raises:
        BadInput: Not well-formed, with a DTD or entities, too long, or without a
            name, a UUID and a sensible memory.
    """
    if len(text) > XML_MAX_CHARS:
        raise _bad(f"longer than {XML_MAX_CHARS} characters", side)
    if "<!" in text:
        raise _bad("a DTD, entity, comment or CDATA stands in it", side)
    try:
        root = ET.fromstring(text)  # noqa: S314 - DTDs and entities are refused above
        name = (root.findtext("name") or "").strip()
        uuid = str(uuids.UUID((root.findtext("uuid") or "").strip()))
        memory = float(root.findtext("memory") or "nan")
        physics = root.find(f"metadata/{_GUEST}")
        found = {} if physics is None else physics.attrib
        domain = Domain(
            name,
            uuid,
            memory,
            float(found.get("working-set-mib", "64")),
            float(found.get("dirty-mib-s", "0")),
            HABITS.validate_json(found["habits"]) if "habits" in found else PLAIN,
            tuple(_disks(root)),
        )
    except (ET.ParseError, ValueError) as error:
        raise _bad(str(error), side) from None
    figures = [domain.memory_mib, domain.working_set_mib, domain.dirty_mib_s]
    figures += [part for d in domain.disks for part in (d.size_mib, d.write_mib_s)]
    sane = all(0 <= figure < 1 << 40 for figure in figures)
    if root.tag != "domain" or not name or not sane or not memory:
        raise _bad("no <domain> with a name, a UUID and a memory size", side)
    return domain


def renamed(xml: str, name: str) -> str:
    """The same definition under another name."""
    element = f"<name>{escape(name)}</name>"
    return xml if element in xml else _NAME.sub(lambda _: element, xml, count=1)


def moved(xml: str, path: str, there: str) -> str:
    """The same definition with a disk at another path."""
    return xml.replace(_source(path), _source(there))


def _bad(what: str, side: Side) -> BadInput:
    return BadInput(
        f"bad domain XML: {what}",
        side=side,
        subject="xml",
        remedy="hand in plain, well-formed domain XML",
    )
