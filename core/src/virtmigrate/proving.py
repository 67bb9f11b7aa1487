"""A plan's disks: told by the plugin, proven through both hosts' storage, decided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate import devices
from virtmigrate.capabilities import How
from virtmigrate.disk_plan import decide
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable, Side
from virtmigrate.sharing import Prover, unproven
from virtmigrate.storage import storage_of
from virtmigrate.volumes import lack, located

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.context import PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.manager import Manager
    from virtmigrate.plan import Finding
    from virtmigrate.sharing import Known, Proof

IMAGES = ("file", "volume")
"""Kinds of disk that are an image, or perhaps one."""
DEVICE = "block"
"""The kind of a disk that is a device of its host."""


def disks_of(
    manager: Manager, request: PlanContext, known: Known
) -> tuple[tuple[Disk, ...], list[Finding]]:
    """The guest's disks, what becomes of each, and what stands in their way.

    Nothing stays changed: an empty file is made in a pool of the source, and deleted.

    Args:
        manager: The plugins.
        request: The hosts, the guest, the request.
        known: What was proven a moment ago.

    Raises:
        HostUnreachable: A host does not answer.
    """
    source, destination = request.source, request.destination
    if source.hypervisor != destination.hypervisor or source.uuid == destination.uuid:
        return (), []
    found = manager.relay(source.hypervisor).disks(request)
    if not found:
        return (), []
    capable = request.source_capabilities
    found, proofs = _proofs(request, found, known)
    return decide(
        found,
        proofs,
        request.options,
        moves=request.sighting.state.active or capable.offline_by_plain_move,
        vouch=capable.switch("unsafe").on is not How.REFUSED,
        tops=capable.switch("copy_storage_inc").on is not How.REFUSED,
        document=capable.value("dest_xml").how is not How.REFUSED,
    )


def _proofs(
    request: PlanContext, found: Sequence[Disk], known: Known
) -> tuple[list[Disk], dict[str, Proof]]:
    """The disks, by their files where these were found, and what is known of each."""
    here, there = storage_of(request.source), storage_of(request.destination)
    if here is None or there is None:
        return list(found), {}
    pair = request.source.uuid, request.destination.uuid
    prover = Prover(here, there, pair, known)
    ways = {**dict.fromkeys(IMAGES, _proof), DEVICE: _device}
    pairs = [
        ways[disk.kind](prover, disk)
        if disk.kind in ways and disk.path
        else (disk, None)
        for disk in found
    ]
    return [disk for disk, _ in pairs], {d.target: p for d, p in pairs if p is not None}


def _device(prover: Prover, disk: Disk) -> tuple[Disk, Proof]:
    """The disk, and what is known of the device that it is."""
    try:
        here, there = prover.devices()
        return disk, devices.prove(disk.path, disk.wanted_there, here, there)
    except (AnswerLost, HostUnreachable):
        raise
    except HostError as error:
        return disk, unproven(disk, f"it could not be proven: {error.message}")


def _proof(prover: Prover, disk: Disk) -> tuple[Disk, Proof]:
    """The disk by its file, and what is known of that."""
    ends = prover.source, prover.destination
    try:
        disk, lacks = located(disk, ends, prover.pools())
        if lacks:
            return disk, unproven(disk, lacks[0].why, lacks)
        proof = prover.prove(disk.path, disk.wanted_there, disk.format)
        if proof.pool is None and disk.pool and not disk.wanted_there:
            lacks = (lack(Side.DESTINATION, prover.destination, disk.pool),)
    except (AnswerLost, HostUnreachable):
        raise
    except HostError as error:
        return disk, unproven(disk, f"it could not be proven: {error.message}")
    return disk, replace(proof, lacks=lacks)
