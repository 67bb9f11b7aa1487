"""Before COMMIT: take back in reverse what was begun, never what may be the guest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.adjudication import (
    Told,
    Verdict,
    adjudicate,
    at_destination,
    at_source,
)
from virtmigrate.capabilities import Form
from virtmigrate.errors import VirtmigrateError
from virtmigrate.forward import STOPPED, wait_for_source
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate.settle import see

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtmigrate.context import Context
    from virtmigrate.logbook import Logbook
    from virtmigrate.plan import Step
    from virtmigrate.relay import Relay

NO_COPY = (*STOPPED, RunState.PAUSED_MIGRATION)
"""What the destination shows while the guest is not complete there."""


def completes_alone(ctx: Context) -> bool:
    """Whether the hypervisor itself completes the guest there, inside perform."""
    return not ctx.plan.two_step or ctx.plan.form is not Form.DRIVEN


def went_by_itself(ctx: Context, told: Told) -> bool:
    """Whether a perform that failed, or what came after it, has moved the guest.

    Only where the hypervisor completes it there by itself; then there is no way back,
    whatever was answered.
    """
    if told is Told.BEGUN or not completes_alone(ctx):
        return False
    source, there = wait_for_source(ctx), see(ctx.arrival)
    verdict = adjudicate(
        at_source(source, ours=ctx.suspended),
        at_destination(there),
        told,
        two_step=ctx.plan.two_step,
    )
    return verdict in (Verdict.FORWARD, Verdict.FORWARD_RESUME)


@dataclass(slots=True)
class Rollback:
    """The way back.

    A source in post-copy is told of no cancellation: libvirt 9.0 takes its memory for
    moved once all was sent, and ends it, though nothing runs it elsewhere.

    Attributes:
        ctx: The migration.
        at_source: The source's hooks.
        at_destination: The destination's hooks.
        book: Its journal and faults.
    """

    ctx: Context
    at_source: Relay
    at_destination: Relay
    book: Logbook

    def take_back(self, entered: Sequence[Step], *, performed: bool) -> bool:
        """Undo these steps; False if that might end the guest, so nothing was done.

        Args:
            entered: Steps that were begun, in their order.
            performed: Whether perform was intended: then the source is only resumed
                by the settlement, which looks at both hosts.
        """
        if performed and not self._safe():
            return False
        self.book.note("rollback", durable=True, why="a step failed before COMMIT")
        for step in reversed(entered):
            if step.undo == "finish":
                self.tell("finish", self.at_destination.finish)
            elif step.undo == "confirm":
                self.tell("confirm", self.at_source.confirm)
            elif step.undo == "leave_coma" and not performed:
                self._leave_coma()
        return True

    def withdraw(self) -> bool:
        """Take COMMIT back: finish certainly did not start the guest.

        False if that might end the guest, so nothing was done.
        """
        if see(self.ctx.guest).state.switched:
            return False
        why = "finish did not start the guest"
        self.book.note("rollback", durable=True, why=why)
        if see(self.ctx.arrival).state is RunState.PAUSED_MIGRATION:
            self.tell("finish", self.at_destination.finish)
        self.tell("confirm", self.at_source.confirm)
        return True

    def _safe(self) -> bool:
        """Whether the destination can't be the only one that has the guest."""
        source = wait_for_source(self.ctx).state
        if source is RunState.UNREACHABLE or source.switched:
            return False
        return not completes_alone(self.ctx) or see(self.ctx.arrival).state in NO_COPY

    def tell(self, name: str, hook: Callable[[Context, bytes, Fate], object]) -> None:
        """Tell a hook that it is cancelled; its failure stops no other undo."""
        try:
            hook(self.ctx, b"", Fate.CANCELLED)
            self.book.note("undone", step=name)
        except VirtmigrateError as error:
            self.book.fault(error, f"undo by {name}")

    def _leave_coma(self) -> None:
        try:
            self.at_source.leave_coma(self.ctx)
        except VirtmigrateError as error:
            self.book.fault(error, "undo by leave_coma")
