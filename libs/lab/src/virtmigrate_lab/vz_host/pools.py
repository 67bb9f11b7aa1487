"""Directory pools: a host's own, and those of storage that other hosts see too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from virtmigrate_lab.vz_host import images
from virtmigrate_lab.vz_host.errors import STORAGE, VzError, wrong_pool_state
from virtmigrate_lab.vz_host.store import OWN_POOLS
from virtmigrate_lab.vz_host.wire import Pool

if TYPE_CHECKING:
    from pathlib import Path

    from virtmigrate_lab.vz_host.machine import Machine
    from virtmigrate_lab.vz_host.store import Store

INACTIVE, RUNNING = 0, 2
LIST_INACTIVE, LIST_ACTIVE = 1, 2
"""``virConnectListAllStoragePoolsFlags``."""


class Pools:
    """Pools. Each public method is a procedure, but for the first few."""

    def __init__(self, machine: Machine) -> None:
        """Make the directories of those that are there from the start."""
        self.machine = machine
        for name in OWN_POOLS:
            self.directory(name)

    @property
    def store(self) -> Store:
        """The host's storage."""
        return self.machine.store

    def directory(self, name: str) -> Path:
        """A pool's directory: what is shared may have been cleared away meanwhile."""
        made = self.machine.file_of(self.store.pools[name])
        if name in OWN_POOLS:
            made.mkdir(parents=True, exist_ok=True)
        return made

    def active(self, pool: str) -> str:
        """The name of a pool that is active.

        Raises:
            VzError: There is none, or it is not.
        """
        self._pool(pool)
        if pool in self.store.idle:
            raise wrong_pool_state(pool, "not active")
        return pool

    def room_bytes(self, pool: str) -> tuple[int, int]:
        """How much is taken in a pool, and how much is available."""
        taken = images.taken_bytes(self.directory(pool))
        return taken, max(0, self.store.room_bytes - taken)

    def _uuid(self, pool: str) -> str:
        where = "all" if pool == "shared" else str(self.machine.root)
        return str(uuid5(NAMESPACE_URL, f"{where}/{pool}"))

    def _pool(self, name: str) -> Pool:
        if name not in self.store.pools:
            raise VzError(
                49, f"no storage pool with matching name '{name}'", domain=STORAGE
            )
        return Pool(name, self._uuid(name))

    def _started(self) -> list[str]:
        return [name for name in self.store.pools if name not in self.store.idle]

    # Finding.

    async def num_pools(self) -> tuple[int]:
        return (len(self._started()),)

    async def list_pools(self, most: int) -> tuple[list[str]]:
        return (self._started()[: max(0, most)],)

    async def num_defined_pools(self) -> tuple[int]:
        return (len(self.store.idle),)

    async def list_defined_pools(self, most: int) -> tuple[list[str]]:
        return (self.store.idle[: max(0, most)],)

    async def list_all_pools(self, need: int, flags: int) -> tuple[list[Pool], int]:
        wanted = flags & (LIST_ACTIVE | LIST_INACTIVE) or LIST_ACTIVE | LIST_INACTIVE
        pools = [
            self._pool(name)
            for name in self.store.pools
            if wanted & (LIST_INACTIVE if name in self.store.idle else LIST_ACTIVE)
        ]
        return (pools if need else []), len(pools)

    async def pool_by_name(self, name: str) -> tuple[Pool]:
        return (self._pool(name),)

    async def pool_by_uuid(self, uuid: str) -> tuple[Pool]:
        for name in self.store.pools:
            if self._uuid(name) == uuid:
                return (self._pool(name),)
        raise VzError(
            49, f"no storage pool with matching uuid '{uuid}'", domain=STORAGE
        )

    async def pool_by_target(self, path: str) -> tuple[Pool]:
        for name, target in self.store.pools.items():
            if target == path.rstrip("/"):
                return (self._pool(name),)
        msg = f"no storage pool with matching target path '{path}'"
        raise VzError(49, msg, domain=STORAGE)

    # Asking.

    async def pool_is_active(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (int(pool.name not in self.store.idle),)

    async def pool_is_persistent(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (1,)

    async def pool_autostart(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (1,)

    async def pool_info(self, pool: Pool) -> tuple[int, int, int, int]:
        self._pool(pool.name)
        if pool.name in self.store.idle:
            return INACTIVE, 0, 0, 0
        taken, available = self.room_bytes(pool.name)
        return RUNNING, self.store.room_bytes, taken, available

    async def pool_xml(self, pool: Pool, flags: int) -> tuple[str]:
        found = self._pool(pool.name)
        _, capacity, taken, available = await self.pool_info(found)
        root = etree.Element("pool", type="dir")
        for tag, text in (("name", found.name), ("uuid", found.uuid)):
            etree.SubElement(root, tag).text = text
        sizes = (
            ("capacity", capacity), ("allocation", taken), ("available", available)
        )  # fmt: skip
        for tag, size in sizes:
            etree.SubElement(root, tag, unit="bytes").text = str(size)
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "path").text = self.store.pools[found.name]
        return (etree.tostring(root, encoding="unicode"),)

    # Changing.

    async def pool_refresh(self, pool: Pool, flags: int) -> tuple[()]:
        self.active(pool.name)
        return ()

    async def pool_define(self, text: str, flags: int) -> tuple[Pool]:
        """Define a pool of a directory."""
        name, path = _wanted(text)
        self.machine.file_of(path)  # it must not lead out of the host
        if name in self.store.pools and self.store.pools[name] != path:
            raise VzError(9, f"pool '{name}' already exists", domain=STORAGE)
        if name not in self.store.pools:
            self.store.pools[name] = path
            self.store.idle.append(name)
            self.machine.save()
        return (self._pool(name),)

    async def pool_build(self, pool: Pool, flags: int) -> tuple[()]:
        self._pool(pool.name)
        self.directory(pool.name).mkdir(parents=True, exist_ok=True)
        return ()

    async def pool_create(self, pool: Pool, flags: int) -> tuple[()]:
        """Start it: its directory must be there."""
        self._pool(pool.name)
        if pool.name not in self.store.idle:
            raise wrong_pool_state(pool.name, "already active")
        if not self.directory(pool.name).is_dir():
            path = self.store.pools[pool.name]
            why = f"cannot open directory '{path}': No such file or directory"
            raise VzError(38, why, domain=STORAGE, bare=True)
        self.store.idle.remove(pool.name)
        self.machine.save()
        return ()

    async def pool_destroy(self, pool: Pool) -> tuple[()]:
        """Stop it; its files stay."""
        self.store.idle.append(self.active(pool.name))
        self.machine.save()
        return ()

    async def pool_undefine(self, pool: Pool) -> tuple[()]:
        self._pool(pool.name)
        if pool.name not in self.store.idle:
            raise wrong_pool_state(pool.name, "still active")
        self.store.idle.remove(pool.name)
        del self.store.pools[pool.name]
        self.machine.save()
        return ()


def _wanted(text: str) -> tuple[str, str]:
    """Name and directory of a pool's document."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise VzError(27, "XML error: no pool", domain=STORAGE, bare=True) from error
    name = (root.findtext("name") or "").strip()
    path = (root.findtext("target/path") or "").strip().rstrip("/")
    good = root.tag == "pool" and root.get("type") == "dir" and path.startswith("/")
    if not good or not name or "/" in name:
        why = "XML error: a pool of a directory has a name and a target path"
        raise VzError(27, why, domain=STORAGE, bare=True)
    return name, path
