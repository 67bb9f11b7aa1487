"""Images of a world's directories: found, made, written, copied, deleted.

What must never be done to one is written into the history when it is done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate.storage import Image, split
from virtmigrate_mock.disk_state import ImageState
from virtmigrate_mock.domxml import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from virtmigrate_mock.disk_state import Copied, Directory, GuestDisk, PoolState
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState, Live, State

MIB = 1 << 20
LAST = "the last copy of its data"
IN_USE = "under a guest that runs on it"


def directory_of(state: State, pool: PoolState, name: str) -> Directory:
    """Where a name of a pool really lies."""
    return state.directories[pool.links.get(name, pool.directory)]


def pool_of(host: HostState, path: str) -> PoolState | None:
    """The pool in whose directory a path lies."""
    where = split(path)[0]
    return next((pool for pool in host.pools.values() if pool.path == where), None)


def image_at(state: State, host: HostState, path: str) -> ImageState | None:
    """The image that a host has at a path."""
    pool, name = pool_of(host, path), split(path)[1]
    return directory_of(state, pool, name).images.get(name) if pool else None


def shown(image: ImageState, writes_till: float | None) -> Image:
    """An image as a host tells it.

    Args:
        image: It.
        writes_till: The time, if a guest writes to it at this moment.
    """
    changed_s = image.changed_s if writes_till is None else writes_till
    # The last three digits tell images apart that were changed at one moment.
    changed_ns = int(changed_s * 1e6) * 1000 + image.number % 1000
    real = Image(
        image.capacity_bytes,
        image.format,
        backing=image.backing,
        backing_format=image.backing_format,
    )
    return replace(
        image.header or real,
        allocated_bytes=round(image.allocated_mib * MIB),
        changed_ns=changed_ns,
        length_bytes=image.capacity_bytes if image.format == "raw" else None,
    )


def new(machine: Machine, directory: Directory, name: str, image: Image) -> ImageState:
    """An empty image under a name that is free."""
    machine.state.images_made += 1
    made = directory.images[name] = ImageState(
        image.capacity_bytes,
        image.format,
        machine.state.images_made,
        backing=image.backing,
        backing_format=image.backing_format,
        changed_s=machine.now,
    )
    return made


def users(host: HostState, path: str) -> list[str]:
    """Names of guests here whose definition, live or not, has this path."""
    found = []
    for guest in host.guests.values():
        texts = (guest.live.xml if guest.live else None, guest.persistent_xml)
        disks = [disk for text in texts if text for disk in read(text).disks]
        if any(disk.path == path for disk in disks):
            found.append(guest.name)
    return found


def lives_on(state: State) -> Iterator[tuple[HostState, Live, GuestDisk, ImageState]]:
    """Each disk of each guest that has a process."""
    for host in state.hosts.values():
        for guest in host.guests.values():
            for disk in guest.live.disks if guest.live else ():
                image = image_at(state, host, disk.path)
                if guest.live is not None and image is not None:
                    yield host, guest.live, disk, image


def written_now(state: State, image: ImageState) -> bool:
    """Whether a guest writes to an image at this moment."""
    return any(
        found is image and disk.write_mib_s > 0 and live.running_since is not None
        for _, live, disk, found in lives_on(state)
    )


def flush(machine: Machine, host: HostState, live: Live) -> None:
    """Put down what the CPUs of a guest have written to its disks until now."""
    for disk in live.disks:
        image = image_at(machine.state, host, disk.path)
        if image is not None and disk.write_mib_s > 0:
            image.boot, image.counter_s = live.boot, live.counter(machine.now)
            image.changed_s = machine.now


def contents(machine: Machine, host: HostState, disks: Iterable[GuestDisk]) -> str:
    """What tells the contents of these disks from any other."""
    words = []
    for disk in disks:
        image = image_at(machine.state, host, disk.path)
        has = "nothing" if image is None else f"{image.data} {image.written}"
        words.append(f"{disk.target}: {has}")
    return "; ".join(words)


def missing(state: State, host: HostState, disks: Iterable[GuestDisk]) -> str:
    """Path of a disk that this host does not have; "" for none."""
    paths = (disk.path for disk in disks if disk.path)
    return next((path for path in paths if image_at(state, host, path) is None), "")


def begin_copy(machine: Machine, there: HostState, copies: Iterable[Copied]) -> None:
    """What was in an image at the destination is lost from here on."""
    for copy in copies:
        image = image_at(machine.state, there, copy.there)
        if image is not None:
            if image.data:
                machine.note("image-overwritten", copy.there, there.name)
            image.data = ""


def copied(
    machine: Machine, ends: tuple[HostState, HostState], copies: Iterable[Copied]
) -> str:
    """Both ends are alike now; gives what is not, "" if all is well."""
    for copy in copies:
        here = image_at(machine.state, ends[0], copy.here)
        there = image_at(machine.state, ends[1], copy.there)
        if here is None or there is None:
            return f"the image {copy.there if here else copy.here} has gone"
        there.data, there.boot, there.counter_s = here.data, here.boot, here.counter_s
        there.header = here.header
        there.allocated_mib, there.changed_s = here.allocated_mib, machine.now
    return ""


def delete(machine: Machine, host: HostState, path: str) -> None:
    """Delete what a host has at a path; a link goes, not what it leads to."""
    state, name = machine.state, split(path)[1]
    pool = pool_of(host, path)
    if pool is None or pool.links.pop(name, None) is not None:
        return
    kept = state.directories[pool.directory].images
    image = kept.get(name)
    if image is None:
        return
    living = list(lives_on(state))
    for place, live, _, _ in living:
        flush(machine, place, live)
    in_use = any(found is image for *_, found in living)
    del kept[name]
    for why, holds in (
        (LAST, bool(image.data) and not _elsewhere(state, image)),
        (IN_USE, in_use),
    ):
        if holds:
            machine.note("image-deleted", path, host.name, why)


def _elsewhere(state: State, image: ImageState) -> bool:
    """Whether another image has its data, as new or newer."""
    return any(
        other.data == image.data and other.written >= image.written
        for directory in state.directories.values()
        for other in directory.images.values()
    )
