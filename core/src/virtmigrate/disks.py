"""A guest's disk: what it is, whether both hosts share it, what becomes of it. Data."""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.model import Model


class Sharing(StrEnum):
    """Whether both hosts have the same image, not merely one of the same name."""

    SHARED = "shared"
    NOT_SHARED = "not shared"
    UNKNOWN = "unknown"


class Way(StrEnum):
    """What becomes of a disk."""

    STAYS = "stays"
    """Both hosts use the same image."""
    COPIED = "copied"
    """Into a new image at the destination, in full; a chain becomes one image."""
    TOP_COPIED = "top layer copied"
    """Into a new image over the same backing image, which both hosts share."""


COPIES = (Way.COPIED, Way.TOP_COPIED)


class Disk(Model):
    """One disk of a guest: what it is by its plugin, from `there` on by the core."""

    target: str
    """Its name in the guest (`vda`)."""
    kind: str = "file"
    """`file`, `block`, `network` … as libvirt's domain XML has it; a `volume` is a
    `file` once its pool is known to be one of files."""
    path: str = ""
    """File or device at the source, or what names it on the network; "" = empty. Where
    a pool names it, the volume's name, until the core knows the file."""
    pool: str = ""
    """The source's pool by which its definition names it; "" = it names a path."""
    format: str = "raw"
    """Of the image: `raw`, `qcow2` …"""
    read_only: bool = False
    """Whether the guest can't write to it."""
    shareable: bool = False
    """Whether several guests may write to it."""
    removable: bool = False
    """Whether it is a drive of CDs or floppies."""
    optional: bool = False
    """Whether the guest does without it where it is not to be had (a CD)."""
    own: bool = False
    """Whether its source, alike in words, may be another one on each host: one of
    `localhost`, or of whichever cluster the host's own configuration names."""
    wanted_there: str = ""
    """Path that the caller's own document has for it; "" = none was given."""
    wanted_pool: str = ""
    """The destination's pool by which that document names it, as `pool`."""

    there: str = ""
    """Path at the destination."""
    pool_there: str = ""
    """The destination's pool of that path; "" = it has none."""
    sharing: Sharing = Sharing.UNKNOWN
    """Whether both hosts have it."""
    evidence: str = ""
    """What `sharing` was concluded from."""
    way: Way = Way.STAYS
    """What becomes of it."""
    capacity_bytes: int | None = None
    """What the guest sees; None = unknown."""
    allocated_bytes: int | None = None
    """What it takes at the source; None = unknown."""
    made: bool = False
    """Whether an image is made for it before the move."""
    backing: str = ""
    """At the destination: path of the shared image under a copied top layer."""
    backing_format: str = ""
    """Its format."""

    @property
    def copied(self) -> bool:
        """Whether an image is made at the destination and filled by the move."""
        return self.way in COPIES

    @property
    def copy_bytes(self) -> int:
        """About how much is sent for it."""
        if not self.copied:
            return 0
        known = self.allocated_bytes
        return known if known is not None else self.capacity_bytes or 0
