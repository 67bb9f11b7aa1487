"""libvirt's migration flags and feature numbers, from our own table of options.

Nothing is read from the binding, whose constants are those of the libvirt that it was
built against. Source: `virDomainMigrateFlags`, `src/libvirt_internal.h`.
"""

from __future__ import annotations

from enum import IntEnum

from virtmigrate.option_rows import SWITCHES

FLAGS: dict[str, int] = {
    row.name: 1 << row.bit for row in SWITCHES if row.bit is not None
}
"""Option name to flag."""

LIVE = FLAGS["live"]
PEER2PEER = FLAGS["p2p"]
TUNNELLED = FLAGS["tunnelled"]
PAUSED = FLAGS["paused"]
CHANGE_PROTECTION = FLAGS["change_protection"]
OFFLINE = FLAGS["offline"]
ABORT_ON_ERROR = FLAGS["abort_on_error"]
AUTO_CONVERGE = FLAGS["auto_converge"]
POSTCOPY = FLAGS["postcopy"]
POSTCOPY_RESUME = FLAGS["postcopy_resume"]


class Feature(IntEnum):
    """Driver features that a client may ask a daemon for (RPC 60)."""

    V1 = 1
    V2 = 3
    P2P = 4
    DIRECT = 5
    V3 = 6
    CHANGE_PROTECTION = 7
    XML_MIGRATABLE = 11
    OFFLINE = 12
    PARAMS = 13


def spelled(flags: int) -> str:
    """A flag word for people: the options' names, unknown bits in hexadecimal."""
    names = [name for name, bit in FLAGS.items() if flags & bit]
    rest = flags & ~sum(FLAGS.values())
    return ", ".join([*names, *([f"{rest:#x}"] if rest else [])]) or "none"
