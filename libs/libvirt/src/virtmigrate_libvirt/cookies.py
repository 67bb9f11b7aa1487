"""What daemons hand each other through us: looked at before it is passed on.

A cookie is XML that only daemons read. But the host that bakes one is not trusted with
the host that eats it, so each is of a known kind, of this guest, and of bounded size;
a definition inside (a persistent one travels so) is a document like any other.
Source: `qemuMigrationCookieXMLFormat`, `vzBakeCookie`.
"""

from __future__ import annotations

from lxml import etree

from virtmigrate.errors import HostError, Side
from virtmigrate_libvirt.bounds import MOST_LEVELS, deeper_than
from virtmigrate_libvirt.clib import COOKIE_MAX_BYTES
from virtmigrate_libvirt.xml import Document, parse, parser

OF_GUEST = {"qemu-migration": True, "vz-migration": False}
"""Root element, and whether the guest's own UUID stands in it."""
MOST_ELEMENTS = 200_000
"""Each block of a dirty bitmap has one."""


def checked(cookie: bytes, uuid: str, side: Side) -> list[Document]:
    """See that a cookie may be passed on.

    Args:
        cookie: As it came; an empty one is fine.
        uuid: The guest that it must be about.
        side: Whose it is.

    Returns:
        The definitions that travel in it.

    Raises:
        HostError: It is no cookie, or of another guest.
        BadInput: A definition in it is hostile.
    """
    text = cookie.rstrip(b"\0")
    if not text:
        return []
    if len(text) > COOKIE_MAX_BYTES:
        raise _bad(f"larger than {COOKIE_MAX_BYTES} bytes", side)
    if b"<!" in text:
        raise _bad("a DOCTYPE, comment or CDATA stands in it", side)
    try:
        root = etree.fromstring(text, parser())
    except (etree.XMLSyntaxError, ValueError):
        raise _bad("no well-formed XML", side) from None
    if root.tag not in OF_GUEST:
        raise _bad(f"its kind is unknown: {str(root.tag)[:32]!r}", side)
    if deeper_than(root, MOST_LEVELS):
        raise _bad(f"more than {MOST_LEVELS} levels deep", side)
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise _bad(f"more than {MOST_ELEMENTS} elements", side)
    named = [(node.text or "").strip().lower() for node in root.findall("uuid")]
    if OF_GUEST[root.tag] and named != [uuid.lower()]:
        raise _bad("of another guest", side)
    texts = (etree.tostring(n, encoding="unicode") for n in root.iterfind(".//domain"))
    return [parse(t, side=side, subject="definition in a cookie") for t in texts]


def _bad(why: str, side: Side) -> HostError:
    return HostError(
        f"its migration cookie is not passed on: {why}",
        side=side,
        subject="cookie",
        remedy="look at the libvirt daemon there: nothing else bakes cookies",
    )
