"""Disks of guests, and the images that they are: plain data of a world.

What an image holds is told by three things: whose data, and the boot and the CPU
second of the guest that wrote last. Of two images with the same data the later is the
newer one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from virtmigrate.storage import Image


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """A disk, as a guest's definition has it.

    Attributes:
        path: Its image, as the guest's host names it; "" for an empty drive.
        target: Its name in the guest.
        size_mib: What the guest sees, MiB; half of it is in use at first.
        write_mib_s: How fast the guest rewrites what is in use; 0: it only reads.
        format: `raw`, `qcow2` …
        read_only: Whether the guest can't write to it.
        shareable: Whether several guests may write to it.
        removable: Whether it is a drive of CDs.
    """

    path: str
    target: str = "vda"
    size_mib: float = 1024.0
    write_mib_s: float = 0.0
    format: str = "raw"
    read_only: bool = False
    shareable: bool = False
    removable: bool = False


@dataclass(slots=True)
class ImageState:
    """An image file.

    Attributes:
        capacity_bytes: What a guest sees.
        format: `raw`, `qcow2` …
        number: Tells it from every other one, whatever its name.
        allocated_mib: What it takes.
        backing: Path of the image under it, "" for none.
        backing_format: Its format.
        data: Whose data it holds; "" = none, or not all of it.
        boot: Boot of the guest that wrote last.
        counter_s: CPU time of that guest when it wrote last.
        changed_s: When it was changed last, on the world's clock.
        header: What its guest wrote at the beginning of a raw one, if hosts take that
            for an image's.
    """

    capacity_bytes: int
    format: str
    number: int
    allocated_mib: float = 0.0
    backing: str = ""
    backing_format: str = ""
    data: str = ""
    boot: int = 0
    counter_s: float = 0.0
    changed_s: float = 0.0
    header: Image | None = None

    @property
    def written(self) -> tuple[int, float]:
        """How new its data is."""
        return self.boot, self.counter_s


@dataclass(slots=True)
class Directory:
    """Images by name; several hosts may have the very one.

    Attributes:
        size_mib: Room for all of them; None: without end.
        images: By name.
    """

    size_mib: float | None = None
    images: dict[str, ImageState] = field(default_factory=dict)

    @property
    def free_mib(self) -> float | None:
        """Room that is left; None: without end."""
        if self.size_mib is None:
            return None
        return self.size_mib - sum(i.allocated_mib for i in self.images.values())


@dataclass(slots=True)
class PoolState:
    """A directory as one host has it.

    Attributes:
        path: Where it is mounted there.
        directory: Key of `State.directories`.
        links: Names that lead to an image of that name in another directory.
    """

    path: str
    directory: str
    links: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Copied:
    """A disk that moves with its guest: paths of its image at both ends."""

    here: str
    there: str


@dataclass(slots=True)
class Mirror:
    """Disks on their way, before memory and beside it (MiB, MiB/s).

    Attributes:
        total_mib: What is in use of them at the start.
        remaining_mib: Still to be sent; 0 once both ends are alike, but for what is
            being written.
        write_mib_s: How fast the guest rewrites them.
        sent_mib: On the wire so far.
        synchronous: Whether the guest's writes wait for the copy.
    """

    total_mib: float
    remaining_mib: float
    write_mib_s: float = 0.0
    sent_mib: float = 0.0
    synchronous: bool = False
