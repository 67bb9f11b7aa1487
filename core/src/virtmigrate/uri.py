"""Host URIs: one strict grammar, checked before anything is opened.

`scheme[+transport]://[user[:password]@][host[:port]]/path[?key=value&…]`. What a
transport or a key may be is the hypervisor's business (`Hypervisor.check_uri`); that
a host never looks like an option and a secret is never shown is ours.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from virtmigrate.errors import BadInput, Side
from virtmigrate.redact import redact

URI_MAX_CHARS = 2048
PORT_MAX = 65535
_SCHEME = re.compile(r"([a-z][a-z0-9]*)(?:\+([a-z][a-z0-9]*))?")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_BRACKETS = re.compile(
    r"\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9][A-Za-z0-9._-]{0,31})?)\](?::[0-9]*)?"
)


@dataclass(frozen=True, slots=True)
class HostURI:
    """A parsed URI. `str()` of it never shows a password.

    Attributes:
        text: The URI as given, password included: only for opening it.
        scheme: Without transport.
        transport: After the plus sign, None without one.
        user: Login name, percent-decoded, None without one.
        host: Name or address (IPv6 without brackets), "" for none.
        port: 1-65535, None without one.
        path: As given, percent-decoded.
        query: Key to value; no key twice.
        shown: The URI without secrets.
        insecure: Checks that the caller has switched off (`insecure.py`), used or not.
    """

    text: str
    scheme: str
    transport: str | None
    user: str | None
    host: str
    port: int | None
    path: str
    query: tuple[tuple[str, str], ...]
    shown: str
    insecure: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Without secrets."""
        return self.shown

    def __repr__(self) -> str:
        """Without secrets."""
        return f"HostURI({self.shown!r})"

    def get(self, key: str) -> str | None:
        """Value of a query key."""
        return dict(self.query).get(key)


def parse_uri(
    text: str, side: Side = Side.REQUEST, insecure: frozenset[str] = frozenset()
) -> HostURI:
    """Parse a host URI.

    Args:
        text: The URI.
        side: For whom it is, for the error.
        insecure: Checks that the caller has switched off. The grammar is none of them.

    Raises:
        BadInput: Not of the grammar. The error never repeats a password.
    """
    # A secret is not kept in a cache.
    parse = _parse if "@" in text else _parse_open
    found = parse(text, side)
    return replace(found, insecure=insecure) if insecure else found


def _parse(text: str, side: Side) -> HostURI:
    return _Parser(text, side).parse()


@lru_cache(maxsize=256)
def _parse_open(text: str, side: Side) -> HostURI:
    return _parse(text, side)


class _Parser:
    """The pieces of one URI; each method checks one of them."""

    def __init__(self, text: str, side: Side) -> None:
        self.text = text
        self.side = side

    def fail(self, what: str, remedy: str) -> BadInput:
        return BadInput(
            f"bad host URI: {what}", side=self.side, subject="uri", remedy=remedy
        )

    def parse(self) -> HostURI:
        text = self.text
        if not text or len(text) > URI_MAX_CHARS or not _PRINTABLE.fullmatch(text):
            raise self.fail(
                f"it must be 1-{URI_MAX_CHARS} printable ASCII characters",
                "write it like qemu+ssh://host/system",
            )
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise self.fail(
                "its host or port can't be read", "write host:port, [IPv6]:port"
            ) from None
        scheme, transport = self.scheme(parts.scheme)
        if "://" not in text or parts.fragment or "#" in text:
            raise self.fail("it has no '://', or a '#'", "scheme://host/path")
        if port is not None and not 1 <= port <= PORT_MAX:
            raise self.fail(f"port {port}", "1-65535")
        query = self.query(parts.query)
        shown = text
        if parts.password is not None:
            userinfo, _, rest = parts.netloc.rpartition("@")
            user = userinfo.partition(":")[0]
            shown = text.replace(f"{userinfo}@{rest}", f"{user}:***@{rest}", 1)
        return HostURI(
            text=text,
            scheme=scheme,
            transport=transport,
            user=self.user(parts.username),
            host=self.host(parts.netloc, parts.hostname),
            port=port,
            path=self.path(parts.path),
            query=query,
            shown=redact(shown) if query else shown,
        )

    def scheme(self, scheme: str) -> tuple[str, str | None]:
        found = _SCHEME.fullmatch(scheme)
        if not found:
            raise self.fail(
                "no scheme that can be read", "begin with qemu:, vz: or mock:"
            )
        return found.group(1), found.group(2)

    def user(self, user: str | None) -> str | None:
        if user is None:
            return None
        user = unquote(user)
        if not _USER.fullmatch(user):
            raise self.fail("a user name that is none", "letters, digits, ._@-")
        return user

    def host(self, netloc: str, host: str | None) -> str:
        where = netloc.rpartition("@")[2]
        if not host:
            if where or "@" in netloc:
                raise self.fail("a port or user without a host", "name the host")
            return ""
        if "[" in netloc:
            return self.ipv6(where)
        if not _HOST.fullmatch(host):
            raise self.fail(
                f"{host[:64]!r} is no host name",
                "letters, digits, dots and inner dashes; no dash in front",
            )
        return host

    def ipv6(self, where: str) -> str:
        found = _BRACKETS.fullmatch(unquote(where))
        try:
            return str(ipaddress.IPv6Address(found[1] if found else ""))
        except ValueError:
            raise self.fail("no IPv6 address in the brackets", "[::1]") from None

    def path(self, path: str) -> str:
        path = unquote(path)
        if not path.isprintable():
            raise self.fail("a control character in its path", "remove it")
        return path

    def query(self, query: str) -> tuple[tuple[str, str], ...]:
        if not query:
            return ()
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise self.fail("a query that is none", "?key=value&key=value") from None
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise self.fail("a query key twice", "give each key once")
        if not all(part.isprintable() for pair in pairs for part in pair):
            raise self.fail("a control character in its query", "remove it")
        return tuple(pairs)
