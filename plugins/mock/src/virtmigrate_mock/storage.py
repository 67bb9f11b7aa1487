"""A host's storage, as the contract has it (`virtmigrate.storage`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import HostError
from virtmigrate.storage import Image, Pool
from virtmigrate_mock import images

if TYPE_CHECKING:
    from virtmigrate.devices import Device
    from virtmigrate_mock.disk_state import PoolState
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState

MIB = 1 << 20


class MockStorage:
    """Pools and images of one host."""

    __slots__ = ("host",)

    def __init__(self, host: MockHost) -> None:
        """Of a connected host; nothing is asked."""
        self.host = host

    def pools(self) -> list[Pool]:
        """Its pools."""

        def see(machine: Machine, host: HostState) -> list[Pool]:
            return [
                Pool(name, pool.path, _free(machine, pool))
                for name, pool in host.pools.items()
            ]

        return self.host.connection.call("pools", see)

    def kinds(self) -> dict[str, str]:
        """All its pools; each is a directory."""
        return {pool.name: "dir" for pool in self.pools()}

    def devices(self) -> list[Device]:
        """None: a mock's disks are images."""
        return []

    def names(self, pool: Pool) -> list[str]:
        """What is in a pool."""

        def see(machine: Machine, host: HostState) -> list[str]:
            found = self._pool(host, pool)
            kept = machine.state.directories[found.directory].images
            return sorted({*kept, *found.links})

        return self.host.connection.call("names", see)

    def look(self, pool: Pool, name: str) -> Image | None:
        """An image, None where there is none."""

        def see(machine: Machine, host: HostState) -> Image | None:
            found = self._pool(host, pool)
            image = images.directory_of(machine.state, found, name).images.get(name)
            if image is None:
                return None
            writes = images.written_now(machine.state, image)
            return images.shown(image, machine.now if writes else None)

        return self.host.connection.call("look-image", see)

    def make(self, pool: Pool, name: str, image: Image) -> bool:
        """Make an empty image; False = one is there.

        Raises:
            HostError: There is no room.
        """

        def act(machine: Machine, host: HostState) -> bool:
            found = self._pool(host, pool)
            directory = machine.state.directories[found.directory]
            if name in found.links or name in directory.images:
                return False
            free = directory.free_mib
            if image.capacity_bytes and free is not None and free <= 0:
                raise self._error(f"{pool.path}: no space left on device", name)
            images.new(machine, directory, name, image)
            return True

        return self.host.connection.call("make-image", act)

    def delete(self, pool: Pool, name: str) -> None:
        """Delete an image; harmless where there is none."""

        def act(machine: Machine, host: HostState) -> None:
            images.delete(machine, host, f"{self._pool(host, pool).path}/{name}")

        self.host.connection.call("delete-image", act)

    def users(self, path: str) -> list[str]:
        """Names of guests whose definitions have a path."""
        return self.host.connection.call(
            "image-users", lambda machine, host: images.users(host, path)
        )

    def _pool(self, host: HostState, pool: Pool) -> PoolState:
        try:
            return host.pools[pool.name]
        except KeyError:
            raise self._error(f"there is no pool {pool.name}", pool.name) from None

    def _error(self, message: str, subject: str) -> HostError:
        return HostError(message, side=self.host.side, subject=subject)


def _free(machine: Machine, pool: PoolState) -> int | None:
    free = machine.state.directories[pool.directory].free_mib
    return None if free is None else max(0, round(free * MIB))
