"""What a host's storage is asked: pools of image files, and the images in them.

A host that has it gives it as its attribute `storage`; of one that has none nothing
can be proven, and no image is made there. Everything else about disks (the proof that
storage is shared, what is copied, made, given back) is the core's, once for all
hypervisors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from virtmigrate.devices import Device
    from virtmigrate.host import Host

HEADERLESS = ("raw", "iso", "dir")
"""What a pool may call a file that says nothing of a capacity or a backing image."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A directory of images, as a host knows it.

    Attributes:
        name: What the host calls it.
        path: The directory, absolute, as the host's guests name it.
        available_bytes: Room in it; None = the host does not say.
    """

    name: str
    path: str
    available_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image file.

    Attributes:
        capacity_bytes: What a guest sees.
        format: `raw`, `qcow2` …
        allocated_bytes: What it takes on the disk; None = the host does not say.
        backing: Path of the image under it, "" for none.
        backing_format: Its format, "" where that is not said.
        changed_ns: When its inode last changed, ns, alike for all who see that very
            file (`ctime`); None = the host does not say.
        length_bytes: How long the file is; None = the host does not say.
        claim: What the file begins with and is not believed, see `read_as`.
    """

    capacity_bytes: int
    format: str
    allocated_bytes: int | None = None
    backing: str = ""
    backing_format: str = ""
    changed_ns: int | None = None
    length_bytes: int | None = None
    claim: str = ""


def read_as(image: Image, form: str) -> Image:
    """An image as a hypervisor reads it that is told its format.

    What a raw image begins with the guest has written. A header there is none: its
    capacity and the image under it are the guest's words, who may name any file.

    Args:
        image: As a pool tells it, by what the file begins with.
        form: Its format, by the guest's definition or by the image over it.

    Returns:
        It; of a raw one whose length is not known, with a capacity of 0.
    """
    if form != "raw":
        return image
    plain = image.format in HEADERLESS
    length = image.length_bytes
    if length is None:
        length = image.capacity_bytes if plain else 0
    claim = "" if plain else f"{image.format} of {image.capacity_bytes:,} bytes"
    if claim and image.backing:
        claim += f" over {image.backing}"
    return replace(
        image,
        capacity_bytes=length,
        format="raw",
        backing="",
        backing_format="",
        claim=claim,
    )


@runtime_checkable
class Storage(Protocol):
    """The storage of one host. Errors as in `host.py`."""

    def pools(self) -> Sequence[Pool]:
        """The pools of image files that are active."""
        ...

    def kinds(self) -> Mapping[str, str]:
        """Name and kind (`dir`, `logical` …) of all pools that are active."""
        ...

    def devices(self) -> Sequence[Device]:
        """The block devices, each with every path that it has; none = not known.

        Links count: it is by the names in them (`devices.worldwide`) that the core
        knows a device of one host again on the other.
        """
        ...

    def names(self, pool: Pool) -> Sequence[str]:
        """Names of what is in a pool now."""
        ...

    def look(self, pool: Pool, name: str) -> Image | None:
        """The image of this name, past every cache; None = there is none."""
        ...

    def make(self, pool: Pool, name: str, image: Image) -> bool:
        """Make an empty image, sparse; False = one is there, and was not touched.

        Raises:
            HostError: It can't be made: no room, no rights.
        """
        ...

    def delete(self, pool: Pool, name: str) -> None:
        """Delete an image; harmless where there is none."""
        ...

    def users(self, path: str) -> Sequence[str]:
        """Names of this host's guests whose definitions refer to a path.

        Also by pool and volume, where the host knows such.
        """
        ...


def storage_of(host: Host) -> Storage | None:
    """A host's storage, None where it has none to ask."""
    found: Storage | None = getattr(host, "storage", None)
    return found


def split(path: str) -> tuple[str, str]:
    """Directory and name of a path."""
    directory, _, name = path.rpartition("/")
    return directory or "/", name


def pool_at(pools: Sequence[Pool], directory: str) -> Pool | None:
    """The pool that has exactly this directory."""
    wanted = directory.rstrip("/") or "/"
    return next((p for p in pools if (p.path.rstrip("/") or "/") == wanted), None)
