"""A plan's disks: told by the plugin, proven through both hosts' storage, decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import How
from virtmigrate.disk_plan import decide
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.sharing import Prover, unproven
from virtmigrate.storage import storage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.context import PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.manager import Manager
    from virtmigrate.plan import Finding
    from virtmigrate.sharing import Known, Proof


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
    return decide(
        found,
        _proofs(request, found, known),
        request.options,
        moves=request.sighting.state.active or capable.offline_by_plain_move,
        vouch=capable.switch("unsafe").on is not How.REFUSED,
        tops=capable.switch("copy_storage_inc").on is not How.REFUSED,
        document=capable.value("dest_xml").how is not How.REFUSED,
    )


def _proofs(
    request: PlanContext, found: Sequence[Disk], known: Known
) -> dict[str, Proof]:
    here, there = storage_of(request.source), storage_of(request.destination)
    files = [disk for disk in found if disk.kind == "file" and disk.path]
    if here is None or there is None or not files:
        return {}
    pair = request.source.uuid, request.destination.uuid
    prover = Prover(here, there, pair, known)
    proofs = {}
    for disk in files:
        try:
            proofs[disk.target] = prover.prove(
                disk.path, disk.wanted_there, disk.format
            )
        except (AnswerLost, HostUnreachable):
            raise
        except HostError as error:
            proofs[disk.target] = unproven(disk.path, disk.wanted_there, error)
    return proofs
