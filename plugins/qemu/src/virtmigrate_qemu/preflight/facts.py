"""What a pre-flight reads: two hosts and a guest, taken out of the request once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput, Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.xml import parse
from virtmigrate_qemu.since import version

if TYPE_CHECKING:
    from virtmigrate.context import PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.options import Options
    from virtmigrate_libvirt.facts import HostFacts
    from virtmigrate_libvirt.xml import Document


@dataclass(frozen=True, slots=True)
class End:
    """One host.

    Attributes:
        name: Its hostname.
        uri: How it was reached, without secrets.
        facts: What it says of itself.
        libvirt: Version number of its daemon.
        qemu: Version number of its QEMU.
    """

    name: str
    uri: str
    facts: HostFacts
    libvirt: int
    qemu: int

    def version(self, program: str) -> int:
        """Of `libvirt` or `qemu`."""
        return self.libvirt if program == "libvirt" else self.qemu


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pre-flight reads.

    Attributes:
        guest: The guest's name at the source.
        uuid: Its identity.
        arrives_as: Its name at the destination.
        options: What was asked for.
        effective: What will be in effect, as far as that is known: what the policy
            wishes is among it.
        moves: Whether its memory moves; else only its definition does.
        busy: Whether a job is active on it.
        persistent: Whether it has a definition at the source.
        known_there: Whether the destination knows a guest of this UUID.
        here: What it is at the source.
        there: What it would be at the destination.
        disks: What becomes of its disks.
        definitions: Its live and its persistent definition at the source.
        source: Host at the source.
        destination: Host at the destination.
        way_is_open: Whether a stand-in got there.
    """

    guest: str
    uuid: str
    arrives_as: str
    options: Options
    effective: Options
    moves: bool
    busy: bool
    persistent: bool
    known_there: bool
    here: Document
    there: Document
    disks: tuple[Disk, ...]
    definitions: tuple[str | None, str | None]
    source: End
    destination: End
    way_is_open: bool = False

    @property
    def copies(self) -> bool:
        """Whether disks are copied."""
        asked = self.options.copy_storage or self.options.copy_storage_inc
        return bool(asked) or any(disk.copied for disk in self.disks)

    @property
    def needed(self) -> Level:
        """How much it weighs that a guest could not run at the destination.

        A guest that moves as a definition does not run there at once.
        """
        return Level.BLOCKER if self.moves else Level.WARNING

    def finding(
        self,
        name: str,
        level: Level,
        message: str,
        remedy: str,
        *,
        side: Side = Side.DESTINATION,
        subject: str = "",
        evidence: str = "",
    ) -> Finding:
        """A finding, of the guest where no other subject is named."""
        return Finding(
            id=name,
            level=level,
            side=side,
            subject=subject or self.guest,
            message=message,
            remedy=remedy,
            evidence=evidence,
        )


def facts_of(request: PlanContext) -> Facts | None:
    """The facts; None for a guest of which no definition can be read."""
    live, kept = request.definitions.live, request.definitions.persistent
    here = _readable(live or kept)
    if here is None:
        return None
    options, guest = request.options, request.guest
    return Facts(
        guest=guest.name,
        uuid=guest.uuid,
        arrives_as=options.dest_name or guest.name,
        options=options,
        effective=request.effective or options,
        moves=request.sighting.state.active and not options.offline,
        busy=request.sighting.job,
        persistent=request.sighting.persistent,
        known_there=request.there.persistent or request.there.state.active,
        here=here,
        there=_readable(options.dest_xml) or here,
        disks=request.disks,
        definitions=(live, kept),
        source=_end(request, Side.SOURCE),
        destination=_end(request, Side.DESTINATION),
        way_is_open=request.way_is_open,
    )


def _readable(text: str | None) -> Document | None:
    """The document; one of the caller's that can't be read is told of elsewhere."""
    try:
        return parse(text) if text else None
    except BadInput:
        return None


def _end(request: PlanContext, side: Side) -> End:
    here = side is Side.SOURCE
    host = ours(request.source if here else request.destination)
    declared = request.source_capabilities if here else request.destination_capabilities
    libvirt, qemu = (version(declared.versions[p]) for p in ("libvirt", "qemu"))
    return End(host.name, host.uri, host.facts, libvirt, qemu)
