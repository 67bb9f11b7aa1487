"""What Virtuozzo's dispatcher refuses once it has begun, found out before.

Its preconditions are those of the published dispatcher (`Task_MigrateVmSource`): the
error of the SDK would come as a failure of perform. libvirt's driver can't be asked for
a comparison of CPUs, so that only what is certain is a blocker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Finding, Level
from virtmigrate.storage import pool_at, storage_of
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.context import PlanContext
    from virtmigrate_libvirt.facts import HostFacts
    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.xml import Document

HOMES = "/vz/vmprivate"
"""Where Virtuozzo keeps the homes of virtual machines, by UUID."""
MIB = 1 << 20
KINDS = {"hvm": "virtual machines", "exe": "containers"}
Row = tuple[object, str, Level, Side, str, str, str]
"""Does it hold, id, level, side, subject, message, remedy."""


class Room(NamedTuple):
    """What a host has in all."""

    cpus: int
    memory_bytes: int


def findings(request: PlanContext) -> list[Finding]:
    """Everything that was seen.

    Raises:
        HostError: A host could not be asked.
    """
    text = request.definitions.live or request.definitions.persistent
    if not text:
        return []
    guest = parse(text)
    there = ours(request.destination)
    room = there.ask("asking what it has", _room)
    here = ours(request.source)
    looked = (
        (
            "its definition, and what the host has in all",
            _rooms(guest, room, there.name),
        ),
        ("the host's capabilities", _kinds(guest, there.facts, there.name)),
        ("both hosts' capabilities", _cpus(request, here.facts, there.facts)),
        ("its definition", _devices(guest)),
        (f"the names in the host's pool of {HOMES}", _home(request)),
    )
    return [
        Finding(
            id=found,
            level=level,
            side=side,
            subject=subject,
            message=message,
            remedy=remedy,
            evidence=evidence,
        )
        for evidence, rows in looked
        for holds, found, level, side, subject, message, remedy in rows
        if holds
    ]


def _room(connection: Connection) -> Room:
    _, memory_mib, cpus, *_ = connection.getInfo()
    return Room(int(cpus), int(memory_mib) * MIB)


def _rooms(guest: Document, room: Room, host: str) -> tuple[Row, ...]:
    needs = guest.memory_bytes
    # fmt: off
    return (
        (guest.vcpus > room.cpus, "too-few-cpus", Level.BLOCKER, Side.DESTINATION, host,
         f"the guest has {guest.vcpus} CPUs, and {host} has {room.cpus}",
         "give the guest fewer, or name a larger host"),
        (needs > room.memory_bytes, "too-little-memory", Level.BLOCKER,
         Side.DESTINATION, host,
         (f"the guest has {needs // MIB:,} MiB of memory, and {host} has "
         f"{room.memory_bytes // MIB:,} in all"),
         "give the guest less, or name a larger host"),
    )
    # fmt: on


def _kinds(guest: Document, there: HostFacts, host: str) -> Iterator[Row]:
    for kind in guest.values("os/type/text()"):
        what = KINDS.get(kind, kind)
        yield (
            there.os_types and kind not in there.os_types,
            "kind-not-run-there", Level.BLOCKER, Side.DESTINATION, host,
            f"{host} runs no {what}", f"name a host that runs {what}",
        )  # fmt: skip


def _cpus(request: PlanContext, here: HostFacts, there: HostFacts) -> tuple[Row, ...]:
    """Virtuozzo compares them only where CPUs are to go on at once."""
    options, host = request.options, request.destination.name
    runs = request.sighting.state is RunState.RUNNING
    goes_on = runs and options.live is not False and not options.paused
    (arch, model, vendor, features), theirs = here.cpu, there.cpu
    known = bool(vendor and theirs[2])
    other = known and (arch, vendor) != (theirs[0], theirs[2])
    lacks = ", ".join(sorted(features - theirs[3])) if model == theirs[1] else ""
    differs = f" ({model} here, {theirs[1]} there)" if model != theirs[1] else ""
    what = f", which lack {lacks}" if lacks else differs
    # fmt: off
    return (
        (goes_on and other, "cpu-of-other-vendor", Level.BLOCKER, Side.DESTINATION,
         host,
         (f"CPUs of {vendor} ({arch}) here, and of {theirs[2]} ({theirs[0]}) there: a "
         "guest that runs can't go on there"),
         "move it stopped, or with --no-live, or name a host of the same kind"),
        (goes_on and not other and what, "cpu-may-not-fit", Level.WARNING,
         Side.DESTINATION, host,
         f"Virtuozzo may refuse the destination's CPUs{what}",
         "--no-live and a stopped guest are not compared"),
    )
    # fmt: on


def _devices(guest: Document) -> Iterator[Row]:
    """What is the host's own."""
    for kind in guest.values("devices/hostdev/@type"):
        yield (
            True, "host-device", Level.BLOCKER, Side.SOURCE, kind,
            f"a {kind.upper()} device of the host is passed through to the guest",
            "detach it before the move",
        )  # fmt: skip
    for disk in guest.disks():
        yield (
            disk.device in ("cdrom", "floppy") and disk.kind == "block" and disk.source,
            "remote-device", Level.BLOCKER, Side.SOURCE, disk.target,
            f"drive {disk.target} is connected to {disk.source}, which is no image",
            f"disconnect it: virsh change-media {guest.name} {disk.target} --eject",
        )  # fmt: skip


def _home(request: PlanContext) -> Iterator[Row]:
    """A home that was left there; it shows only if a storage pool has the homes."""
    storage = storage_of(request.destination)
    pool = pool_at(storage.pools(), HOMES) if storage else None
    uuid, home = request.guest.uuid, f"{HOMES}/{request.guest.uuid}"
    within = any(disk.path.startswith(f"{home}/") for disk in request.disks)
    if storage is None or pool is None or within or request.there.persistent:
        return
    yield (
        uuid in storage.names(pool),
        "home-exists", Level.BLOCKER, Side.DESTINATION, home,
        f"the home {home} exists there already, and no guest of it is registered",
        "register what is in it (prlctl register), or move it away there",
    )  # fmt: skip
