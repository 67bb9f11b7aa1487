"""A look into some of a guest's pages, and another: what writes change of a page.

`virDomainMemoryPeek` reads memory at physical addresses. Where devices answer instead
of memory a reading could have effects: only addresses are read at which every PC has
RAM. What was read is compared and forgotten; nothing of it is told, logged or kept.
"""

from __future__ import annotations

import random
import re
import zlib
from typing import TYPE_CHECKING

from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.pages import FEW, Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.xml import Document

PHYSICAL = 2
"""`VIR_MEMORY_PHYSICAL`."""
CHUNK_BYTES = 64 << 10
"""What every libvirt lets through at once."""
PAGE_BYTES = 4 << 10
FIRST = 1 << 20
"""Below lie firmware and the memory of displays."""
LOW_END, HIGH_BEGIN = 2 << 30, 4 << 30
"""Between these a PC's devices may lie, each machine having its own border."""
MACHINE = re.compile(r"(pc|q35)($|-)")
ARCHITECTURES = ("x86_64", "i686")
RUN_BYTES = 3
"""What xbzrle adds to each run of changed bytes: two lengths, mostly of one byte."""
DICE = random.SystemRandom()
CHANGED = re.compile(rb"[^\0]+")


def places(document: Document, count: int) -> list[int]:
    """Where to look: one place in each of so many equal parts of memory, in any order.

    Args:
        document: The guest's live definition.
        count: How many; fewer where memory is small.

    Returns:
        Addresses of chunks; none where it is not known what lies at which address.
    """
    ranges = tuple(_ranges(document)) if _is_plain(document) else ()
    chunks = sum((end - begin) // CHUNK_BYTES for begin, end in ranges)
    count = min(count, chunks)
    parts = [(chunks * n // count, chunks * (n + 1) // count) for n in range(count)]
    found = [_address(ranges, DICE.randrange(*part)) for part in parts]
    DICE.shuffle(found)
    return found


def _is_plain(document: Document) -> bool:
    """Whether its memory is that of a PC, from the start, and can be read."""
    pc = MACHINE.match(document.machine) and document.architecture in ARCHITECTURES
    return bool(pc) and not (
        document.memory_backing or document.memory_grows or document.memory_is_secret
    )


def _ranges(document: Document) -> Iterator[tuple[int, int]]:
    """Addresses that hold RAM for certain; ends are behind the last byte."""
    memory = document.memory_bytes
    for begin, end in ((FIRST, min(memory, LOW_END)), (HIGH_BEGIN, memory)):
        if end - begin >= CHUNK_BYTES:
            yield begin, end


def _address(ranges: tuple[tuple[int, int], ...], chunk: int) -> int:
    for begin, end in ranges:
        inside = (end - begin) // CHUNK_BYTES
        if chunk < inside:
            return begin + chunk * CHUNK_BYTES
        chunk -= inside
    msg = "no such chunk"
    raise IndexError(msg)


class Peeks:
    """Two looks at the same places, one place at a time: whoever waits has the time.

    Attributes:
        problem: Why the host did not let us look; "" = it does.
    """

    def __init__(self, addresses: Sequence[int], read: Callable[[int], bytes]) -> None:
        """Look at nothing yet.

        Args:
            addresses: Where; see `places`.
            read: Gives a chunk at an address; raises what a host's call does.
        """
        self._read = read
        self._left = list(addresses)
        self._seen: list[tuple[int, bytes]] = []
        self._zero = self._looked_at = 0
        self._shares: list[float] = []
        self._packed: list[float] = []
        self._repacked: list[float] = []
        self.problem = ""

    def step(self) -> bool:
        """Look at one more place; False = there is nothing left to do.

        Raises:
            AnswerLost: The host did not answer.
            HostUnreachable: It can't be reached.
        """
        try:
            if self._left:
                self._first(self._left.pop())
            elif self._seen:
                self._second(*self._seen.pop(0))
            else:
                return False
        except (AnswerLost, HostUnreachable):
            raise
        except HostError as error:
            self.problem = error.message
            self._left, self._seen = [], []
        return not self.problem

    def _first(self, address: int) -> None:
        chunk = self._read(address)
        self._seen.append((address, chunk))
        pages = [_page(chunk, at) for at in range(0, len(chunk), PAGE_BYTES)]
        self._looked_at += len(pages)
        filled = [page for page in pages if any(page)]
        self._zero += len(pages) - len(filled)
        self._packed += map(packed, filled)

    def _second(self, address: int, before: bytes) -> None:
        after = self._read(address)
        changed = [
            (old, new)
            for at in range(0, min(len(before), len(after)), PAGE_BYTES)
            if (old := _page(before, at)) != (new := _page(after, at))
        ]
        self._shares += [difference(old, new) for old, new in changed]
        self._repacked += [packed(new) for _, new in changed]

    @property
    def turned(self) -> bool:
        """Whether all places were seen once."""
        return not self._left

    @property
    def found(self) -> Pages | None:
        """What was seen; None = nothing."""
        if not self._looked_at:
            return None
        shares = self._shares
        known = [kind for kind in (self._packed, self._repacked) if len(kind) >= FEW]
        return Pages(
            looked_at=self._looked_at,
            zero=self._zero,
            changed=len(shares),
            difference=sum(shares) / len(shares) if shares else 0.0,
            compressed_share=max((sum(k) / len(k) for k in known), default=None),
        )


def _page(chunk: bytes, at: int) -> bytes:
    return chunk[at : at + PAGE_BYTES]


def packed(page: bytes) -> float:
    """What a page takes compressed, of the whole page, at most 1.

    By zlib's first level, for zstd's: both find what repeats in a page.
    """
    return min(1.0, len(zlib.compress(page, 1)) / len(page))


def difference(before: bytes, after: bytes) -> float:
    """What a page takes as a difference, of the whole page, at most 1 (xbzrle)."""
    changed = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
    runs = CHANGED.findall(changed.to_bytes(len(before), "little"))
    return min(1.0, sum(len(run) + RUN_BYTES for run in runs) / len(before))


def reader(
    ask: Callable[[str, Callable[[Connection], bytes]], bytes], uuid: str
) -> Callable[[int], bytes]:
    """How `Peeks` reads a guest's memory.

    Args:
        ask: Of its host, or of the control connection.
        uuid: The guest.
    """

    def read(address: int) -> bytes:
        return ask(
            "looking at some of its pages",
            lambda connection: connection.lookupByUUIDString(uuid).memoryPeek(
                address, CHUNK_BYTES, PHYSICAL
            ),
        )

    return read
