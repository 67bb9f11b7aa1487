"""The interpreter of a plan: one step after the other, journalled, undone, judged.

It knows no hypervisor. An intent is durable before a step that changes anything, a
record follows it; COMMIT is durable before finish. Before COMMIT an error takes back,
in reverse, what was begun; after it there is only forward. Whatever happened, the end
is what both hosts show (`settle.py`), never a return code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from virtmigrate import insecure
from virtmigrate.adjudication import Told
from virtmigrate.alarms import Watchdog
from virtmigrate.closing import Closing
from virtmigrate.context import Captured, Context
from virtmigrate.errors import (
    AnswerLost,
    HostError,
    HostUnreachable,
    PluginError,
    Side,
    VirtmigrateError,
)
from virtmigrate.forward import (
    Missing,
    after_lost_finish,
    decide_landing,
    wait_for_source,
)
from virtmigrate.host import Definitions, RunState, glance
from virtmigrate.phases import Fate, Phase
from virtmigrate.recovery import UNDO_CONFIGURATION, remembered
from virtmigrate.rollback import Rollback, completes_alone, went_by_itself
from virtmigrate.settle import see
from virtmigrate.together import begun, remote, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.host import Guest, Host, Sighting
    from virtmigrate.logbook import Logbook
    from virtmigrate.monitor import Monitor
    from virtmigrate.plan import Step
    from virtmigrate.relay import Relay
    from virtmigrate.results import Result

PHASE_HOOKS = ("begin", "prepare", "perform", "finish", "confirm")
NONE = Definitions(None, None)
BEFORE_FINISH = (Phase.BEGIN, Phase.PREPARE, Phase.PERFORM, Phase.COMMIT)


def _taken(guest: Guest, host: Host) -> tuple[Sighting, Definitions]:
    """One side as it is."""
    seen = guest.look()
    if seen.state is RunState.UNREACHABLE:
        msg = f"the host does not answer: {seen.why}"
        raise HostUnreachable(msg, side=host.side, subject=host.name)
    return seen, NONE if seen.state is RunState.ABSENT else guest.definitions()


def _both(ctx: Context) -> Captured:
    """Both sides as they are."""
    (source, definitions), (there, known) = together(
        lambda: _taken(ctx.guest, ctx.source),
        lambda: _taken(ctx.arrival, ctx.destination),
        apart=remote(ctx.source, ctx.destination),
    )
    if source.state is RunState.ABSENT:
        msg = "the guest has gone from the source"
        raise HostError(msg, side=ctx.source.side, subject=ctx.guest.name)
    return Captured(source, definitions, there, known)


class Engine:
    """One run of one plan."""

    def __init__(
        self,
        ctx: Context,
        relays: tuple[Relay, Relay],
        book: Logbook,
        monitor: Monitor,
        seen: Captured | None = None,
    ) -> None:
        """Get ready; `run()` does it.

        Args:
            ctx: The migration; its hosts are open.
            relays: The source's and the destination's.
            book: Journal, events and faults of this migration.
            monitor: Watches perform (`ctx.engine`).
            seen: Both sides as they were a moment ago; None = not known.
        """
        self.ctx = ctx
        self.at_source, self.at_destination = relays
        self.book = book
        self.monitor = monitor
        self.seen = seen
        self.cookie = b""
        self.told = Told.BEGUN
        self.entered: list[Step] = []
        self.done: set[str] = set()
        self.landed_ms: float | None = None
        self.stopped_ms: float | None = None
        self.watchdog = Watchdog(ctx.plan, book, ctx.clock)
        self._count = monitor.complete
        self._planned = {step.hook for step in ctx.plan.steps}
        paused = "restore_run_state" in self._planned
        self._lands_with = "restore_run_state" if paused else "finish"

    def run(self) -> Result:
        """Carry the plan out and say what both hosts show in the end."""
        try:
            return self._run()
        finally:
            self.watchdog.stop()

    def _run(self) -> Result:
        self.book.start(self.ctx)
        for name in self.ctx.plan.insecure:
            self.book.warn(insecure.words(name))
        steps = list(self.ctx.plan.steps)
        while steps and steps[0].phase is not Phase.FINISH:
            if self._try(steps.pop(0)):
                continue
            if not went_by_itself(self.ctx, self.told):
                self._roll_back()
                return self._end()
            self._commit_late()
            steps = [s for s in steps if s.phase not in BEFORE_FINISH]
        # After COMMIT no failing step stops the following ones; but nothing is retired
        # or undone for a guest that was not seen at the destination.
        for step in steps:
            if step.hook in UNDO_CONFIGURATION and self._owes_before(step.hook):
                continue
            if not self._try(step) and step.hook == "finish":
                break
        return self._end()

    # One step.

    def _try(self, step: Step) -> bool:
        """Run a step; False if it failed (its fault is in the log)."""
        self.book.emit("step-started", step=step.id, phase=step.phase, side=step.side)
        try:
            if self._can_go_back():
                self.monitor.check_cancel()
            self._intend(step)
            with self.watchdog.over(step.id, step.hook, step.side):
                self._act(step)
        except VirtmigrateError as error:
            return self._failed(step, error)
        except Exception as error:  # noqa: BLE001 - a plugin's Host may raise anything
            msg = f"{step.hook} raised {type(error).__name__}: {error}"
            return self._failed(step, PluginError(msg, side=step.side))
        self.done.add(step.hook)
        self.book.note("record", step=step.id, notes=dict(self.ctx.notes))
        self.book.emit("step-ended", step=step.id, ok=True)
        if step.hook == self._lands_with:
            self._landed()
        return True

    def _owes_before(self, hook: str) -> bool:
        """Whether an undo that must come first has failed: the closing tries both."""
        before = UNDO_CONFIGURATION[: UNDO_CONFIGURATION.index(hook)]
        return any(name in self._planned - self.done for name in before)

    def _can_go_back(self) -> bool:
        if self.told is Told.PERFORMED:
            return not completes_alone(self.ctx)
        return self.told is Told.BEGUN

    def _failed(self, step: Step, error: VirtmigrateError) -> bool:
        fault = self.book.fault(error, step.id)
        self.book.emit("step-ended", step=step.id, ok=False, fault=fault)
        return step.hook == "finish" and self._finish_failed(error)

    def _intend(self, step: Step) -> None:
        self.entered.append(step)
        self.ctx.suspended |= step.hook == "enter_coma"
        if step.hook == "perform":
            self.told = Told.PERFORM_INTENDED
        # COMMIT is the intent of finish, and is durable already. After it there is
        # only forward, even for a journal that can't be written any more.
        durable = step.changes and step.hook not in ("commit", "finish")
        write = self.book.note if self.told is Told.COMMITTED else self.book.write
        write("intent", durable=durable, step=step.id)

    def _act(self, step: Step) -> None:
        relay = self.at_destination if step.side == "destination" else self.at_source
        if (own := self._OWN.get(step.hook)) is not None:
            own(self)
        elif step.hook in PHASE_HOOKS:
            self._phase(step.hook, relay)
        else:
            getattr(relay, step.hook)(self.ctx)
        if step.hook == "enter_coma":
            self._stands_still()

    def _stands_still(self) -> None:
        """The guest runs nowhere from here on; the first time counts."""
        if self.stopped_ms is None:
            self.stopped_ms = self.book.elapsed_ms()

    def _phase(self, hook: str, relay: Relay) -> None:
        if hook == "begin":
            self.cookie = relay.begin(self.ctx)
        elif hook == "prepare":
            self.cookie = relay.prepare(self.ctx, self.cookie)
        elif hook == "perform":
            if self.ctx.options.live is False:
                self._stands_still()
            self.cookie = self.monitor.watch(
                lambda: relay.perform(self.ctx, self.cookie)
            )
            self.told = Told.PERFORMED
            self._stands_still()
        elif hook == "finish":
            self._count = self._counting()
            self.cookie = relay.finish(self.ctx, self.cookie, Fate.GO)
        else:
            relay.confirm(self.ctx, self.cookie, Fate.GO)

    def _counting(self) -> Callable[[], None]:
        """The source's last figures; a post-copy's are only there when it is over."""
        ctx = self.ctx
        apart = remote(ctx.source, ctx.destination) and not ctx.options.postcopy
        return begun(self.monitor.complete, apart=apart)

    # The engine's own steps.

    def _capture(self) -> None:
        ctx = self.ctx
        ctx.captured = self.seen or _both(ctx)
        ctx.landing = decide_landing(ctx, ctx.captured.source)
        self.book.write("captured", **remembered(ctx.captured))

    def _commit(self) -> None:
        """See the source not running, decide the landing, make COMMIT durable."""
        ctx = self.ctx
        # Side by side: the guest stands still meanwhile.
        seen, there = together(
            lambda: wait_for_source(ctx, glance),
            lambda: glance(ctx.arrival) if ctx.plan.two_step else None,
            apart=ctx.plan.two_step and remote(ctx.source, ctx.destination),
        )
        if seen.state is RunState.UNREACHABLE:
            msg = "the source does not answer, so it was not seen to have stopped"
            raise AnswerLost(msg, side=ctx.source.side, subject=ctx.guest.name)
        if seen.state is RunState.RUNNING and ctx.plan.guest.state.active:
            msg = "the guest still runs at the source after perform"
            raise HostError(msg, side=ctx.source.side, subject=ctx.guest.name)
        if there is not None and seen.state.active:
            self._destination_has_it(there)
        ctx.landing = decide_landing(ctx, seen)
        self.book.write("commit", durable=True, landing=ctx.landing.value)
        self._committed()

    def _commit_late(self) -> None:
        """The hypervisor has moved it, whatever was answered: only forward."""
        if self.told is Told.PERFORM_INTENDED:
            self.cookie = b""
        self.ctx.landing = decide_landing(self.ctx, see(self.ctx.guest))
        self.book.note("commit", durable=True, landing=self.ctx.landing.value)
        self._committed()

    def _committed(self) -> None:
        self.told = Told.COMMITTED
        self.book.emit("committed", landing=self.ctx.landing)

    def _destination_has_it(self, seen: Sighting) -> None:
        """While the source can still go on, don't commit to a host that lost it."""
        if not seen.state.active:
            msg = f"the guest has arrived, but there it is {seen.state}"
            raise HostError(
                msg, side=self.ctx.destination.side, subject=self.ctx.guest.name
            )

    def _observe(self) -> None:
        """The closing looks at both hosts, whatever came before."""

    def _restore_run_state(self) -> None:
        self.at_destination.restore_run_state(self.ctx, self.ctx.landing)

    def _landed(self) -> None:
        self.landed_ms = self.book.elapsed_ms()
        self.book.emit("landed", state=self.ctx.landing)
        self._count()

    # When something fails.

    def _finish_failed(self, error: VirtmigrateError) -> bool:
        """After COMMIT: find out whether finish started the guest.

        True = it is there: go on. False = it certainly never ran there (COMMIT is
        withdrawn, the source may go on) or the truth is left to the settlement.
        """
        lost = isinstance(error, AnswerLost) or not isinstance(error, HostError)
        found = after_lost_finish(self.ctx, answered=not lost)
        if found is Missing.THERE:
            self.cookie = b""
            self._landed()
            return True
        if found is Missing.NEVER_STARTED and self._back.withdraw():
            self.told = Told.ROLLING_BACK
        return False

    def _roll_back(self) -> None:
        performed = self.told is not Told.BEGUN
        with self.watchdog.over("rollback", "rollback", Side.BOTH):
            taken_back = self._back.take_back(self.entered, performed=performed)
        if taken_back and performed:
            self.told = Told.ROLLING_BACK

    @property
    def _back(self) -> Rollback:
        return Rollback(self.ctx, self.at_source, self.at_destination, self.book)

    def _end(self) -> Result:
        with self.watchdog.over("closing", "closing", Side.BOTH):
            return self._close()

    def _close(self) -> Result:
        return Closing(
            self.ctx,
            self.at_source,
            self.book,
            self.monitor,
            self.told,
            prepared=any(step.hook == "prepare" for step in self.entered),
            landed_ms=self.landed_ms,
            stopped_ms=self.stopped_ms,
            left=tuple(h for h in UNDO_CONFIGURATION if h in self._planned - self.done),
        ).close()

    _OWN: ClassVar[dict[str, Callable[[Engine], None]]] = {
        "capture": _capture,
        "commit": _commit,
        "restore_run_state": _restore_run_state,
        "observe": _observe,
    }
    """Steps that are no hooks of a hypervisor."""
