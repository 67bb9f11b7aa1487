"""What a Virtuozzo host declares: how libvirt's vz driver answers each option.

Its driver takes LIVE, PERSIST_DEST, UNDEFINE_SOURCE and NON_SHARED_INC and ignores them
(libvirt, src/vz/vz_driver.c: VZ_MIGRATION_FLAGS, 9.0 to 11.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import (
    Capabilities,
    Form,
    How,
    Progress,
    SourceAfterPerform,
    Support,
    ValueSupport,
)
from virtmigrate.option_rows import SWITCHES as ROWS
from virtmigrate.option_rows import VALUES as VALUE_ROWS
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.flags import Feature
from virtmigrate_vz.hypervisor import NAME

if TYPE_CHECKING:
    from virtmigrate_libvirt.host import LibvirtHost

NATIVE = Support(on=How.NATIVE, off=How.NATIVE, default=False)
MISSING = (
    "libvirt's vz driver does not have it; it has live, p2p, persistent, "
    "undefinesource, suspend, migrateuri, dname"
)
"""Said of every other option: its mask (0xBB) and parameters, as virsh spells them."""


def _always(note: str) -> Support:
    return Support(on=How.INHERENT, off=How.REFUSED, default=True, note=note)


def _never(note: str) -> Support:
    return Support(on=How.REFUSED, off=How.INHERENT, default=False, note=note)


KNOWN: dict[str, Support] = {
    "live": Support(
        on=How.INHERENT,
        off=How.EMULATED,
        default=True,
        note="Virtuozzo always moves VMs and containers live; no is met by suspending "
        "the guest meanwhile",
    ),
    "compressed": _always("Virtuozzo always compresses the memory that it sends"),
    "auto_converge": _always("Virtuozzo throttles by itself where it has to"),
    "tls": _always("Virtuozzo always encrypts its stream"),
    "copy_storage": _always(
        "Virtuozzo finds out itself which disks are shared, and copies the others"
    ),
    "remove_source_disks": _always(
        "Virtuozzo removes the source's images of the disks that it has copied"
    ),
    "persist_dest": Support(
        on=How.INHERENT,
        off=How.DEFERRED,
        default=True,
        note="undefining a running guest would delete it: its definition goes when it "
        "stops",
    ),
    "undefine_source": Support(
        on=How.INHERENT,
        off=How.EMULATED,
        default=True,
        note="Virtuozzo always removes the source's definition: it is made again from "
        "its XML, but disks that are not shared are gone there",
    ),
    "paused": NATIVE,
    "p2p": NATIVE,
    "offline": Support(
        on=How.EMULATED,
        off=How.INHERENT,
        default=False,
        note="a stopped guest moves cold, and its disks that are not shared move too",
    ),
    "tunnelled": _never("there is no tunnel: Virtuozzo encrypts its stream itself"),
    "unsafe": _never(
        "there is no safety verdict to be skipped: its disks never use the host's cache"
    ),
    "change_protection": _never(
        "a configuration can't be locked: Virtuozzo's locks are advisory"
    ),
    "direct": _never("both hosts' daemons always take part"),
    "copy_storage_inc": _never("Virtuozzo copies a disk in full"),
}
SWITCHES: dict[str, Support] = {
    row.name: KNOWN.get(row.name) or _never(MISSING)
    for row in ROWS
    if row.knob is None and row.name != "one_step"
}
UNCHANGED = "libvirt's vz driver takes no other definition"
KNOWN_VALUES: dict[str, ValueSupport] = {
    "migrate_uri": ValueSupport(how=How.NATIVE),
    "dest_name": ValueSupport(how=How.NATIVE),
    "bandwidth_mib_s": ValueSupport(
        how=How.REFUSED,
        note="its rate can't be limited (peer-to-peer it would be ignored silently)",
    ),
    "dest_xml": ValueSupport(how=How.REFUSED, note=UNCHANGED),
    "persist_xml": ValueSupport(how=How.REFUSED, note=UNCHANGED),
}
VALUES: dict[str, ValueSupport] = {
    row.name: KNOWN_VALUES.get(row.name) or ValueSupport(how=How.REFUSED, note=MISSING)
    for row in VALUE_ROWS
    if row.param is not None
}


def declare(host: LibvirtHost) -> Capabilities:
    """Ask the host, and declare.

    Raises:
        HostError: It can't be asked.
    """
    version = host.ask("asking for versions", lambda c: c.getLibVersion())
    params = host.features([Feature.PARAMS]).get(Feature.PARAMS, True)
    return from_facts(
        libvirt=version,
        driven=params and phases.available(),
        host=host.name,
        host_uuid=host.uuid,
    )


def from_facts(
    *, libvirt: int, driven: bool, host: str, host_uuid: str
) -> Capabilities:
    """The declaration. Pure.

    Args:
        libvirt: Version of its daemon, major * 1,000,000 + minor * 1,000 + micro.
        driven: Whether we can call the phases.
        host: Its name.
        host_uuid: Its identity.
    """
    major, rest = divmod(libvirt, 1_000_000)
    first = Form.DRIVEN if driven else Form.CALL
    return Capabilities(
        hypervisor=NAME,
        host=host,
        host_uuid=host_uuid,
        versions={"libvirt": f"{major}.{rest // 1000}.{rest % 1000}"},
        switches=SWITCHES,
        values=VALUES,
        progress=Progress.PERCENT,
        forms=(first, Form.PEER_TO_PEER),
        source_after_perform=SourceAfterPerform.GONE,
        offline_by_plain_move=True,
    )
