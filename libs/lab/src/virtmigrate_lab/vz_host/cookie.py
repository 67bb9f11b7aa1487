"""The migration cookie of vz: who may log in where. Its session uuid is a secret."""

from __future__ import annotations

from uuid import UUID

from lxml import etree

from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.facts import COOKIE_NAME

NOBODY = str(UUID(int=0))
COOKIE_MAX = 4 << 20


def bake(session: str, uuid: str = NOBODY, name: str = COOKIE_NAME) -> bytes:
    """A cookie, its final NUL included."""
    root = etree.Element("vz-migration")
    for tag, text in (("session-uuid", session), ("uuid", uuid), ("name", name)):
        etree.SubElement(root, tag).text = text
    return bytes(etree.tostring(root, pretty_print=True)) + b"\0"


def eat(cookie: bytes) -> str:
    """The session uuid of a cookie.

    Raises:
        VzError: As the driver's ``vzEatCookie``.
    """
    if not cookie or not cookie.endswith(b"\0") or len(cookie) > COOKIE_MAX:
        raise VzError(1, "Invalid migration cookie")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(cookie[:-1], parser)
    except etree.XMLSyntaxError as error:
        raise VzError(27, "(_migration_cookie): it is no XML", bare=True) from error
    text = root.findtext("session-uuid")
    if text is None:
        raise VzError(1, "missing session-uuid element in migration data")
    try:
        return str(UUID(text))
    except ValueError as error:
        msg = "malformed session-uuid element in migration data"
        raise VzError(1, msg) from error
