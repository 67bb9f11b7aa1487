"""The disks of a lab guest: options, names of their images, XML. Pure."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from html import escape
from typing import Self

from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.pools import POOLS

TARGETS = ("hda", "hdb")
"""What the guest program has a driver for, in order."""

FORMATS = ("raw", "qcow2", "qcow2+base")
SPEC = re.compile(r"([a-z]+):([0-9]{1,6})(?::([a-z0-9+]+))?")
MOST_MIB = 16384

XML = """\
    <disk type='file' device='disk'>
      <driver name='qemu' type='{format}'/>
      <source file='{source}'/>
      <target dev='{target}' bus='ide'/>
    </disk>
"""


@dataclass(frozen=True)
class Disk:
    """A disk of a guest.

    Args:
        pool: The pool in which its image is made (``pools.POOLS``).
        size_mib: Its size.
        format: ``raw``, ``qcow2``, or ``qcow2+base``: on top of a raw image full of
            stamps.

    Raises:
        LabRefused: a value is out of range.
    """

    pool: str
    size_mib: int
    format: str = "raw"

    def __post_init__(self) -> None:
        """Refuse what can't be made."""
        checks = [
            (self.pool in POOLS, f"pool {self.pool!r}: {', '.join(POOLS)}"),
            (1 <= self.size_mib <= MOST_MIB, f"{self.size_mib} MiB: 1-{MOST_MIB}"),
            (self.format in FORMATS, f"format {self.format!r}: {', '.join(FORMATS)}"),
        ]
        wrong = [text for fine, text in checks if not fine]
        if wrong:
            raise LabRefused(f"disk can't be made: {'; '.join(wrong)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Out of ``POOL:SIZE_MIB[:FORMAT]``."""
        matched = SPEC.fullmatch(text)
        if not matched:
            raise LabRefused(
                f"disk {text!r}: POOL:SIZE_MIB[:FORMAT], as local:64:qcow2"
            )
        return cls(matched[1], int(matched[2]), matched[3] or cls.format)

    @property
    def image_format(self) -> str:
        """The format of its image."""
        return self.format.partition("+")[0]

    @property
    def based(self) -> bool:
        """Whether there is another image below its image."""
        return self.format.endswith("+base")


def image(guest: str, target: str, disk: Disk) -> str:
    """The file name of a disk's image in its pool."""
    return f"{guest}-{target}.{disk.image_format}"


def base(guest: str, target: str) -> str:
    """The file name of the image below a disk's image."""
    return f"{guest}-{target}.base"


def source(guest: str, target: str, disk: Disk, host: str) -> str:
    """The path of a disk's image, as a host sees it."""
    return f"{POOLS[disk.pool].target(host)}/{image(guest, target, disk)}"


def seed(uuid: str, target: str) -> int:
    """What tells the stamps of this disk from those of any other."""
    return zlib.crc32(f"{uuid} {target}".encode("ascii"))


def to_xml(guest: str, disks: tuple[Disk, ...], host: str) -> str:
    """The devices of the domain's XML on a host."""
    return "".join(
        XML.format(
            format=disk.image_format,
            source=escape(source(guest, target, disk, host)),
            target=target,
        )
        for target, disk in zip(TARGETS, disks, strict=False)
    )


def words(
    uuid: str, disks: tuple[Disk, ...], rate_mib_s: int, working_set_mib: int
) -> dict[str, int]:
    """What the guest program is told of its disks; nothing if it has none."""
    if not disks:
        return {}
    sizes = {f"d{at}": disk.size_mib for at, disk in enumerate(disks)}
    seeds = {f"s{at}": seed(uuid, TARGETS[at]) for at in range(len(disks))}
    based = sum(disk.based << at for at, disk in enumerate(disks))
    rest = {"dws": working_set_mib, "drate": rate_mib_s, "base": based}
    return {**sizes, **seeds, **rest}
