"""The style of Virtuozzo under libvirt: always live, compressed, persistent, moved.

Its driver accepts LIVE, PERSIST_DEST, UNDEFINE_SOURCE and NON_SHARED_INC and ignores
them (libvirt, src/vz/vz_driver.c: VZ_MIGRATION_FLAGS).
"""

from __future__ import annotations

from virtmigrate.capabilities import How, Support, ValueSupport
from virtmigrate.option_rows import SWITCHES as ROWS

TELLABLE = Support(on=How.NATIVE, off=How.NATIVE)


def _always(note: str) -> Support:
    return Support(on=How.INHERENT, off=How.REFUSED, default=True, note=note)


def _never(note: str) -> Support:
    return Support(on=How.REFUSED, off=How.INHERENT, default=False, note=note)


KNOWN: dict[str, Support] = {
    "live": Support(
        on=How.INHERENT,
        off=How.EMULATED,
        default=True,
        note="it always moves live: no is met by suspending it meanwhile",
    ),
    "compressed": _always("memory is always compressed"),
    "persist_dest": Support(
        on=How.INHERENT,
        off=How.DEFERRED,
        default=True,
        note="undefining a running guest would delete it: its "
        "definition goes when it stops",
    ),
    "undefine_source": Support(
        on=How.INHERENT,
        off=How.EMULATED,
        default=True,
        note="the source's definition always goes: it is made again from its XML",
    ),
    "paused": TELLABLE,
    "p2p": TELLABLE,
    "copy_storage": _always("disks that are not shared always move"),
    "remove_source_disks": _always("the source's images of copied disks always go"),
    "copy_storage_inc": _never("disks that are not shared move in full"),
    "tls": _always("the stream is always encrypted"),
    "auto_converge": _always("it throttles by itself"),
    "offline": Support(
        on=How.EMULATED,
        off=How.INHERENT,
        note="a stopped guest moves cold, its disks too",
    ),
    "tunnelled": _never("there is no tunnel"),
    "unsafe": _never("there is no safety verdict to be skipped"),
    "change_protection": _never("the configuration can't be locked"),
    "direct": _never("both hosts' daemons always take part"),
}
SWITCHES: dict[str, Support] = {
    row.name: KNOWN.get(row.name) or _never("this hypervisor does not have it")
    for row in ROWS
    if row.knob is None and row.name != "one_step"
}
VALUES: dict[str, ValueSupport] = {
    "migrate_uri": ValueSupport(how=How.NATIVE),
    "dest_name": ValueSupport(how=How.NATIVE),
    "bandwidth_mib_s": ValueSupport(how=How.REFUSED, note="its rate can't be limited"),
    "dest_xml": ValueSupport(how=How.REFUSED, note="its definition can't be changed"),
    "persist_xml": ValueSupport(
        how=How.REFUSED, note="its definition can't be changed"
    ),
}
