"""The ways to a host beside its socket: what is asked for, and what each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab import needs, pki, ssh
from virtmigrate_lab.errors import LabRefused, LabUnavailable
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.namespaces import can_change_groups

Furnish = Callable[[Layout, dict[str, str], dict[str, Path]], None]


@dataclass(frozen=True)
class Way:
    """A way to a host.

    Args:
        needs: What the machine must have for it.
        uri: The URI of a host with this name, good on every host of the lab.
        furnish: Gives hosts their keys: the lab, each one's address, its ``/etc``.
        changes_user: Whether it takes a daemon that may change its groups.
    """

    needs: tuple[needs.Need, ...]
    uri: Callable[[str], str]
    furnish: Furnish
    changes_user: bool = False


WAYS = {
    "tls": Way(
        needs.TLS,
        pki.uri,
        lambda layout, peers, etc: pki.furnish(layout.pki, peers, etc),
    ),
    "ssh": Way(
        needs.SSH,
        ssh.uri,
        lambda _, peers, etc: ssh.furnish(peers, etc),
        changes_user=True,
    ),
}


def check(asked: Sequence[str]) -> tuple[str, ...]:
    """What was asked for, each once, in order.

    Raises:
        LabRefused: There is no such way.
        LabUnavailable: This machine can't have it.
    """
    for name in asked:
        if name not in WAYS:
            raise LabRefused(f"no way {name!r} to a host ({', '.join(WAYS)})")
    chosen = tuple(name for name in WAYS if name in asked)
    missing = needs.missing(need for name in chosen for need in WAYS[name].needs)
    missing += [
        f"{name} changes its user, which this user, without root, may not"
        for name in chosen
        if WAYS[name].changes_user and not can_change_groups()
    ]
    if missing:
        raise LabUnavailable(missing)
    return chosen
