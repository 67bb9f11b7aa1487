"""Pools and images for the hosts of a world, as whoever makes the world wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate.storage import Image, split
from virtmigrate_mock import images
from virtmigrate_mock.disk_state import Directory, PoolState

if TYPE_CHECKING:
    from virtmigrate_mock.disk_state import GuestDisk
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState, State

USED = 0.5
"""Share of a new image that is in use."""


def pool(
    state: State,
    host: HostState,
    named: tuple[str, str],
    directory: str,
    size_mib: float | None,
) -> str:
    """Give a host a pool (name and path); gives the name of its directory."""
    name, path = named
    key = directory or f"{host.name}:{path}"
    state.directories.setdefault(key, Directory(size_mib))
    host.pools[name] = PoolState(path, key)
    return key


def link(state: State, host: HostState, path: str, directory: str) -> None:
    """Let a path lead to the image of its name in another directory."""
    state.directories.setdefault(directory, Directory())
    _pool(host, path).links[split(path)[1]] = directory


def image_for(machine: Machine, host: HostState, data: str, disk: GuestDisk) -> None:
    """Make the image of a disk, half in use, if nothing is there."""
    if not disk.path or images.image_at(machine.state, host, disk.path):
        return
    name = split(disk.path)[1]
    directory = images.directory_of(machine.state, _pool(host, disk.path), name)
    size = Image(round(disk.size_mib * images.MIB), disk.format)
    made = images.new(machine, directory, name, size)
    made.data, made.allocated_mib = f"{data}/{disk.target}", disk.size_mib * USED


def _pool(host: HostState, path: str) -> PoolState:
    found = images.pool_of(host, path)
    if found is None:
        raise BadInput(
            f"{host.name} has no pool of {split(path)[0]}",
            subject=path,
            remedy="add_pool() it first",
        )
    return found
