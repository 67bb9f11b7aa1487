"""Directory pools: the host's own images, and those that all hosts share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from virtmigrate_lab.vz_host.dispatcher import SHARED, file_of
from virtmigrate_lab.vz_host.domxml import UNITS_KIB
from virtmigrate_lab.vz_host.errors import STORAGE, VzError
from virtmigrate_lab.vz_host.wire import Pool, Volume

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.machine import Machine

IMAGES = "/vz/images"
TARGETS = {"images": IMAGES, "shared": f"{SHARED}/images"}
"""Pool and its directory: the host's own, and that of all hosts."""
RUNNING = 2
ROOM = 1 << 40
CAPACITY_MAX = 1 << 44


class Storage:
    """Pools and volumes. Each method is a procedure."""

    def __init__(self, machine: Machine) -> None:
        """Make the pools' directories."""
        self.machine = machine
        for name in TARGETS:
            self._directory(name)

    def _directory(self, pool: str) -> Path:
        """A pool's directory: what is shared may have been cleared away meanwhile."""
        directory = file_of(self.machine, TARGETS[pool] + "/x").parent
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _uuid(self, pool: str) -> str:
        where = "all" if pool == "shared" else str(self.machine.root)
        return str(uuid5(NAMESPACE_URL, f"{where}/{pool}"))

    def _pool(self, name: str) -> Pool:
        if name not in TARGETS:
            raise VzError(
                49, f"no storage pool with matching name '{name}'", domain=STORAGE
            )
        return Pool(name, self._uuid(name))

    def _volume(self, pool: str, name: str) -> Volume:
        self._pool(pool)
        if "/" in name or not (self._directory(pool) / name).is_file():
            msg = f"no storage vol with matching name '{name}'"
            raise VzError(50, msg, domain=STORAGE)
        return Volume(pool, name, f"{TARGETS[pool]}/{name}")

    def _names(self, pool: str) -> list[str]:
        return sorted(p.name for p in self._directory(pool).iterdir() if p.is_file())

    def _file(self, volume: Volume) -> Path:
        found = self._volume(volume.pool, volume.name)
        return self._directory(found.pool) / found.name

    async def num_pools(self) -> tuple[int]:
        return (len(TARGETS),)

    async def list_pools(self, most: int) -> tuple[list[str]]:
        return (list(TARGETS)[: max(0, most)],)

    async def list_all_pools(self, need: int, flags: int) -> tuple[list[Pool], int]:
        pools = [self._pool(name) for name in TARGETS]
        return (pools if need else []), len(pools)

    async def pool_refresh(self, pool: Pool, flags: int) -> tuple[()]:
        self._pool(pool.name)
        return ()

    async def pool_by_name(self, name: str) -> tuple[Pool]:
        return (self._pool(name),)

    async def pool_by_uuid(self, uuid: str) -> tuple[Pool]:
        for name in TARGETS:
            if self._uuid(name) == uuid:
                return (self._pool(name),)
        raise VzError(
            49, f"no storage pool with matching uuid '{uuid}'", domain=STORAGE
        )

    async def pool_by_volume(self, volume: Volume) -> tuple[Pool]:
        return (self._pool(volume.pool),)

    async def pool_by_target(self, path: str) -> tuple[Pool]:
        for name, target in TARGETS.items():
            if target == path.rstrip("/"):
                return (self._pool(name),)
        msg = f"no storage pool with matching target path '{path}'"
        raise VzError(49, msg, domain=STORAGE)

    async def pool_is_active(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (1,)

    async def pool_is_persistent(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (1,)

    async def pool_autostart(self, pool: Pool) -> tuple[int]:
        self._pool(pool.name)
        return (1,)

    async def pool_info(self, pool: Pool) -> tuple[int, int, int, int]:
        self._pool(pool.name)
        return RUNNING, ROOM, 0, ROOM

    async def pool_xml(self, pool: Pool, flags: int) -> tuple[str]:
        found = self._pool(pool.name)
        root = etree.Element("pool", type="dir")
        for tag, text in (("name", found.name), ("uuid", found.uuid)):
            etree.SubElement(root, tag).text = text
        for tag in ("capacity", "available"):
            etree.SubElement(root, tag, unit="bytes").text = str(ROOM)
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "path").text = TARGETS[found.name]
        return (etree.tostring(root, encoding="unicode"),)

    async def num_volumes(self, pool: Pool) -> tuple[int]:
        return (len(self._names(self._pool(pool.name).name)),)

    async def list_volumes(self, pool: Pool, most: int) -> tuple[list[str]]:
        return (self._names(self._pool(pool.name).name)[: max(0, most)],)

    async def list_all_volumes(
        self, pool: Pool, need: int, flags: int
    ) -> tuple[list[Volume], int]:
        name = self._pool(pool.name).name
        found = [self._volume(name, volume) for volume in self._names(name)]
        return (found if need else []), len(found)

    async def volume_create(self, pool: Pool, text: str, flags: int) -> tuple[Volume]:
        """Make an image, sparse."""
        name, capacity = _wanted(text)
        path = self._directory(self._pool(pool.name).name) / name
        if path.exists():
            raise VzError(90, f"'{name}'", domain=STORAGE)
        with path.open("xb") as file:
            file.truncate(capacity)
        return (self._volume(pool.name, name),)

    async def volume_delete(self, volume: Volume, flags: int) -> tuple[()]:
        self._file(volume).unlink()
        return ()

    async def volume_by_name(self, pool: Pool, name: str) -> tuple[Volume]:
        return (self._volume(pool.name, name),)

    async def volume_by_path(self, path: str) -> tuple[Volume]:
        for pool, target in TARGETS.items():
            if path.startswith(f"{target}/"):
                return (self._volume(pool, path[len(target) + 1 :]),)
        msg = f"no storage vol with matching path '{path}'"
        raise VzError(50, msg, domain=STORAGE)

    async def volume_by_key(self, key: str) -> tuple[Volume]:
        return await self.volume_by_path(key)

    async def volume_info(self, volume: Volume) -> tuple[int, int, int]:
        facts = self._file(volume).stat()
        return 0, facts.st_size, facts.st_blocks * 512

    async def volume_xml(self, volume: Volume, flags: int) -> tuple[str]:
        found = self._volume(volume.pool, volume.name)
        facts = self._file(found).stat()
        root = etree.Element("volume", type="file")
        for tag, text in (("name", found.name), ("key", found.key)):
            etree.SubElement(root, tag).text = text
        figures = (("capacity", facts.st_size), ("allocation", facts.st_blocks * 512))
        for tag, size in figures:
            etree.SubElement(root, tag, unit="bytes").text = str(size)
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "path").text = found.key
        etree.SubElement(target, "format", type="raw")
        return (etree.tostring(root, encoding="unicode"),)

    async def volume_path(self, volume: Volume) -> tuple[str]:
        return (self._volume(volume.pool, volume.name).key,)


def _wanted(text: str) -> tuple[str, int]:
    """Name and capacity in bytes of a volume's document."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(text.encode(), parser)
        name = (root.findtext("name") or "").strip()
        element = root.find("capacity")
        if element is None:
            raise ValueError  # noqa: TRY301 - as what can't be read
        unit = element.get("unit") or "bytes"
        kib = 1 / 1024 if unit in ("bytes", "B") else UNITS_KIB[unit]
        capacity = int(float(element.text or "") * kib * 1024)
    except (etree.XMLSyntaxError, ValueError, KeyError) as error:
        raise VzError(27, "XML error: no volume", domain=STORAGE, bare=True) from error
    if (
        not name
        or "/" in name
        or name.startswith(".")
        or not 0 <= capacity <= CAPACITY_MAX
    ):
        raise VzError(27, "XML error: name or capacity", domain=STORAGE, bare=True)
    return name, capacity
