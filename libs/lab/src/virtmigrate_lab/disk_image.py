"""What a lab guest wrote to a disk, verified from outside, without the guest.

A disk holds stamps (see ``guest/disk.c``): the newest tells what every block must hold.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from virtmigrate_lab.commands import run

SECTOR = 512
BLOCK = 4096
SECTORS = BLOCK // SECTOR
MIB = 1 << 20
STAMP = struct.Struct("<4I")
EMPTY = bytes(BLOCK)
CONVERT_TIMEOUT_S = 300.0
MASK = 0xFFFFFFFF


def check_word(seed: int, sector: int, number: int) -> int:
    """The last word of a stamp: ``word`` of ``guest/guest.h``."""
    mixed = (seed ^ sector) * 0x9E3779B1 + number * 0x85EBCA6B + 0x27D4EB2F & MASK
    mixed ^= mixed >> 15
    mixed = mixed * 0x2C1B3C6D & MASK
    return mixed ^ mixed >> 13


def stamp(seed: int, sector: int, number: int) -> bytes:
    """What a sector holds after a write of this number."""
    words = (seed, sector, number, check_word(seed, sector, number))
    return STAMP.pack(*words) * (SECTOR // STAMP.size)


def block(seed: int, at: int, number: int) -> bytes:
    """What a block holds after a write of this number."""
    first = at * SECTORS
    return b"".join(stamp(seed, first + i, number) for i in range(SECTORS))


def number_of(content: bytes, at: int) -> tuple[int, int] | None:
    """The seed and the number of a block's first stamp; None if it is none."""
    seed, sector, number, check = STAMP.unpack_from(content)
    if sector != at * SECTORS or check != check_word(seed, sector, number):
        return None
    return seed, number


def write_base(path: Path, seed: int, size_mib: int) -> None:
    """Make a raw image that is full of stamps, none of them written by a guest."""
    with path.open("xb") as file:
        for at in range(size_mib * MIB // BLOCK):
            file.write(block(seed, at, 0))


@dataclass(frozen=True)
class ImageReport:
    """An image, judged.

    Args:
        path: Where it is.
        newest: The number of the newest write in it; 0: the guest never wrote.
        blocks: Blocks that were verified: all of the image.
        written: Blocks of them that the guest has written.
        errors: Blocks that do not hold what they must.
        first_bad: The lowest such block.
        least: What the newest write had to be at least.
    """

    path: str
    newest: int
    blocks: int
    written: int
    errors: int
    first_bad: int | None
    least: int = 0

    @property
    def problems(self) -> list[str]:
        """What is wrong with it; empty if nothing is."""
        lost = f"its newest write is {self.newest}, but {self.least} was written"
        bad = f"{self.errors} blocks do not hold what they must, from {self.first_bad}"
        checks = [(not self.errors, bad), (self.newest >= self.least, lost)]
        return [f"{self.path}: {text}" for fine, text in checks if not fine]

    @property
    def ok(self) -> bool:
        """Every block holds what it must."""
        return not self.problems


@dataclass(frozen=True)
class Content:
    """What an image is judged by.

    Args:
        working_set_mib: What the guest writes again and again, from the beginning.
        seed: What tells its stamps from another disk's; None: the first one's.
        based: Whether blocks that were never written hold stamps, not zeros.
        least: The newest write must have at least this number.
    """

    working_set_mib: int
    seed: int | None = None
    based: bool = False
    least: int = 0


def verify(
    path: Path | str,
    content: Content,
    *,
    enter: Sequence[str] = (),
    scratch: Path | None = None,
) -> ImageReport:
    """Read an image of any format, with what lies below it, and judge every block.

    Nobody may write it meanwhile; its guest may be paused.

    Args:
        path: The image.
        content: What it must hold.
        enter: The words in front of a command that run it where the path is good.
        scratch: A directory that is the same there and here; None: the usual one.

    Raises:
        CommandFailed: it can't be read.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        raw = Path(directory) / "raw"
        argv = ["qemu-img", "convert", "-U", "-O", "raw", str(path), str(raw)]
        run([*enter, *argv], timeout_s=CONVERT_TIMEOUT_S)
        with raw.open("rb") as file:
            return judge(file, str(path), content)


def judge(raw: BinaryIO, name: str, content: Content) -> ImageReport:
    """Judge every block of a raw image."""
    stamps = [number_of(each, at) for at, each in enumerate(_blocks(raw))]
    count = min(content.working_set_mib * MIB // BLOCK, len(stamps))
    seeds = (found[0] for found in stamps if found)
    seed = content.seed if content.seed is not None else next(seeds, 0)
    written = [found[1] for found in stamps[:count] if found and found[0] == seed]
    newest = max(written, default=0)
    bad = []
    for at, each in enumerate(_blocks(raw)):
        number = expected(at, newest, count)
        blank = not number and not content.based
        if each != (EMPTY if blank else block(seed, at, number)):
            bad.append(at)
    return ImageReport(
        path=name,
        newest=newest,
        blocks=len(stamps),
        written=min(newest, count),
        errors=len(bad),
        first_bad=bad[0] if bad else None,
        least=content.least,
    )


def expected(at: int, newest: int, count: int) -> int:
    """The number of the write that a block must hold; 0: it was never written.

    Args:
        at: The block.
        newest: The number of the newest write.
        count: Blocks in the working set.
    """
    if at >= count or at >= newest:
        return 0
    return newest - (newest - 1 - at) % count


def _blocks(raw: BinaryIO) -> Iterator[bytes]:
    raw.seek(0)
    return iter(lambda: raw.read(BLOCK), b"")
