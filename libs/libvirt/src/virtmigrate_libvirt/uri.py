"""What URIs may be opened: an allow-list, judged before any connection.

A libvirt URI can run a program (`qemu+ext`, `?command=`, `?proxy=netcat`) or switch a
check off (`no_verify`), so nothing is passed through that is not named here, and some
of it only for a caller who has named it as insecure (`virtmigrate.insecure`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

from virtmigrate.errors import BadInput, Side

if TYPE_CHECKING:
    from collections.abc import Container

    from virtmigrate.uri import HostURI

_PATH = re.compile(r"/[A-Za-z0-9._/@:+,=-]{1,255}")
_REMOTE_KEYS = frozenset({"socket", "mode"})

KEYS: dict[str, frozenset[str]] = {
    "unix": _REMOTE_KEYS,
    "ssh": _REMOTE_KEYS | {"keyfile"},
    "libssh": _REMOTE_KEYS | {"keyfile"},
    "libssh2": _REMOTE_KEYS | {"keyfile"},
    "tls": frozenset(),
}
"""Transport to the query keys that it may have."""

INSECURE: dict[str, frozenset[str]] = {
    "unix": frozenset(),
    "ssh": frozenset({"no_verify", "command", "netcat", "proxy"}),
    "libssh": frozenset({"known_hosts_verify", "known_hosts", "netcat", "proxy"}),
    "libssh2": frozenset({"known_hosts_verify", "known_hosts", "netcat", "proxy"}),
    "tls": frozenset({"no_verify", "pkipath", "tls_priority"}),
    "tcp": frozenset(),
}
"""What it may have besides, each with the caller's consent to that key; the transport
`tcp` itself is one of them."""

VALUES: dict[str, re.Pattern[str]] = {
    "mode": re.compile("auto|direct|legacy"),
    "no_verify": re.compile("[01]"),
    "known_hosts_verify": re.compile("normal|auto|ignore"),
    "proxy": re.compile("auto|netcat|native"),
    "tls_priority": re.compile(r"@?[A-Z0-9][A-Za-z0-9:%+!_.,@-]{0,200}"),
}
"""What a key's value must look like; any other is a plain absolute path."""

PATHS = ("/system", "/session")

WHY: dict[str, str] = {
    "ext": "it runs a program of the URI's choice",
    "tcp": "it sends the whole control channel in clear text to whoever answers",
    "command": "it runs a program of the URI's choice",
    "netcat": "it runs a program of the URI's choice on the host",
    "proxy": "it may run a program of the URI's choice on the host",
    "no_verify": "it switches the check of the host's identity off",
    "known_hosts_verify": "it can switch the check of the host's identity off",
    "known_hosts": "it replaces the record of hosts that are trusted",
    "pkipath": "it replaces the certificates that are trusted",
    "tls_priority": "it can weaken the encryption",
    "name": "it opens another driver than the URI shows",
    "authfile": "it reads credentials from a file of the URI's choice",
    "auth": "it changes how the login is proven",
    "sshauth": "it changes how the login is proven",
    "no_tty": "logins never ask questions here anyway",
}
"""Why a transport or key is refused, where a reason helps."""


def transport_of(uri: HostURI) -> str:
    """The transport that libvirt would use."""
    return uri.transport or ("tls" if uri.host else "unix")


def check(uri: HostURI, side: Side = Side.REQUEST) -> None:
    """Refuse everything that is not allowed.

    Raises:
        BadInput: Transport, key, value, path or password; the remedy names what is
            accepted.
    """
    transport = transport_of(uri)
    if transport not in KEYS and transport not in uri.insecure & INSECURE.keys():
        why = WHY.get(transport, "it is not on the list")
        raise _refused(
            f"transport {transport!r} is not opened: {why}",
            f"use one of {', '.join(sorted(KEYS))}{_or_consent(transport, INSECURE)}",
            side,
        )
    if bool(uri.host) is (transport == "unix"):
        said = "a unix socket has no host name" if uri.host else "it names no host"
        raise _refused(
            said,
            "qemu+unix:///system or qemu+ssh://host/system",
            side,
        )
    if uri.path not in PATHS:
        raise _refused("its path is unknown", f"one of {', '.join(PATHS)}", side)
    if uri.shown != uri.text:
        raise _refused(
            "it carries a password, which libvirt would not use",
            "use an ssh key, a certificate, or libvirt's auth.conf",
            side,
        )
    for key, value in uri.query:
        _check_key(transport, key, uri.insecure, side)
        _check_value(key, value, side)


def _check_key(transport: str, key: str, insecure: frozenset[str], side: Side) -> None:
    waivable = INSECURE[transport]
    allowed = KEYS.get(transport, frozenset())
    if key not in allowed | (waivable & insecure):
        why = WHY.get(key, "it is not on the list")
        accepted = f"{transport} takes {', '.join(sorted(allowed)) or 'no keys'}"
        raise _refused(
            f"query key {key[:32]!r} is refused: {why}",
            f"{accepted}{_or_consent(key, waivable)}",
            side,
        )


def _check_value(key: str, value: str, side: Side) -> None:
    form = VALUES.get(key)
    if form is None:
        if not _PATH.fullmatch(value) or ".." in value.split("/"):
            said = f"{key} must be a plain absolute path"
            raise _refused(said, f"{key}=/path/to/it", side)
    elif not form.fullmatch(value):
        said = f"its {key} can't be read"
        raise _refused(said, f"{key}={form.pattern}", side)


def _or_consent(name: str, waivable: Container[str]) -> str:
    """The way out for a caller who knows what it costs, where there is one."""
    return f"; or --insecure {name}, which is logged" if name in waivable else ""


def opened_as(uri: HostURI) -> str:
    """The text that libvirt is given: ssh is told never to ask questions."""
    if transport_of(uri) != "ssh":
        return uri.text
    parts = urlsplit(uri.text)
    query = urlencode([*uri.query, ("no_tty", "1")], safe="/:@")
    return urlunsplit(parts._replace(query=query))


def _refused(what: str, remedy: str, side: Side) -> BadInput:
    return BadInput(f"bad host URI: {what}", side=side, subject="uri", remedy=remedy)
