"""What a migration will come to, before it starts: time, stop, verdict; with its basis.

What a guest writes is measured while nothing moves yet, and not exactly: each way in
which it may be (`likely.py`) is walked to its end (`course.py`), and how far the ends
differ is how far the forecast may be off. The link's rate is what somebody said, or
what earlier migrations between these hosts had. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from virtmigrate.course import DELTA_COST
from virtmigrate.curves import dirtied, rising
from virtmigrate.ends import Case, End
from virtmigrate.likely import likely
from virtmigrate.model import Model
from virtmigrate.pages import HELPS, Pages
from virtmigrate.policy import Do, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

MIB = 1 << 20
SURE = 0.9
"""What holds in so large a share of all that may be, is said to be so."""
SMALL_WRITES = 0.8
"""Share of guests that are taken to change only a word of the pages that they write,
where nobody has looked: else it shows in the third pass."""
DOUBT = 0.03
"""What the link carries is known so well, at best."""
RARE = 0.05
"""A forecast's range leaves out so much at either end."""


class Workload(Model):
    """What is known of a guest's memory before it moves."""

    memory_bytes: int
    """What has to be sent at least once; zero pages may be in it."""
    used_bytes: int | None = None
    """Without pages of zeros, as those that were never touched; None = unknown."""
    curve: tuple[tuple[float, int], ...] = ()
    """Distinct bytes written in so many seconds, seconds rising; empty = unknown."""
    looked_at: tuple[int, ...] = ()
    """For each point of the curve, how many pages it was found by; empty = by all."""
    pages: Pages | None = None
    """What writes change of a page; None = nobody looked."""
    disk_writes: tuple[tuple[str, int], ...] = ()
    """Bytes a second that are written to each disk, by its name; a disk that is not
    among them was not measured."""
    free_bytes: int | None = None
    """What its host can give of its own memory; None = unknown."""
    basis: tuple[str, ...] = ()
    """How each figure was found, for people."""


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of the way between two hosts.

    Attributes:
        mib_s: What goes through.
        origin: Who says so.
        around_s: What a move takes before and after its transfer; None = unknown.
        share: What a page of memory takes of it, of a page; less than 1 if compressed.
    """

    mib_s: float
    origin: str
    around_s: float | None = None
    share: float = 1.0


class Verdict(StrEnum):
    """Whether the policy, as it stands, will bring the guest over."""

    CONVERGES = "converges"
    NEEDS = "needs"
    """Not by itself: what it would take is said."""
    CANNOT = "cannot"
    """By nothing that this hypervisor can do in flight."""
    UNKNOWN = "unknown"
    """It can't be told; what is likeliest is said where anything is known."""


class Forecast(Model):
    """The end of a transfer, foretold. None = it can't be said."""

    verdict: Verdict
    """Whether it will be over within the policy's limits."""
    chance: float | None = None
    """Share of what may be true, by what was measured, in which it will."""
    way: str = ""
    """How: `pre-copy`, `post-copy`, `pause`, `stopped`."""
    total_s: float | None = None
    """Time of the transfer, to the last page; the phases around it take more."""
    total_range_s: tuple[float, float] | None = None
    """Nine times of ten it lies between these, if nothing changes meanwhile."""
    whole_s: float | None = None
    """From call to return: with the phases around it, as earlier moves had them."""
    downtime_ms: float | None = None
    """The guest-visible stop at the switchover."""
    sent_bytes: int | None = None
    """What will be sent."""
    bandwidth_mib_s: float | None = None
    """What the link is taken to carry."""
    dirty_mib_s: float | None = None
    """Distinct memory that the guest writes in the first second."""
    needs: tuple[str, ...] = ()
    """What would make it converge, each by itself."""
    basis: tuple[str, ...] = ()
    """Where each figure comes from."""


def foresee(
    workload: Workload,
    policy: Policy,
    link: Link | None,
    able: frozenset[Do],
    *,
    runs: bool,
    delta: bool = False,
    disk_bytes: int = 0,
    disk_mib_s: float | None = None,
) -> Forecast:
    """Foretell one transfer.

    Args:
        workload: What the guest does.
        policy: Limits and consents.
        link: What is known of it; None = nothing.
        able: What can be done to the transfer (`monitor.able`).
        runs: Whether the guest runs meanwhile.
        delta: Whether rewritten pages are sent as differences.
        disk_bytes: Of disks, to be copied before memory.
        disk_mib_s: What is written to these meanwhile; None = unknown.
    """
    known = {
        "dirty_mib_s": _per_second(workload),
        "basis": (
            *_basis(workload, link, delta=delta and runs),
            *_of_disks(disk_bytes, disk_mib_s),
        ),
    }
    if link is None:
        return Forecast(verdict=Verdict.UNKNOWN, **known)
    known["bandwidth_mib_s"] = link.mib_s
    if runs and not workload.curve:
        return Forecast(verdict=Verdict.UNKNOWN, **known)
    size = float(workload.memory_bytes)
    memory = float(workload.used_bytes or size)
    pages = workload.looked_at[0] if workload.looked_at else 0
    curve = rising([(at, float(n)) for at, n in workload.curve])
    rate = link.mib_s * MIB
    case = Case(
        policy,
        able,
        size,
        memory,
        disk_bytes,
        rate,
        runs,
        curve,
        pages,
        link.share,
    )
    ends = _ends(case, workload, delta=delta)
    chance = sum(end.share for end in ends if end.well)
    return Forecast(
        verdict=_verdict(ends, chance, case),
        chance=round(chance, 3),
        **_figures(ends, chance, link.around_s),
        needs=_needed(ends, case) if chance < SURE else (),
        **known,
    )


def _basis(workload: Workload, link: Link | None, *, delta: bool) -> tuple[str, ...]:
    """Where each figure comes from."""
    if link is None:
        unknown = "link: unknown; no migration between these hosts is on record"
        return (*workload.basis, unknown)
    lines = [*workload.basis, f"link: {link.mib_s:.0f} MiB/s, {link.origin}"]
    if link.share < 1:
        carried = f"{link.mib_s / link.share:.0f} MiB of memory a second"
        lines.append(f"streams: compressed (zstd), so that the link carries {carried}")
    if link.around_s is not None:
        lines.append(
            f"phases around the transfer: {link.around_s:.1f} s, as earlier migrations"
            " between these hosts had"
        )
    if delta and workload.curve and _price(workload) is None:
        lines.append(
            "differences (xbzrle): what a write changes of a page can't be seen; taken"
            f" to be little in {SMALL_WRITES:.0%} of guests"
        )
    return tuple(lines)


def _of_disks(disk_bytes: int, disk_mib_s: float | None) -> tuple[str, ...]:
    if not disk_bytes:
        return ()
    mib = disk_bytes / MIB
    said = "copied before memory; what is rewritten meanwhile is not counted"
    lines = (f"disks: {mib:.0f} MiB that they take at the source, {said}",)
    if disk_mib_s is None:
        return lines
    return (
        *lines,
        f"disk writes: {disk_mib_s:.1f} MiB/s to what is copied, as measured",
    )


def _per_second(workload: Workload) -> float | None:
    if not workload.curve:
        return None
    curve = rising([(at, float(n)) for at, n in workload.curve])
    return dirtied(curve, 1.0, float(workload.memory_bytes)) / MIB


def _ends(case: Case, workload: Workload, *, delta: bool) -> list[End]:
    """One end for each way in which the guest may write."""
    if not case.runs:
        return [case.end(lambda t: 0.0, 1.0, None, waits=False)]
    kinds = likely(workload)
    return [
        case.end(f, share / len(kinds), difference, waits=waits)
        for f in kinds
        for share, difference, waits in _differences(workload, delta=delta)
    ]


def _differences(
    workload: Workload, *, delta: bool
) -> tuple[tuple[float, float | None, bool], ...]:
    """What differences may bring: how likely, what a page takes, whether it shows late.

    What brings nothing, and was not looked at, shows in the third pass.
    """
    if not delta:
        return ((1.0, None, False),)
    price = _price(workload)
    if price is None:
        return ((SMALL_WRITES, DELTA_COST, False), (1 - SMALL_WRITES, None, True))
    return ((1.0, price if price < HELPS else None, False),)


def _price(workload: Workload) -> float | None:
    """What a rewritten page takes as a difference, of a page; None = unknown."""
    return None if workload.pages is None else workload.pages.price


def _verdict(ends: list[End], chance: float, case: Case) -> Verdict:
    """What is so in nearly all that may be true."""
    if chance >= SURE:
        return Verdict.CONVERGES
    if chance > 1 - SURE:
        return Verdict.UNKNOWN
    return Verdict.NEEDS if _needed(ends, case) else Verdict.CANNOT


def _figures(
    ends: list[End], chance: float, around_s: float | None
) -> dict[str, object]:
    """Of those that end well, the middle; the stop alone, if it is not likely to.

    The range is that of all of them, and takes the link's doubt in.
    """
    well = [end for end in ends if end.well]
    if chance <= 1 - SURE:
        stops = [(end.plain.stop_ms, end.share) for end in ends if not end.well]
        return {"downtime_ms": _quantile(stops, 0.5)}
    likeliest = [end for end in well if end.usual] or well
    shares: dict[str, float] = {}
    for end in likeliest:
        shares[end.way] = shares.get(end.way, 0.0) + end.share
    way = max(shares, key=lambda name: shares[name])
    same = [end for end in likeliest if end.way == way]
    totals = [
        (end.total_s + give_s, end.share / 2)
        for end in well
        for give_s in (-end.give_s, end.give_s)
    ]
    total_s = _quantile([(end.total_s, end.share) for end in same], 0.5)
    return {
        "way": way,
        "total_s": total_s,
        "whole_s": None if around_s is None else total_s + around_s,
        "total_range_s": (
            _quantile(totals, RARE) * (1 - DOUBT),
            _quantile(totals, 1 - RARE) * (1 + DOUBT),
        ),
        "downtime_ms": _quantile([(end.stop_ms, end.share) for end in same], 0.5),
        "sent_bytes": int(_quantile([(e.sent_bytes, e.share) for e in same], 0.5)),
    }


def _quantile(weighted: Iterable[tuple[float, float]], share: float) -> float:
    """The value below which this share of all weight lies."""
    ordered = sorted(weighted)
    wanted = share * sum(weight for _, weight in ordered)
    for value, weight in ordered:
        wanted -= weight
        if wanted <= 0:
            return value
    return ordered[-1][0]


def _needed(ends: list[End], case: Case) -> tuple[str, ...]:
    """What would make it converge, each by itself: by the middle of what fails."""
    failed = sorted((e for e in ends if not e.well), key=lambda e: e.plain.stop_ms)
    end, policy, able = failed[len(failed) // 2], case.policy, case.able
    plain = end.plain
    if end.late:
        return (f"--max-time {plain.total_s:.0f}", "a faster link")
    found = []
    if Do.DOWNTIME in able:
        found.append(f"--max-downtime {plain.stop_ms * 1.05:.0f}")
    if Do.POSTCOPY in able or not policy.consents.postcopy:
        found.append("--allow-postcopy")
    if Do.SUSPEND in able and not policy.consents.pause:
        pause_ms = 1000 * plain.second_bytes / case.through
        found.append(f"--allow-pause (about {pause_ms:.0f} ms)")
    faster = case.rate * plain.stop_ms / max(1.0, policy.limits.max_downtime_ms) / MIB
    found.append(f"a link of {faster:.0f} MiB/s")
    return tuple(found) if Do.DOWNTIME in able or Do.SUSPEND in able else ()
