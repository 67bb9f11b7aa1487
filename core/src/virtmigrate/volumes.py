"""Disks that a definition names by pool and volume: which files they are.

In a pool of files a volume is a file of its directory, so that the disk is as good as
one that is named by its path. In a pool of another kind it is none, and that is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.disks import Disk
    from virtmigrate.storage import Pool, Storage


REMEDIES = {
    (Side.SOURCE, True): "have its image in a pool of files (dir, fs, netfs)",
    (Side.SOURCE, False): "start it there (virsh pool-start {})",
    (Side.DESTINATION, True): "have another pool there, of files (dir, fs, netfs), "
    "with the directory or the name that the source's has",
    (Side.DESTINATION, False): "define it there, and start it (virsh pool-define, "
    "pool-build {0}, pool-start {0})",
}
"""What helps, by side and whether there is a pool of that name."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A pool that a definition names, and that is of no use for its disk.

    Attributes:
        side: Whose pool it is.
        pool: Its name.
        kind: Of the pool (`logical`, `rbd` …); "" = none of this name is active there.
    """

    side: Side
    pool: str
    kind: str = ""

    @property
    def why(self) -> str:
        """What is wrong, one clause."""
        if self.kind:
            return f"the {self.side}'s pool {self.pool} is {self.kind}, none of files"
        return f"the {self.side} has no active storage pool {self.pool}"

    @property
    def remedy(self) -> str:
        """What helps."""
        return REMEDIES[self.side, bool(self.kind)].format(self.pool)


def located(
    disk: Disk,
    storages: tuple[Storage, Storage],
    pools: tuple[Sequence[Pool], Sequence[Pool]],
) -> tuple[Disk, tuple[Lack, ...]]:
    """A disk with the paths of its files in place of its volumes' names.

    Args:
        disk: As the plugin tells it.
        storages: The source's and the destination's.
        pools: Their pools of files.

    Returns:
        The disk, and what is in the way of finding its files; then it is as it was.

    Raises:
        HostError: A host could not be asked.
    """
    here, there = storages
    path, wanted = disk.path, disk.wanted_there
    lacks = []
    if disk.pool:
        path = _file(pools[0], disk.pool, path)
        lacks += [] if path else [lack(Side.SOURCE, here, disk.pool)]
    if disk.wanted_pool:
        wanted = _file(pools[1], disk.wanted_pool, wanted)
        lacks += [] if wanted else [lack(Side.DESTINATION, there, disk.wanted_pool)]
    elif lacks:
        same = lack(Side.DESTINATION, there, disk.pool)
        lacks += [] if same.kind else [same]
    if lacks:
        return disk, tuple(lacks)
    kind = "file" if disk.pool else disk.kind
    found = {"path": path, "kind": kind, "wanted_there": wanted}
    return disk.model_copy(update=found), ()


def lack(side: Side, storage: Storage, pool: str) -> Lack:
    """Why a pool is none of files.

    Raises:
        HostError: The host could not be asked.
    """
    return Lack(side, pool, storage.kinds().get(pool, ""))


def _file(pools: Sequence[Pool], pool: str, volume: str) -> str:
    """Path of a volume, "" where no pool of files has that name."""
    found = next((each for each in pools if each.name == pool), None)
    return f"{found.path.rstrip('/')}/{volume}" if found else ""
