"""What stands in the way of a plan's disks taken together: room, paths, names. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from virtmigrate.disks import Disk
    from virtmigrate.options import Options
    from virtmigrate.storage import Pool


def room(
    pools: Sequence[Pool | None], settled: Sequence[Disk], elsewhere: str
) -> Iterator[Finding]:
    """Whether the copies fit into their pools, all together.

    Args:
        pools: The destination's pool of each disk, None where it has none.
        settled: The disks.
        elsewhere: What helps besides making room.
    """
    wants: dict[str, list[int]] = {}
    rooms: dict[str, int] = {}
    for pool, disk in zip(pools, settled, strict=True):
        if not disk.copied or pool is None or pool.available_bytes is None:
            continue
        most = disk.capacity_bytes or 0
        least = disk.allocated_bytes if disk.allocated_bytes is not None else most
        so_far = wants.setdefault(pool.path, [0, 0])
        so_far[:] = so_far[0] + least, so_far[1] + most
        rooms[pool.path] = pool.available_bytes
    for path, (least, most) in wants.items():
        room = rooms[path]
        if most <= room:
            continue
        short = least > room
        need = f"{least if short else most:,} bytes"
        yield Finding(
            id="no-room" if short else "no-room-to-grow",
            level=Level.BLOCKER if short else Level.WARNING,
            side=Side.DESTINATION,
            subject=path,
            message=f"the copies need {need} in {path}, and it has {room:,}"
            + ("" if short else " once they are full"),
            remedy=f"make room there{elsewhere}",
            evidence="what the pool says is available",
        )


def collisions(settled: Sequence[Disk]) -> Iterator[Finding]:
    """Two copies that would be made under one path."""
    first: dict[str, str] = {}
    for disk in settled:
        if not disk.copied:
            continue
        other = first.setdefault(disk.there, disk.target)
        if other != disk.target:
            yield Finding(
                id="copies-collide",
                level=Level.BLOCKER,
                side=Side.DESTINATION,
                subject=disk.target,
                message=f"disks {other} and {disk.target} would both be {disk.there}",
                remedy="name another path for one of them with --xml",
                evidence=disk.evidence,
            )


def unknown_names(found: Sequence[Disk], options: Options) -> Iterator[Finding]:
    """What was named to be copied and is no disk of the guest."""
    have = {disk.target for disk in found}
    for name in options.migrate_disks or ():
        if name not in have:
            yield Finding(
                id="no-such-disk",
                level=Level.BLOCKER,
                side=Side.REQUEST,
                subject=name,
                message=f"the guest has no disk {name}",
                remedy="name its disks by their targets",
                evidence=f"it has {', '.join(sorted(have)) or 'none'}",
            )
