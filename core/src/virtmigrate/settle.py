"""Look at both hosts, ask the adjudicator, carry its verdict out. Idempotent.

The engine comes here after every migration, the good ones included; recovery comes
here with a context made again from the journal. Nothing is done from a guess: each
action is followed by a look, and a copy is only ever ended when it can't be running.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.adjudication import (
    WHY,
    Told,
    Verdict,
    adjudicate,
    at_destination,
    at_source,
    fenced,
    hidden,
)
from virtmigrate.errors import PluginError, Side, VirtmigrateError
from virtmigrate.host import RunState, Sighting
from virtmigrate.phases import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.context import Context
    from virtmigrate.host import Guest
    from virtmigrate.relay import Relay

QUIET_S = 60.0
"""Longest wait for active jobs to end before the truth is called unknown (libvirt
9.0 needed up to 19 s to heal itself after its client was killed)."""
LOOK_S = 0.25
UNDECIDED = (Verdict.WAIT, Verdict.POSTCOPY)
"""What may come to an end by itself: a post-copy goes on without its controller, and
after its link was cut for a while."""
RESUME_S = 30.0
"""So long a resume at the destination is tried again."""
RESUME_AGAIN_S = 5.0


@dataclass(slots=True)
class Settled:
    """What a settlement came to.

    Attributes:
        outcome: One of the five.
        reason: Why, one sentence.
        source: The source at the last look.
        destination: The destination at the last look.
    """

    outcome: Outcome
    reason: str
    source: Sighting
    destination: Sighting


@dataclass(slots=True)
class Settler:
    """One settlement.

    Attributes:
        ctx: The migration.
        relay: The way to its hypervisor's hooks.
        told: What the journal says.
        prepared: Whether the destination was touched by us.
        judged: Is told each verdict.
        fault: Is told each error on the way.
    """

    ctx: Context
    relay: Relay
    told: Told
    prepared: bool
    judged: Callable[[Sighting, Sighting, Verdict], None]
    fault: Callable[[VirtmigrateError], object]
    _acted: bool = False

    def look(self) -> tuple[Sighting, Sighting]:
        """Both sides, now; a host that can't be asked is UNREACHABLE, not an error."""
        return look(self.ctx)

    def settle(self) -> Settled:
        """Bring both hosts to an end that the invariants allow."""
        clock = self.ctx.clock
        until = clock.now() + QUIET_S
        while True:
            source, destination = self.look()
            if ended := self._offline(source, destination):
                return ended
            verdict = self.judge(source, destination)
            if verdict not in UNDECIDED:
                break
            if clock.now() >= until:
                if verdict is Verdict.POSTCOPY:
                    break  # it has not come to its end by itself
                why = "a job is still active and was left alone"
                return Settled(Outcome.UNKNOWN, why, source, destination)
            clock.sleep(LOOK_S)
        self.judged(source, destination, verdict)
        outcome = ENDS[verdict](self, source, destination)
        if self._acted:
            source, destination = self.look()
        return self._as_seen(outcome, verdict, source, destination)

    def judge(self, source: Sighting, destination: Sighting) -> Verdict:
        """What the table says of what both sides show."""
        here, there = (
            at_source(source, ours=self.ctx.suspended),
            at_destination(destination),
        )
        if self.ctx.fenced is Side.SOURCE:
            here = fenced(here)
        elif self.ctx.fenced is Side.DESTINATION:
            there = fenced(there)
        if hidden(here, destination):
            return Verdict.WAIT
        told, two_step = self._told(source), self.ctx.plan.two_step
        return adjudicate(here, there, told, two_step=two_step)

    def _told(self, source: Sighting) -> Told:
        """What is known: a copy that was retired as moved is as good as COMMIT.

        Its guest did not stop by itself, and may be nowhere.
        """
        return Told.COMMITTED if source.moved and self.prepared else self.told

    def _as_seen(
        self, outcome: Outcome, verdict: Verdict, source: Sighting, there: Sighting
    ) -> Settled:
        """The outcome only counts if both hosts now show it."""
        wanted = {
            Outcome.SUCCEEDED: there.state.active and not source.state.active,
            Outcome.ROLLED_BACK: not there.state.active,
        }.get(outcome, True)
        if verdict is Verdict.GUEST_STOPPED:
            return Settled(outcome, WHY[verdict], source, there)
        if wanted or RunState.UNREACHABLE in (source.state, there.state):
            return Settled(outcome, WHY[verdict], source, there)
        why = f"source shows {source.state}, destination {there.state} after: "
        return Settled(Outcome.UNKNOWN, why + WHY[verdict], source, there)

    def _offline(self, source: Sighting, there: Sighting) -> Settled | None:
        """A stopped guest has no run state to decide by: its definitions do."""
        quiet = source.state in _STOPPED and there.state in _STOPPED
        if not quiet or self.ctx.plan.guest.state not in _STOPPED:
            return None
        forward = self.told not in (Told.BEGUN, Told.ROLLING_BACK)
        if forward and there.state is RunState.SHUTOFF and there.persistent:
            self._retire_source(source)
            why = "its definition is there"
            return Settled(Outcome.SUCCEEDED, why, see(self.ctx.guest), there)
        if forward and source.persistent and self.ctx.options.persist_dest is False:
            why = "its definition is undone there, as asked"
            return Settled(Outcome.SUCCEEDED, why, source, there)
        if source.persistent and there.state is RunState.ABSENT:
            why = "its definition is at the source, and nowhere else"
            return Settled(Outcome.ROLLED_BACK, why, source, there)
        return None

    # What each verdict does. Each returns the outcome it works for.

    def keep(self, source: Sighting, there: Sighting) -> Outcome:
        """The source goes on; an incomplete copy of ours goes."""
        del source
        self._clear_destination(there)
        return Outcome.ROLLED_BACK

    def keep_resume(self, source: Sighting, there: Sighting) -> Outcome:
        """Destination first, seen gone; only then the source."""
        del source
        if not self._clear_destination(there):
            return Outcome.UNKNOWN
        return self._resume_source()

    def keep_resume_pending(self, source: Sighting, there: Sighting) -> Outcome:
        """It can't have been started there: the source goes on now."""
        del source, there
        self._owe_clean_up()
        return self._resume_source()

    def carry_on(self, source: Sighting, there: Sighting) -> Outcome:
        """The source has it; the destination is cleaned when it is back."""
        del there
        if self.prepared:
            self._owe_clean_up()
        # What we paused and can't see must still be resumed.
        unseen = source.state is RunState.UNREACHABLE
        return Outcome.UNKNOWN if unseen and self.ctx.suspended else Outcome.ROLLED_BACK

    def forward(self, source: Sighting, there: Sighting) -> Outcome:
        """Retire the source's stopped copy."""
        del there
        self._retire_source(source)
        return Outcome.SUCCEEDED

    def forward_resume(self, source: Sighting, there: Sighting) -> Outcome:
        """Retire the source, see it stopped for good, then set the run state.

        A source that does not answer was seen stopped before COMMIT, and nobody
        resumes it since: the guest need not wait for it, only the retirement does.
        """
        gone = self._retire_source(source)
        silent = not gone and source.state is RunState.UNREACHABLE
        if not gone and not silent:
            return Outcome.UNKNOWN
        waits = there.state is RunState.PAUSED
        if self.ctx.landing is RunState.RUNNING and waits and not self._resume_there():
            return Outcome.UNKNOWN
        return Outcome.UNKNOWN if silent else Outcome.SUCCEEDED

    def stopped(self, source: Sighting, there: Sighting) -> Outcome:
        """The guest ended by itself: no image is left that is worth keeping.

        Its definition comes back at the source before one goes at the destination.
        """
        before = self.ctx.captured.definitions.persistent if self.ctx.captured else None
        silent = source.state is RunState.UNREACHABLE  # its definition is where it was
        if before and not source.persistent and not silent:
            self._try(lambda: self.ctx.source.define(before))
        self._clear_destination(there)
        return Outcome.ROLLED_BACK

    def split(self, source: Sighting, there: Sighting) -> Outcome:
        """Both run: pause the one that does not own it; destroy nothing.

        Where the hypervisor starts it at the destination by itself, it does so with all
        of its memory: a source that runs was started again, with what is older.
        """
        del source, there
        landed = self.told is Told.COMMITTED or not self.ctx.plan.two_step
        loser = self.ctx.guest if landed else self.ctx.arrival
        self._try(loser.suspend)
        return Outcome.QUARANTINED

    def unknown(self, source: Sighting, there: Sighting) -> Outcome:
        """Touch nothing."""
        del source, there
        return Outcome.UNKNOWN

    def quarantine(self, source: Sighting, there: Sighting) -> Outcome:
        """Touch nothing, call a human."""
        del source, there
        return Outcome.QUARANTINED

    # Small steps.

    def _clear_destination(self, there: Sighting) -> bool:
        """End an incoming or paused copy of ours; True when none is left."""
        ctx = self.ctx
        if not self.prepared:
            return True
        if self._fenced(Side.DESTINATION, there):
            self._owe_clean_up()
            return True
        if there.state in (RunState.PAUSED_MIGRATION, RunState.PAUSED):
            self._try(ctx.arrival.destroy)
            there = see(ctx.arrival)
        if there.state is RunState.SHUTOFF and self._superfluous_there():
            self._try(ctx.arrival.undefine)
            there = see(ctx.arrival)
        return not there.state.active and there.state is not RunState.UNREACHABLE

    def _fenced(self, side: Side, seen: Sighting) -> bool:
        """Whether nothing runs there, by a person's word: the rest waits for it."""
        return self.ctx.fenced is side and seen.state is RunState.UNREACHABLE

    def _superfluous_there(self) -> bool:
        """Whether the definition there is ours, and not the last one."""
        captured = self.ctx.captured
        if captured is None or captured.destination.state is not RunState.ABSENT:
            return False
        return not captured.source.persistent or see(self.ctx.guest).persistent

    def _resume_source(self) -> Outcome:
        """Give the source the run state that it had."""
        ctx = self.ctx
        was = ctx.captured.source.state if ctx.captured else RunState.PAUSED
        seen = see(ctx.guest)
        by_user = seen.state is RunState.PAUSED and not self.ctx.suspended
        if was is RunState.RUNNING and not by_user:
            self._try(lambda: self.relay.leave_coma(ctx))
            if see(ctx.guest).state is not RunState.RUNNING:
                return Outcome.UNKNOWN
        return Outcome.ROLLED_BACK

    def _retire_source(self, source: Sighting) -> bool:
        """End the source's stopped copy and apply what was asked of its definition."""
        ctx = self.ctx
        if self._fenced(Side.SOURCE, source):
            ctx.engine.owe("retire_source")
            ctx.engine.warn(
                "see that the guest is not started at the source when that host is back"
            )
            return True
        if source.state in STALE:
            self._try(ctx.guest.destroy)
            source = see(ctx.guest)
        asked = ctx.options.undefine_source
        if asked and source.state is RunState.SHUTOFF and source.persistent:
            self._try(ctx.guest.undefine)
        return not source.state.active and source.state is not RunState.UNREACHABLE

    def _resume_there(self) -> bool:
        """Give the landed guest its run state; storage may need a while for it."""
        ctx = self.ctx
        until = ctx.clock.now() + RESUME_S
        while True:
            self._try(lambda: self.relay.restore_run_state(ctx, ctx.landing))
            state = see(ctx.arrival).state
            if state is RunState.RUNNING or state is not RunState.PAUSED:
                return state is RunState.RUNNING
            if ctx.clock.now() >= until:
                return False
            ctx.clock.sleep(RESUME_AGAIN_S)

    def _owe_clean_up(self) -> None:
        self.ctx.engine.owe("clean_destination")
        self.ctx.engine.warn(
            "the destination does not answer: an incomplete copy may be left there"
        )

    def _try(self, action: Callable[[], object]) -> None:
        """One action; its failure is told, and seen by the look that follows."""
        self._acted = True
        try:
            action()
        except VirtmigrateError as error:
            self.fault(error)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self.fault(PluginError(f"{type(error).__name__}: {error}"))


STALE = (
    RunState.PAUSED,
    RunState.PAUSED_MIGRATION,
    RunState.POSTCOPY,
    RunState.POSTCOPY_FAILED,
)
"""A source's copy that stands still, while the destination's is complete."""
_STOPPED = (RunState.SHUTOFF, RunState.ABSENT)

ENDS: dict[Verdict, Callable[[Settler, Sighting, Sighting], Outcome]] = {
    Verdict.KEEP: Settler.keep,
    Verdict.KEEP_ALARM: Settler.keep,
    Verdict.KEEP_RESUME: Settler.keep_resume,
    Verdict.KEEP_RESUME_PENDING: Settler.keep_resume_pending,
    Verdict.CONTINUE: Settler.carry_on,
    Verdict.FORWARD: Settler.forward,
    Verdict.FORWARD_RESUME: Settler.forward_resume,
    Verdict.GUEST_STOPPED: Settler.stopped,
    Verdict.SPLIT_BRAIN: Settler.split,
    Verdict.HANDS_OFF: Settler.unknown,
    Verdict.HANDS_OFF_PAUSE: Settler.unknown,
    Verdict.POSTCOPY: Settler.unknown,
    Verdict.DESTINATION_OWNS: Settler.unknown,
    Verdict.RAN_AND_STOPPED: Settler.quarantine,
    Verdict.MAY_HAVE_RUN: Settler.quarantine,
    Verdict.NOT_OURS: Settler.quarantine,
}


def look(ctx: Context) -> tuple[Sighting, Sighting]:
    """Both sides of one migration, now."""
    return see(ctx.guest), see(ctx.arrival)


def see(guest: Guest, by: Callable[[Guest], Sighting] | None = None) -> Sighting:
    """A look that never fails: what can't be asked is UNREACHABLE.

    Args:
        guest: It.
        by: How it is looked at; None = wholly.
    """
    try:
        return by(guest) if by else guest.look()
    except VirtmigrateError as error:
        return Sighting(RunState.UNREACHABLE, why=error.message)
    except Exception as error:  # noqa: BLE001 - a plugin that breaks shows nothing
        return Sighting(RunState.UNREACHABLE, why=f"{type(error).__name__}: {error}")
