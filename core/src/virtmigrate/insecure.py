"""Checks that a caller may switch off, each by its name, and what that lets through.

There is no way to switch all of them off at once: who needs one has to name it, reads
here what it costs, and finds it in the log, in the plan and in the journal. What would
let a URI choose a driver, a login or a program's arguments is not in this table, and
neither is a host that begins with a dash: nothing lets those through.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput, Side
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

INSECURE: dict[str, str] = {
    "tcp": "the control channel goes in clear text, to whoever answers",
    "no_verify": "nobody checks that the host is the one that was named",
    "known_hosts_verify": "whether the host is the one that was named is checked as "
    "the URI says, or not at all",
    "known_hosts": "the URI says which hosts are trusted",
    "pkipath": "the URI says which certificates are trusted",
    "tls_priority": "the URI says how weak the encryption may be",
    "command": "the URI names the program that is run here for ssh",
    "netcat": "the URI names a program that is run on the host",
    "proxy": "the URI says how the host reaches its daemon, by a program of its own",
    "emulator": "a guest's definition may name a program that the destination does not "
    "list as an emulator; it runs there with the daemon's rights",
    "commandline": "a guest's definition may hand arguments to QEMU that libvirt does "
    "not look at",
}
"""Name to what happens without the check."""


def known(names: Iterable[str]) -> frozenset[str]:
    """The names, each of which must be in the table.

    Raises:
        BadInput: One is not.
    """
    found = frozenset(names)
    for name in sorted(found - INSECURE.keys()):
        raise BadInput(
            f"--insecure: there is no check {name[:32]!r} that can be switched off",
            subject="insecure",
            remedy=f"one of {', '.join(INSECURE)}",
        )
    return found


def waived(names: Iterable[str]) -> frozenset[str]:
    """The same; each is logged.

    Raises:
        BadInput: One is not in the table.
    """
    found = known(names)
    for name in sorted(found):
        log.warning("%s", words(name))
    return found


def words(name: str) -> str:
    """What a person is told of a check that is switched off."""
    return f"--insecure {name}: {INSECURE[name]}"


def findings(names: Iterable[str]) -> list[Finding]:
    """A plan's warnings of what was switched off."""
    return [
        Finding(
            id=f"insecure-{name.replace('_', '-')}",
            level=Level.WARNING,
            side=Side.REQUEST,
            subject=name,
            message=words(name),
            remedy="leave it out unless this network and these hosts are your own",
            evidence="what was asked for",
        )
        for name in sorted(names)
    ]
