"""What a guest waits for in post-copy, where that could be less."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Level
from virtmigrate.uri import parse_uri
from virtmigrate_qemu.send_queue import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.plan import Finding
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

SYSTEM = "/system"
"""The daemon whose guests run as another user than we do."""


def findings(facts: Facts, _: Answers) -> Iterator[Finding]:
    """Why a page that post-copy asks for will wait behind others."""
    if not facts.moves or not facts.effective.postcopy:
        return
    why = _why(facts)
    if why:
        yield facts.finding(
            "postcopy-stalls",
            Level.NOTE,
            "in post-copy each page that the guest asks for waits behind what the "
            f"source's socket holds, up to 4 MiB: {why}",
            "run virtmigrate as root on the source's machine, without --p2p; or make "
            "net.ipv4.tcp_wmem small there",
            side=Side.SOURCE,
            subject="postcopy",
            evidence=facts.source.uri,
        )


def _why(facts: Facts) -> str:
    """Why its send queue stays as it is; "" = it will be made short."""
    if facts.effective.p2p or facts.effective.tunnelled:
        return "the source's daemon moves it by itself"
    uri = parse_uri(facts.source.uri)
    if not out_of_reach(uri) and uri.path == SYSTEM and os.geteuid() != 0:
        return "virtmigrate does not run as root"
    return out_of_reach(uri)
