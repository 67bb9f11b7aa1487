"""Disks that are written faster than a copy gets through: known before the start. Pure.

What was measured of a guest's disks is held against the link's rate. A copy that would
hardly gain on its guest has each write wait for it from the start, as a wish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.again import OPTION
from virtmigrate.plan import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from virtmigrate.disks import Disk
    from virtmigrate.forecast import Link, Workload
    from virtmigrate.plan import Plan

MIB = 1 << 20
MUCH = 0.5
"""Of the link: a copy that gains no more than the rest takes twice as long at least."""


def written_mib_s(workload: Workload | None, disks: Iterable[Disk]) -> float | None:
    """MiB/s that the guest writes to what is copied; None = it was not measured."""
    known = dict(workload.disk_writes) if workload else {}
    copied = [known.get(disk.target) for disk in disks if disk.copied]
    rates = [rate for rate in copied if rate is not None]
    return sum(rates) / MIB if rates else None


def why_synchronous(
    workload: Workload | None, disks: Iterable[Disk], link: Link | None
) -> str:
    """Why its writes are to wait for the copy from the start; "" = they need not."""
    written = written_mib_s(workload, disks)
    if written is None or link is None or written <= MUCH * link.mib_s:
        return ""
    return (
        f"the guest writes {written:.1f} MiB/s to what is copied, and the link has "
        f"{link.mib_s:.0f} MiB/s"
    )


def said_before(plan: Plan) -> str:
    """What a plan that was made before says of it; it is not measured again."""
    row = plan.settlement[OPTION]
    return row.why if row.asked is None and row.effective is True else ""


def because(settlement: Settlement, why: str) -> Settlement:
    """The settlement with the reason where the wish was granted."""
    row = settlement[OPTION]
    if not why or row.asked is not None or row.effective is not True:
        return settlement
    told = row.model_copy(update={"why": why})
    return Settlement(
        options=tuple(told if r is row else r for r in settlement.options)
    )
