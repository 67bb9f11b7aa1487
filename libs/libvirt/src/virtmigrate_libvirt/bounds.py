"""How much of anything a domain document may have, whoever wrote it.

libvirt makes room for each virtual CPU, I/O thread and controller that a document
*names*, so that one number is enough to drive a daemon out of memory: a define with a
billion virtual CPUs was seen to take 23 GB. Each bound is far above what can be run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1 << 20
MOST_LEVELS = 64
MOST_ELEMENTS = 20_000
MOST_DEVICES = 1024
MOST_CHARS = 1 << 16
"""Of one text or attribute; a title or a description has at most a page."""
MOST_MEMORY_BYTES = 1 << 52
"""All that the physical addresses of x86 reach."""
_NUMBER = re.compile(r"[0-9]{1,18}")


class Counted(NamedTuple):
    """A number that makes the daemon allocate.

    Attributes:
        path: Where the elements are.
        attribute: Which attribute; "" = the element's text.
        most: The largest that is let through.
    """

    path: str
    attribute: str
    most: int


COUNTED = (
    Counted("vcpu", "", 4096),  # KVM_MAX_VCPUS
    Counted("vcpu", "current", 4096),
    Counted("iothreads", "", 1024),
    Counted("iothreadids/iothread", "id", 1 << 20),
    Counted("maxMemory", "slots", 4096),
    Counted("cpu/topology", "sockets", 4096),
    Counted("cpu/topology", "dies", 4096),
    Counted("cpu/topology", "cores", 4096),
    Counted("cpu/topology", "threads", 4096),
    Counted("cpu/numa/cell", "id", 1024),
    # Of these libvirt adds whatever is missing below the largest
    # (`virDomainDefAddDiskControllersForType` and its neighbours).
    Counted("devices/controller", "index", MOST_DEVICES),
    Counted("devices/controller", "ports", MOST_DEVICES),
    Counted("devices/controller", "vectors", 4096),
    Counted("devices/*/address", "controller", MOST_DEVICES),
    Counted("devices/*/driver", "queues", 4096),
)


def excesses(root: etree._Element) -> Iterator[str]:
    """What a document has too much of, in words; nothing for a sane one."""
    for number, node in enumerate(root.iter(), 1):
        texts = (node.text, node.tail, *node.attrib.values())
        if number > MOST_ELEMENTS:
            yield f"more than {MOST_ELEMENTS} elements"
            return
        if any(len(text) > MOST_CHARS for text in texts if text):
            yield f"a text of more than {MOST_CHARS} characters in it"
            return
    devices = root.find("devices")
    if devices is not None and len(devices) > MOST_DEVICES:
        yield f"more than {MOST_DEVICES} devices"
    for row in COUNTED:
        yield from _exceeding(root, row)


def deeper_than(root: etree._Element, levels: int) -> bool:
    """Whether elements are nested deeper than so many levels."""
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > levels:
            return True
    return False


def _exceeding(root: etree._Element, row: Counted) -> Iterator[str]:
    where = f"<{row.path.rpartition('/')[2]}>"
    what = f"{row.attribute} of {where}" if row.attribute else where
    if "*" in row.path or row.attribute == "index":
        what = f"{row.attribute} in {row.path}"
    for node in root.iterfind(row.path):
        text = node.get(row.attribute) if row.attribute else node.text
        if text is None:
            continue
        # A number that can't be read here may be one that libvirt can read.
        if not _NUMBER.fullmatch(text.strip()) or int(text) > row.most:
            yield f"{what} must be a number up to {row.most}"
            return
