"""Where memory goes, who logs in where, and by what name a certificate is read. Pure.

libvirt can't be asked to try an address, a login or a certificate: they show when the
phases begin. What can be known before is said here, and what can't is named; where
somebody asks for it, a stand-in tries all three.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.sources import local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

PORTS = range(49152, 49216)
"""`migration_port_min` to `migration_port_max`, where qemu.conf says nothing else."""
MOST_PORT = 0xFFFF
BY_NETWORK = ("tcp", "rdma")
NO_QUESTION = "libvirt has no question for it"


def findings(facts: Facts, _: Answers) -> Iterator[Finding]:
    """What can be known of the way; nothing where a stand-in got there."""
    if not facts.moves or facts.way_is_open:
        return
    if facts.options.p2p or facts.options.tunnelled:
        yield from _peer(facts)
    if facts.options.tls:
        yield from _certificates(facts)
    if facts.options.tunnelled:
        return
    if facts.options.migrate_uri:
        yield from _given(facts, facts.options.migrate_uri)
    else:
        yield from _generated(facts)


def _generated(facts: Facts) -> Iterator[Finding]:
    """The destination says where: its own name, or qemu.conf's migration_host."""
    name = facts.destination.name
    if name.startswith("localhost"):
        yield facts.finding(
            "destination-is-localhost",
            Level.WARNING,
            f"the destination calls itself {name}, where the source would find itself",
            "say --migrateuri tcp://ADDRESS, or set migration_host in its qemu.conf",
            subject=name,
            evidence="its hostname",
        )
    yield facts.finding(
        "not-checked",
        Level.NOTE,
        f"memory goes from the source to {name}, a port from {PORTS.start} to "
        f"{PORTS.stop - 1}; no host tells beforehand whether that gets through",
        "--migrateuri tcp://ADDRESS:PORT names another way; --rehearse tries it",
        subject="migrate_uri",
        evidence=NO_QUESTION,
    )


def _given(facts: Facts, uri: str) -> Iterator[Finding]:
    scheme, _, rest = uri.partition(":")
    if scheme not in BY_NETWORK:
        return
    host, port = _address(f"//{rest.removeprefix('//')}")
    subject = "migrate_uri"
    if port is not None and not 0 < port <= MOST_PORT:
        yield facts.finding(
            "migrate-uri-port",
            Level.BLOCKER,
            f"{uri} names no port that there is",
            f"write tcp://{host or 'ADDRESS'}:PORT with a port up to {MOST_PORT}",
            side=Side.REQUEST,
            subject=subject,
            evidence=f"port {rest.rpartition(':')[2]}",
        )
    elif port and port not in PORTS:
        yield facts.finding(
            "migrate-port-unusual",
            Level.NOTE,
            f"port {port} is not among those that hosts open for migrations "
            f"({PORTS.start} to {PORTS.stop - 1})",
            "see that the destination's firewall lets it through; --rehearse tries it",
            subject=subject,
            evidence=uri,
        )
    if local(host):
        yield facts.finding(
            "migrate-uri-is-local",
            Level.WARNING,
            f"{uri} means the source itself when its QEMU connects to it",
            "name the destination as the source sees it",
            side=Side.REQUEST,
            subject=subject,
            evidence=uri,
        )


def _peer(facts: Facts) -> Iterator[Finding]:
    """The source's daemon logs in by itself, with what it has."""
    uri = facts.destination.uri
    transport = urlsplit(uri).scheme.partition("+")[2]
    needs = {
        "ssh": "its own known_hosts, key and login, which may not ask for anything",
        "libssh": "its own known_hosts, key and login, which may not ask for anything",
        "libssh2": "its own known_hosts, key and login, which may not ask for anything",
        "unix": "that socket, under the same path",
        "tcp": "a way there in clear text",
    }.get(transport, "its own certificate, and the authority of the destination's")
    yield facts.finding(
        "not-checked",
        Level.NOTE,
        f"the source's daemon opens {uri} by itself, and needs {needs}; it does not "
        "tell beforehand whether it can",
        f"try it there: virsh -c '{uri}' hostname, as the daemon's user; or --rehearse",
        side=Side.SOURCE,
        subject="p2p",
        evidence=NO_QUESTION,
    )


def _certificates(facts: Facts) -> Iterator[Finding]:
    """A certificate is read by the name under which the source connects."""
    options = facts.options
    host, _ = _address(f"//{(options.migrate_uri or '').partition('://')[2]}")
    name = options.tls_destination or host or facts.destination.name
    if not options.tls_destination and _numeric(name):
        yield facts.finding(
            "tls-name-is-address",
            Level.WARNING,
            f"the source will expect a certificate for the address {name}",
            "name the destination instead, or say --tls-destination NAME",
            subject="tls",
            evidence=options.migrate_uri or "its hostname",
        )
    yield facts.finding(
        "not-checked",
        Level.NOTE,
        "both hosts need certificates for migration (migrate_tls_x509_cert_dir), the "
        f"destination's for the name {name}; neither tells of them before it uses them",
        "see that they are there and of the same authority; --rehearse tries them",
        side=Side.BOTH,
        subject="tls",
        evidence=NO_QUESTION,
    )


def _address(text: str) -> tuple[str, int | None]:
    """Host and port of `//host:port`; a port that is none counts as -1."""
    try:
        parts = urlsplit(text)
    except ValueError:  # a bracket that is not closed
        return "", -1
    try:
        return parts.hostname or "", parts.port
    except ValueError:
        return parts.hostname or "", -1


def _numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
