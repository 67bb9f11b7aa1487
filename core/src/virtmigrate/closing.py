"""The one way in which a migration ends: both hosts are looked at, then it is closed.

The engine and recovery both come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.adjudication import WHY, Told
from virtmigrate.errors import VirtmigrateError
from virtmigrate.images import made
from virtmigrate.phases import Outcome
from virtmigrate.results import Result, Timing
from virtmigrate.settle import Settler

if TYPE_CHECKING:
    from virtmigrate.adjudication import Verdict
    from virtmigrate.context import Context
    from virtmigrate.host import Sighting
    from virtmigrate.logbook import Logbook
    from virtmigrate.monitor import Monitor
    from virtmigrate.plan import Plan
    from virtmigrate.relay import Relay
    from virtmigrate.settle import Settled


def may_have_run(plan: Plan, told: Told, source: Sighting) -> bool:
    """Whether a guest that is not at the destination may have written there. Pure.

    Then its images there may be newer than the source's, and nobody may delete them.

    Args:
        plan: What was done.
        told: How far the journal says that it came.
        source: The source at the last look.
    """
    if told is Told.BEGUN:
        return False
    if not plan.guest.state.active:
        return not source.persistent  # it never ran, if it is where it was
    if told is Told.COMMITTED:
        return True
    return not plan.two_step and not source.state.active


@dataclass(slots=True)
class Closing:
    """What is known when a migration is to end.

    Attributes:
        ctx: The migration.
        relay: The way to its hypervisor's hooks.
        book: Its journal and events.
        monitor: What was seen of the transfer.
        told: How far the journal says that it came.
        prepared: Whether the destination was touched by us.
        landed_ms: When the guest landed; None = it was not seen to.
        stopped_ms: Since when it ran nowhere: in a coma from the suspend or perform's
            start, else from perform's return; None = it did not come to that.
        left: Hooks that undo configuration and were not seen to have run; they are
            called if the guest turns out to have moved.
        removes: Whether the source's images are still to be removed.
    """

    ctx: Context
    relay: Relay
    book: Logbook
    monitor: Monitor
    told: Told
    prepared: bool
    landed_ms: float | None = None
    stopped_ms: float | None = None
    left: tuple[str, ...] = ()
    removes: bool = False

    def close(self) -> Result:
        """Settle, close the journal, tell everybody."""
        settled = Settler(
            self.ctx,
            self.relay,
            self.told,
            prepared=self.prepared,
            judged=self._judged,
            fault=lambda error: self.book.fault(error, "settle"),
        ).settle()
        if settled.outcome is Outcome.SUCCEEDED:
            self._undo_configuration()
            self._remove_source_disks()
        elif settled.outcome is Outcome.ROLLED_BACK:
            self._delete_disks(settled.source)
        result = self._result(settled)
        self.book.end(result)
        self.book.emit("ended", result=result)
        return result

    def _undo_configuration(self) -> None:
        hooks = {
            "undo_persist": self.relay.undo_persist,
            "restore_source": self.relay.restore_source,
        }
        for number, name in enumerate(self.left):
            try:
                hooks[name](self.ctx)
            except VirtmigrateError as error:
                self.book.fault(error, name)
                # The later ones rely on it: without the source's definition back,
                # the destination's is the last.
                for owed in self.left[number:]:
                    self.book.owe(owed)
                return

    def _remove_source_disks(self) -> None:
        """What a killed controller did not come to. Asked for once, it is no debt."""
        if not self.removes:
            return
        try:
            self.relay.remove_source_disks(self.ctx)
        except VirtmigrateError as error:
            self.book.fault(error, "remove_source_disks")

    def _delete_disks(self, source: Sighting) -> None:
        """What was made for a copy that came to nothing."""
        plan = self.ctx.plan
        paths = [disk.there for disk in plan.disks if disk.made]
        if not paths:
            return
        if may_have_run(plan, self.told, source):
            self.book.warn(
                "the guest may have run at the destination: its images there are kept: "
                + ", ".join(paths)
            )
            return
        try:
            self.relay.delete_disks(self.ctx)
        except VirtmigrateError as error:
            self.book.fault(error, "delete_disks")
            self.book.owe("delete_disks")
            left = ", ".join(made(self.ctx) or paths)
            self.book.warn(f"images were left at the destination: {left}")

    def _judged(self, source: Sighting, there: Sighting, verdict: Verdict) -> None:
        self.book.note("verdict", verdict=verdict.value)
        self.book.emit(
            "judged",
            source=source.state,
            destination=there.state,
            verdict=verdict.value,
            why=WHY[verdict],
        )

    def _result(self, settled: Settled) -> Result:
        plan, book = self.ctx.plan, self.book
        good = settled.outcome is Outcome.SUCCEEDED
        landed = (self.landed_ms or book.elapsed_ms()) if good else None
        stopped = self.stopped_ms
        gap = None if landed is None or stopped is None else landed - stopped
        return Result(
            migration=self.ctx.migration,
            guest=plan.guest.name,
            uuid=plan.guest.uuid,
            outcome=settled.outcome,
            reason=settled.reason,
            limit=self.monitor.limit,
            source=settled.source.state,
            destination=settled.destination.state,
            effective=self.ctx.options,
            timing=Timing(landed_ms=landed, gap_ms=gap, total_ms=book.elapsed_ms()),
            downtime_ms=self.monitor.downtime_ms,
            processed_bytes=self.monitor.processed_bytes,
            fired=self.monitor.fired,
            **self.monitor.figures(),
            faults=tuple(book.faults),
            warnings=tuple(book.warnings),
            obligations=tuple(book.obligations),
        )
