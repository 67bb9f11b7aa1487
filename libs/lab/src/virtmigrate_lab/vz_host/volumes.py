"""Volumes of the directory pools: images, and whatever else lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from virtmigrate_lab.vz_host import images
from virtmigrate_lab.vz_host.domxml import UNITS_KIB
from virtmigrate_lab.vz_host.errors import STORAGE, VzError
from virtmigrate_lab.vz_host.wire import Pool, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from virtmigrate_lab.vz_host.pools import Pools

CAPACITY_MAX = 1 << 44
TYPES = {images.FILE: "file", images.DIRECTORY: "dir", images.PLOOP: "ploop"}
TIMES = ("atime", "mtime", "ctime")
NS = 1_000_000_000


class Volumes:
    """Volumes. Each public method is a procedure."""

    def __init__(self, pools: Pools) -> None:
        """Serve what is in these pools."""
        self._pools = pools

    def _volume(self, pool: str, name: str) -> Volume:
        directory = self._pools.directory(self._pools.active(pool))
        if name in ("", ".", "..") or "/" in name or not (directory / name).exists():
            msg = f"no storage vol with matching name '{name}'"
            raise VzError(50, msg, domain=STORAGE)
        return Volume(pool, name, f"{self._pools.store.pools[pool]}/{name}")

    def _names(self, pool: str) -> list[str]:
        directory = self._pools.directory(self._pools.active(pool))
        return sorted(path.name for path in directory.iterdir() if path.exists())

    def _file(self, volume: Volume) -> Path:
        found = self._volume(volume.pool, volume.name)
        return self._pools.directory(found.pool) / found.name

    async def pool_by_volume(self, volume: Volume) -> tuple[Pool]:
        return await self._pools.pool_by_name(volume.pool)

    async def num_volumes(self, pool: Pool) -> tuple[int]:
        return (len(self._names(pool.name)),)

    async def list_volumes(self, pool: Pool, most: int) -> tuple[list[str]]:
        return (self._names(pool.name)[: max(0, most)],)

    async def list_all_volumes(
        self, pool: Pool, need: int, flags: int
    ) -> tuple[list[Volume], int]:
        found = [self._volume(pool.name, name) for name in self._names(pool.name)]
        return (found if need else []), len(found)

    async def volume_create(self, pool: Pool, text: str, flags: int) -> tuple[Volume]:
        """Make an image, sparse: that needs no room."""
        name, capacity, form, backing = _wanted(text)
        path = self._pools.directory(self._pools.active(pool.name)) / name
        try:
            images.make(path, capacity, form, backing)
        except FileExistsError as error:
            raise VzError(90, f"'{name}'", domain=STORAGE) from error
        return (self._volume(pool.name, name),)

    async def volume_delete(self, volume: Volume, flags: int) -> tuple[()]:
        images.remove(self._file(volume))
        return ()

    async def volume_by_name(self, pool: Pool, name: str) -> tuple[Volume]:
        return (self._volume(pool.name, name),)

    async def volume_by_path(self, path: str) -> tuple[Volume]:
        directory, _, name = path.rpartition("/")
        store = self._pools.store
        for pool, target in store.pools.items():
            if directory == target and pool not in store.idle:
                return (self._volume(pool, name),)
        msg = f"no storage vol with matching path '{path}'"
        raise VzError(50, msg, domain=STORAGE)

    async def volume_by_key(self, key: str) -> tuple[Volume]:
        return await self.volume_by_path(key)

    async def volume_info(self, volume: Volume) -> tuple[int, int, int]:
        facts = images.facts(self._file(volume))
        return facts.type, facts.capacity_bytes, facts.allocated_bytes

    async def volume_xml(self, volume: Volume, flags: int) -> tuple[str]:
        found = self._volume(volume.pool, volume.name)
        facts = images.facts(self._file(found))
        root = etree.Element("volume", type=TYPES[facts.type])
        for tag, text in (("name", found.name), ("key", found.key)):
            etree.SubElement(root, tag).text = text
        for tag, size in (
            ("capacity", facts.capacity_bytes),
            ("allocation", facts.allocated_bytes),
            ("physical", facts.length_bytes),
        ):
            etree.SubElement(root, tag, unit="bytes").text = str(size)
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "path").text = found.key
        etree.SubElement(target, "format", type=facts.format)
        stamps = etree.SubElement(target, "timestamps")
        for tag, time_ns in zip(TIMES, facts.times_ns, strict=True):
            text = f"{time_ns // NS}.{time_ns % NS:09d}"
            etree.SubElement(stamps, tag).text = text
        if facts.backing:
            below = etree.SubElement(root, "backingStore")
            etree.SubElement(below, "path").text = facts.backing
            etree.SubElement(below, "format", type=self._format(facts.backing))
        return (etree.tostring(root, encoding="unicode"),)

    def _format(self, path: str) -> str:
        """Of an image below; raw where it is not there."""
        file = self._pools.machine.file_of(path)
        return images.facts(file).format if file.exists() else "raw"

    async def volume_path(self, volume: Volume) -> tuple[str]:
        return (self._volume(volume.pool, volume.name).key,)


def _wanted(text: str) -> tuple[str, int, str, str]:
    """Name, capacity in bytes, format and backing path of a volume's document."""
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
    form = root.find("target/format")
    kind = "raw" if form is None else form.get("type") or "raw"
    return name, capacity, kind, (root.findtext("backingStore/path") or "").strip()
