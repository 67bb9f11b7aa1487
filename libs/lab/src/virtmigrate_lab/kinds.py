"""The kinds of hosts that a lab has, and what ``--hosts`` may say. Pure."""

from __future__ import annotations

import string

from virtmigrate_lab.errors import LabRefused

KINDS = {"qemu": "", "vz": "vz-"}
"""Kind of host, and what its hosts' names begin with; letters follow."""

MOST_HOSTS = 8
"""Of each kind."""

DEFAULT_KIND = "qemu"
REMEDY = "write a number (2), a kind and a number (vz:2), or a list (qemu:2,vz:2)"


def parse_hosts(text: str) -> dict[str, list[str]]:
    """Names of the hosts asked for, by kind: ``2``, ``vz:2`` or ``qemu:2,vz:2``.

    Raises:
        LabRefused: not understood, a kind twice, or too many.
    """
    named: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for part in text.split(","):
        kind, colon, count = part.strip().rpartition(":")
        kind = kind if colon else DEFAULT_KIND
        if kind not in KINDS:
            known = ", ".join(KINDS)
            raise LabRefused(
                f"hosts {text!r}: no kind {kind!r} ({known})", remedy=REMEDY
            )
        if not count.isdecimal() or not 1 <= int(count) <= MOST_HOSTS:
            why = f"of a kind there may be 1 to {MOST_HOSTS}"
            raise LabRefused(f"hosts {text!r}: {why}, not {count!r}", remedy=REMEDY)
        if named[kind]:
            raise LabRefused(f"hosts {text!r}: {kind} is named twice", remedy=REMEDY)
        letters = string.ascii_lowercase[: int(count)]
        named[kind] = [f"{KINDS[kind]}{letter}" for letter in letters]
    return named
