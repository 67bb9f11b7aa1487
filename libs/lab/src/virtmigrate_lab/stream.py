r"""The guest's serial output: beats of one byte, records of one line. Pure.

A beat is ``0x80 | (counter & 0x7f)``. A record is seven-bit text::

    S name clock counter writes started walks verified pages errors first_bad \
        flags [written flushed blocks verified errors failed first_bad]...*sum\n

with hexadecimal numbers, the last seven for each of its disks; ``sum`` is the
exclusive or of the bytes before the star.
Bytes may be missing anywhere (a guest drops them when nobody reads): a record that
does not add up is counted, not believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BEAT = 0x80
SEQUENCE = 0x7F
LONGEST_LINE = 512
FIELDS = 12
DISK_FIELDS = 7
NO_PAGE = 0xFFFFFFFF
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
"""What a guest may be called: a name that is safe in a file name and a URI."""
READY = 1
RAMPED = 2
FAULT = 0x80


@dataclass(frozen=True)
class DiskRecord:
    """What a guest said of one of its disks; blocks are of 4 KiB.

    Args:
        written: The number of the newest write that has ended; they count on over
            boots.
        flushed: The number of the newest write before the last flush; 0 before the
            first one since it booted.
        blocks: Blocks that a whole walk verifies.
        verified: Blocks verified since it booted.
        errors: Blocks that did not hold what they must.
        failed: Commands that ended with an error, or not in time.
        first_bad: The lowest block that did not hold what it must, or None.
    """

    written: int
    flushed: int
    blocks: int
    verified: int
    errors: int
    failed: int
    first_bad: int | None


@dataclass(frozen=True)
class Record:
    """What a guest said of itself.

    Args:
        name: The name that it was started with (a rename does not change it).
        clock_ms: Milliseconds that its CPU has had since it booted; it stands still
            while the guest is stopped.
        counter: Beats since it booted.
        writes: Pages written since it booted.
        started: Walks over all pages that were asked for.
        walks: The last walk that was finished (walks are numbered from 1).
        verified: Pages verified since it booted.
        pages: Pages that a whole walk verifies.
        errors: Pages that did not hold what they must.
        first_bad: The lowest such page, or None.
        ready: Whether its memory has been filled, so that it dirties and verifies.
        ramped: Whether it has begun to change its rate, as it was asked to.
        fault: Whether it took an exception of the processor.
        disks: What it said of its disks, in order.
    """

    name: str
    clock_ms: int
    counter: int
    writes: int
    started: int
    walks: int
    verified: int
    pages: int
    errors: int
    first_bad: int | None
    ready: bool
    ramped: bool
    fault: bool
    disks: tuple[DiskRecord, ...] = ()


@dataclass
class Feed:
    """A stretch of a guest's output, up to and with the next record.

    Args:
        beats: How many beats.
        lost: How many beats are missing between them, as far as seven bits tell.
        record: The record at its end; None at the end of what was read.
        garbled: Lines that did not add up.
    """

    beats: int = 0
    lost: int = 0
    record: Record | None = None
    garbled: int = 0


class Parser:
    """Takes a connection's bytes as they come."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._sequence: int | None = None

    def feed(self, data: bytes) -> list[Feed]:
        """Take bytes and say what they held, in order; an unfinished line is kept."""
        feeds = [Feed()]
        for byte in data:
            if byte & BEAT:
                self._beat(byte & SEQUENCE, feeds[-1])
            elif byte == ord("\n"):
                self._end_line(feeds)
            elif len(self._line) < LONGEST_LINE:
                self._line.append(byte)
        return feeds

    def _beat(self, sequence: int, feed: Feed) -> None:
        if self._sequence is not None:
            feed.lost += (sequence - self._sequence - 1) & SEQUENCE
        self._sequence = sequence
        feed.beats += 1

    def _end_line(self, feeds: list[Feed]) -> None:
        line, self._line = bytes(self._line), bytearray()
        if not line:
            return
        record = parse_record(line)
        if record is None:
            feeds[-1].garbled += 1
        else:
            feeds[-1].record = record
            feeds.append(Feed())


def parse_record(line: bytes) -> Record | None:
    """One line without its newline; None if it does not add up."""
    body, star, checksum = line.rpartition(b"*")
    words = body.split(b" ")
    extra = len(words) - FIELDS
    if not star or words[0] != b"S" or extra < 0 or extra % DISK_FIELDS:
        return None
    total = 0
    for byte in body:
        total ^= byte
    try:
        if int(checksum, 16) != total:
            return None
        name = words[1].decode("ascii")
        numbers = [int(word, 16) for word in words[2:]]
    except ValueError:
        return None
    if not NAME.fullmatch(name):
        return None
    clock, counter, writes, started, walks, verified, pages, errors = numbers[:8]
    first_bad, flags, *rest = numbers[8:]
    return Record(
        name=name,
        clock_ms=clock,
        counter=counter,
        writes=writes,
        started=started,
        walks=walks,
        verified=verified,
        pages=pages,
        errors=errors,
        first_bad=_lowest(first_bad),
        ready=bool(flags & READY),
        ramped=bool(flags & RAMPED),
        fault=bool(flags & FAULT),
        disks=tuple(
            _disk(rest[at : at + DISK_FIELDS])
            for at in range(0, len(rest), DISK_FIELDS)
        ),
    )


def _disk(numbers: list[int]) -> DiskRecord:
    written, flushed, blocks, verified, errors, failed, first_bad = numbers
    return DiskRecord(
        *(written, flushed, blocks, verified, errors, failed), _lowest(first_bad)
    )


def _lowest(number: int) -> int | None:
    return None if number == NO_PAGE else number
