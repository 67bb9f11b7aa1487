"""The bitmap of a migration: which pages are still to be sent, piece by piece.

Memory is cut where something changes, not into pages: within an `Area` all pages are
alike, and `dirty` is the share of them whose bit is set. A guest that writes in order
gives shares of 0 and 1, so its pages are exact; one that writes at random gives what
is to be expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_MIB = 1e-9
NEVER = -1.0


@dataclass(slots=True)
class Area:
    """A stretch of memory whose pages are alike.

    Attributes:
        end_mib: Where it ends; it begins where the one before ends.
        zero: Whether its pages are zero.
        dirty: Share of its pages that are to be sent.
        stale: Share of its pages that changed since they were sent last.
        cached: Share of its pages whose content as sent is kept for xbzrle.
        sent_from: When the first of it was sent in this pass; NEVER: it was not.
        sent_till: When the last of it was.
    """

    end_mib: float
    zero: bool = False
    dirty: float = 1.0
    stale: float = 1.0
    cached: float = 0.0
    sent_from: float = NEVER
    sent_till: float = NEVER


@dataclass(slots=True)
class Swept:
    """What a stretch of sending came to: MiB of pages, MiB on the wire, and where."""

    pages_mib: float
    wire_mib: float
    cursor_mib: float


def whole(memory_mib: float, zero_from_mib: float) -> list[Area]:
    """All of a guest's memory, everything still to be sent."""
    if zero_from_mib >= memory_mib:
        return [Area(memory_mib)]
    top = Area(memory_mib, zero=True)
    return [Area(zero_from_mib), top] if zero_from_mib > 0 else [top]


def size(areas: list[Area]) -> float:
    """MiB of pages that are to be sent."""
    total = begin = 0.0
    for area in areas:
        total += (area.end_mib - begin) * area.dirty
        begin = area.end_mib
    return total


def cut(areas: list[Area], at_mib: float) -> int:
    """See that an area begins there; gives its place (their number at the end)."""
    begin = 0.0
    for place, area in enumerate(areas):
        if at_mib <= begin + LEAST_MIB:
            return place
        if at_mib < area.end_mib - LEAST_MIB:
            part = (at_mib - begin) / (area.end_mib - begin)
            middle = area.sent_from + part * (area.sent_till - area.sent_from)
            first = Area(
                at_mib,
                area.zero,
                area.dirty,
                area.stale,
                area.cached,
                area.sent_from,
                middle,
            )
            areas.insert(place, first)
            area.sent_from = middle
            return place + 1
        begin = area.end_mib
    return len(areas)


def new_pass(areas: list[Area]) -> None:
    """Forget when things were sent, and join neighbours that do not differ."""
    kept: list[Area] = []
    for area in areas:
        area.sent_from = area.sent_till = NEVER
        last = kept[-1] if kept else None
        if last is not None and _kind(last) == _kind(area):
            last.end_mib = area.end_mib
        else:
            kept.append(area)
    areas[:] = kept


def _kind(area: Area) -> tuple[bool, float, float, float]:
    return area.zero, area.dirty, area.stale, area.cached


def mark(
    areas: list[Area],
    begin_mib: float,
    end_mib: float,
    share: float,
    stale: Callable[[Area, float], float],
) -> None:
    """Set the bits of a share of the pages of a stretch of memory.

    Args:
        areas: Changed in place.
        begin_mib: Where it begins.
        end_mib: Where it ends.
        share: Of its pages, 0 to 1.
        stale: For an area and where it begins: which share of it was written after it
            was sent in this pass.
    """
    if end_mib - begin_mib <= LEAST_MIB or share <= 0:
        return
    first = cut(areas, begin_mib)
    at = begin_mib
    for area in areas[first : cut(areas, end_mib)]:
        area.dirty = 1.0 - (1.0 - area.dirty) * (1.0 - share)
        area.stale = max(area.stale, stale(area, at))
        at = area.end_mib


def sweep(
    areas: list[Area],
    cursor_mib: float,
    times: tuple[float, float],
    price: Callable[[Area], tuple[float, float]],
    cache: float,
) -> Swept:
    """Send pages in the order of their addresses, round and round.

    Args:
        areas: Changed in place: what was sent has no bits any more.
        cursor_mib: Where to go on.
        times: From when to when.
        price: For an area: MiB on the wire and seconds, for a MiB of its pages.
        cache: Share of what is sent whose content is kept for xbzrle.
    """
    now, till = times
    swept = Swept(0.0, 0.0, cursor_mib)
    place, idle = cut(areas, cursor_mib), 0
    while idle <= len(areas) and now < till:
        place %= len(areas)
        area = areas[place]
        begin = areas[place - 1].end_mib if place else 0.0
        length = area.end_mib - begin
        pages = length * area.dirty
        if pages > LEAST_MIB:
            wire, seconds = price(area)
            need = pages * seconds
            if now + need > till:
                part = (till - now) / need
                if length * part <= LEAST_MIB:
                    break
                cut(areas, begin + length * part)
                area = areas[place]
                pages, need = pages * part, till - now
            swept.pages_mib += pages
            swept.wire_mib += pages * wire
            area.sent_from, area.sent_till = now, now + need
            if cache:
                area.cached += (1.0 - area.cached) * area.dirty * cache
            area.dirty = area.stale = 0.0
            now += need
            idle = 0
            if place and _goes_on(areas[place - 1], area):
                areas[place - 1].end_mib = area.end_mib
                areas[place - 1].sent_till = area.sent_till
                del areas[place]
                place -= 1
        swept.cursor_mib = area.end_mib
        place, idle = place + 1, idle + 1
    return swept


def _goes_on(one: Area, other: Area) -> bool:
    """Whether an area was sent on from the one before, as if they were one."""
    return one.sent_till == other.sent_from and _kind(one) == _kind(other)


def seconds_for(
    areas: list[Area],
    cursor_mib: float,
    pages_mib: float,
    price: Callable[[Area], tuple[float, float]],
) -> float:
    """How long it takes to send so many pages from the cursor on (all, if fewer)."""
    begins = [0.0, *(area.end_mib for area in areas)]
    pieces = [
        (begin, area.end_mib, area) for begin, area in zip(begins, areas, strict=False)
    ]
    order = [(max(b, cursor_mib), e, a) for b, e, a in pieces if e > cursor_mib]
    order += [(b, min(e, cursor_mib), a) for b, e, a in pieces if b < cursor_mib]
    took, left = 0.0, pages_mib
    for begin, end, area in order:
        pages = min(left, (end - begin) * area.dirty)
        if pages > 0:
            took += pages * price(area)[1]
            left -= pages
    return took
