"""What becomes of each disk, and what stands in its way. Pure: proofs in, disks out.

Shared disks stay, others are copied, and nothing that exists at the destination is
ever written to unless it is proven to be the very image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.disk_totals import collisions, room, unknown_names
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from virtmigrate.options import Options
    from virtmigrate.sharing import Proof

DEFINE = (
    "virsh pool-define-as NAME dir --target DIRECTORY, then pool-build NAME and "
    "pool-start NAME"
)
POOLS = f"define a storage pool of its directory on both hosts ({DEFINE})"
TELLS = {
    "block": "see that both hosts tell its name (virsh nodedev-list --cap storage, "
    "nodedev-dumpxml: a link wwn-… or nvme-…)",
    "network": "name its server as both hosts see it",
    **dict.fromkeys(
        ("nvme", "vhostuser", "vhostvdpa", "dir"),
        "detach it for the move, or have its data on storage that both hosts tell of",
    ),
}
"""What helps to find out whether a disk is shared, by its kind."""
REFUSED = ("only image files can be copied", "copying was refused")
HELPS = (
    "have its image in a pool of files (dir, fs, netfs)",
    "leave --no-copy-storage-all out: what is not shared is copied",
)
"""Of a disk that is not shared and not copied, by whether the caller refused that."""
OWN = "who serves it, each host finds out by itself (a loopback, its configuration)"


@dataclass(frozen=True, slots=True)
class Case:
    """One disk to be judged.

    Attributes:
        disk: It, with what was concluded so far.
        proof: What is known of its image; None = it is no file of a pool.
        options: What was asked for.
        moves: Whether data moves with the guest (an offline move takes none).
        vouch: Whether --unsafe is to be had.
        document: Whether --xml is.
    """

    disk: Disk
    proof: Proof | None
    options: Options
    moves: bool
    vouch: bool
    document: bool

    @property
    def named(self) -> bool:
        """Whether the caller named it as one to copy."""
        return self.disk.target in (self.options.migrate_disks or ())

    @property
    def refused(self) -> bool:
        """Whether the caller wants nothing copied."""
        options = self.options
        return options.copy_storage is False and options.copy_storage_inc is not True

    @property
    def elsewhere(self) -> str:
        """What helps where a path is not to be had, besides making it so."""
        return ", or name another path with --xml" if self.document else ""

    @property
    def wanted(self) -> bool:
        """Whether it is to be copied."""
        chosen = self.options.migrate_disks
        mine = chosen is None or self.named
        unsure = self.disk.sharing is Sharing.UNKNOWN and not self.named
        able = self.moves and not self.refused and not self._stays
        return able and mine and not unsure

    @property
    def hindrance(self) -> str:
        """Why what the caller named can't be copied, "" if it can."""
        table = (
            (self.disk.kind != "file", "only image files can be copied"),
            (not self.moves, "an offline move copies no disks"),
            (self.refused, "copying was refused too"),
        )
        return next((why for holds, why in table if holds), "")

    @property
    def _stays(self) -> bool:
        disk = self.disk
        here = disk.sharing is Sharing.SHARED or not disk.path
        kept = (disk.read_only or disk.shareable) and not self.named
        return here or kept or disk.kind != "file"


def decide(
    found: Sequence[Disk],
    proofs: Mapping[str, Proof],
    options: Options,
    *,
    moves: bool,
    vouch: bool,
    tops: bool = True,
    document: bool = True,
) -> tuple[tuple[Disk, ...], list[Finding]]:
    """Settle every disk.

    Args:
        found: The guest's disks, as the plugin tells them.
        proofs: What is known of their images, by target.
        options: What was asked for.
        moves: Whether data moves with the guest.
        vouch: Whether --unsafe is to be had, by which a caller vouches for an image.
        tops: Whether the hypervisor can copy top layers alone.
        document: Whether it takes another document, and so other paths.

    Returns:
        The disks with what becomes of them, and everything that stands in the way.
    """
    cases = [
        Case(_with(disk, proof), proof, options, moves, vouch, document)
        for disk, proof in ((disk, proofs.get(disk.target)) for disk in found)
    ]
    top = tops and _only_tops(cases, options)
    settled = [_settle(case, top=top) for case in cases]
    findings = [
        finding
        for case, disk in zip(cases, settled, strict=True)
        for finding in _findings(case, disk)
    ]
    elsewhere = cases[0].elsewhere if cases else ""
    pools = [case.proof.pool if case.proof else None for case in cases]
    findings += room(pools, settled, elsewhere)
    findings += collisions(settled)
    findings += unknown_names(found, options)
    return tuple(settled), findings


def _with(disk: Disk, proof: Proof | None) -> Disk:
    """The disk with what was proven of it."""
    there = disk.wanted_there or disk.path
    if not disk.path:
        return disk.model_copy(update={"sharing": Sharing.SHARED, "evidence": "empty"})
    if disk.kind == "network" and not disk.own:
        why = "both hosts are told the same network source"
        return disk.model_copy(
            update={"sharing": Sharing.SHARED, "evidence": why, "there": there}
        )
    if proof is None:
        why = OWN if disk.own else "only image files of storage pools can be compared"
        why = disk.evidence or why
        return disk.model_copy(update={"evidence": why, "there": there})
    image = proof.image
    known: dict[str, object] = {
        "sharing": proof.sharing,
        "evidence": proof.evidence,
        "there": proof.there,
        "pool_there": proof.pool.name if proof.pool else "",
    }
    if image is not None:
        known |= {
            "capacity_bytes": image.capacity_bytes or None,
            "allocated_bytes": image.allocated_bytes,
        }
    return disk.model_copy(update=known)


def _only_tops(cases: Sequence[Case], options: Options) -> bool:
    """Whether top layers alone are copied: the hypervisor has one answer for all.

    A disk without a layer below is copied in full either way.
    """
    if options.copy_storage or options.copy_storage_inc is False:
        return False
    layered = [
        case
        for case in cases
        if case.wanted and case.proof and case.proof.image and case.proof.image.backing
    ]
    return bool(layered) and all(c.proof and c.proof.base[0] for c in layered)


def _settle(case: Case, *, top: bool) -> Disk:
    disk = case.disk
    if not case.wanted:
        return disk
    base = case.proof.base if case.proof and top else ("", "")
    if base[0]:
        more = {"way": Way.TOP_COPIED, "backing": base[0], "backing_format": base[1]}
        return disk.model_copy(update={**more, "made": True})
    return disk.model_copy(update={"way": Way.COPIED, "made": True})


def _findings(case: Case, disk: Disk) -> Iterator[Finding]:
    for holds, found, level, side, message, remedy in (
        *_of_sharing(case, disk),
        *_of_reading(case, disk),
        *_of_copying(case, disk),
        *_of_pools(case, disk),
        *_of_header(case, disk),
    ):
        if holds:
            yield Finding(
                id=found,
                level=level,
                side=side,
                subject=disk.target,
                message=f"disk {disk.target}: {message}",
                remedy=remedy,
                evidence=disk.evidence,
            )


Row = tuple[bool, str, Level, Side, str, str]
"""Does it hold, id, level, side, message, remedy."""


def _of_sharing(case: Case, disk: Disk) -> tuple[Row, ...]:
    """A disk that is written, or named to be copied: whether both hosts share it."""
    options, path, target = case.options, disk.path, disk.target
    kept = not disk.copied and not disk.removable
    writable = kept and case.moves and not disk.read_only
    apart = disk.sharing is Sharing.NOT_SHARED and writable
    image, device = apart and disk.kind != "block", apart and disk.kind == "block"
    unknown = disk.sharing is Sharing.UNKNOWN and writable
    left_out = options.migrate_disks is not None and not case.named
    vouch = ", or vouch for it with --unsafe" if case.vouch else ""
    lacks = case.proof.lacks if case.proof else ()
    left_behind = disk.sharing is not Sharing.SHARED and not case.moves
    perhaps = "" if disk.sharing is Sharing.NOT_SHARED else ", unless it is shared"
    hindered = case.named and disk.sharing is not Sharing.SHARED and case.hindrance
    # fmt: off
    return (
        (disk.sharing is Sharing.SHARED and case.named, "copy-onto-itself",
         Level.BLOCKER, Side.REQUEST,
         "it is shared: a copy would write it onto itself",
         f"take {target} out of --migrate-disks"),
        (bool(hindered), "copy-impossible", Level.BLOCKER, Side.REQUEST,
         f"it is named in --migrate-disks, but {hindered}",
         f"take {target} out of --migrate-disks"),
        (device, "device-not-shared", Level.BLOCKER, Side.DESTINATION,
         f"{path} is another device there: {disk.evidence}",
         f"have the destination see the same device{case.elsewhere}"),
        (image and disk.shareable, "shareable-not-shared", Level.BLOCKER,
         Side.DESTINATION, f"it is marked shareable, but the hosts do not share {path}",
         "put it on storage that both have, or name it in --migrate-disks"),
        (image and not disk.shareable and (case.refused or disk.kind != "file"),
         "disk-not-shared", Level.BLOCKER, Side.DESTINATION,
         f"{path} is not shared, and {REFUSED[case.refused]}", HELPS[case.refused]),
        (image and not disk.shareable and left_out and not case.refused,
         "disk-left-out", Level.BLOCKER, Side.REQUEST,
         f"{path} is not shared, and --migrate-disks leaves it out",
         f"add {target} to --migrate-disks, or leave that out"),
        (unknown and not (options.unsafe or lacks), "sharing-unknown", Level.BLOCKER,
         Side.BOTH,
         f"whether both hosts share {path} can't be told: {disk.evidence}",
         f"{TELLS.get(disk.kind, POOLS)}{vouch}"),
        (unknown and bool(options.unsafe), "sharing-vouched", Level.WARNING, Side.BOTH,
         f"--unsafe vouches that both hosts share {path}",
         "see that it is the same image"),
        (left_behind, "disk-left-behind", Level.WARNING, Side.DESTINATION,
         f"an offline move takes the definition only; {path} stays behind{perhaps}",
         "copy it yourself before the guest is started there"),
    )
    # fmt: on


def _of_reading(case: Case, disk: Disk) -> tuple[Row, ...]:
    """A disk that the guest only reads: it is not copied, and has to be there."""
    read_only = disk.read_only or disk.removable
    if not (read_only and disk.path and case.moves):
        return ()
    proof, apart = case.proof, disk.sharing is Sharing.NOT_SHARED
    looked = proof is not None and proof.pool is not None
    absent = apart and looked and not (proof and proof.taken)
    # fmt: off
    return (
        (absent and disk.optional, "medium-dropped", Level.WARNING,
         Side.DESTINATION, f"{disk.there} is not there: the drive will be empty",
         "put it there, if the guest needs it"),
        (absent and not disk.optional, "image-missing-there",
         Level.BLOCKER, Side.DESTINATION,
         f"{disk.there} is not there, and what a guest only reads is not copied",
         "put it there, or take it out of the guest"),
        (not absent and disk.sharing is not Sharing.SHARED,
         "read-only-not-proven", Level.WARNING, Side.DESTINATION,
         f"{disk.there} is not proven to be the image that the guest reads here",
         "see that it is the same image"),
    )
    # fmt: on


def _of_copying(case: Case, disk: Disk) -> tuple[Row, ...]:
    """A disk that is to be copied, and can't be, or not as somebody might think."""
    if not disk.copied:
        return ()
    proof, top_only = case.proof, case.options.copy_storage_inc is True
    directory = disk.there.rpartition("/")[0]
    flattened = bool(proof and proof.image and proof.image.backing) and not disk.backing
    # fmt: off
    return (
        (proof is not None and proof.taken, "would-be-overwritten", Level.BLOCKER,
         Side.DESTINATION, (f"{disk.there} exists there and is not proven to be the "
         "same image: it would be overwritten"),
         f"move it away there{case.elsewhere}"),
        (disk.sharing is Sharing.UNKNOWN, "copied-on-word", Level.WARNING, Side.BOTH,
         f"that {disk.path} is not shared is your word",
         "see that the destination's is not the same image"),
        (proof is None or not (proof.pool or proof.lacks), "no-pool-for-image",
         Level.BLOCKER, Side.DESTINATION,
         f"no storage pool there has {directory}: its image can't be made",
         f"define one: {DEFINE.replace('DIRECTORY', directory)}"),
        (disk.capacity_bytes is None, "image-size-unknown", Level.BLOCKER, Side.SOURCE,
         f"how big {disk.path} is can't be asked",
         f"define a storage pool of its directory at the source: {DEFINE}"),
        (flattened and top_only, "chain-not-shared", Level.BLOCKER, Side.DESTINATION,
         "the layers under it are not proven to be the same there",
         "leave --copy-storage-inc out: the whole is copied into one image"),
        (flattened and not top_only, "chain-flattened", Level.NOTE, Side.DESTINATION,
         "its layers become one image at the destination", ""),
    )
    # fmt: on


def _of_pools(case: Case, disk: Disk) -> Iterator[Row]:
    """A pool that a definition names, and that is not there, or has no files."""
    unsure = disk.sharing is Sharing.UNKNOWN and not case.options.unsafe
    weighs = disk.copied or (unsure and not disk.read_only and not disk.removable)
    for lack in case.proof.lacks if case.proof and case.moves else ():
        there = lack.side is Side.DESTINATION
        needed = there and not lack.kind and not disk.optional
        vouch = ", or vouch for it with --unsafe" if case.vouch else ""
        yield (
            weighs or needed,
            "pool-not-of-files" if lack.kind else "pool-missing",
            Level.BLOCKER,
            lack.side,
            lack.why,
            lack.remedy + (case.elsewhere if there else vouch),
        )


def _of_header(case: Case, disk: Disk) -> tuple[Row, ...]:
    """An image that begins with what it is not."""
    claim = case.proof.image.claim if case.proof and case.proof.image else ""
    # fmt: off
    return (
        (bool(claim), "image-format-differs", Level.WARNING, Side.SOURCE,
         f"{disk.path} begins like {claim}, and the definition says raw: it is raw",
         "nothing, if the guest has written that; else say the format in its <driver>"),
    )
    # fmt: on


def switches(disks: Sequence[Disk], options: Options) -> dict[str, bool]:
    """What has to be asked of the hypervisors, so that these disks are copied."""
    if options.copy_storage or options.copy_storage_inc:
        return {}
    ways = {disk.way for disk in disks}
    if Way.TOP_COPIED in ways:
        return {"copy_storage_inc": True}
    return {"copy_storage": True} if Way.COPIED in ways else {}
