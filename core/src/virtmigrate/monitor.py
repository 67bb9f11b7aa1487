"""The engine's eye on a running perform: samples, progress, cancel, the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from virtmigrate.able import KNOBS, able
from virtmigrate.cache import DEFAULT_BYTES
from virtmigrate.convergence import Limit, decide, looks
from virtmigrate.errors import AnswerLost, Cancelled, VirtmigrateError
from virtmigrate.figures import cleaned
from virtmigrate.history import History
from virtmigrate.host import RunState
from virtmigrate.mirror import Mirror, whole
from virtmigrate.outlook import DOWNTIME_MS, UNKNOWN, Outlook, outlook
from virtmigrate.patience import Patience
from virtmigrate.policy import Do
from virtmigrate.results import Fired
from virtmigrate.settle import see
from virtmigrate.streams import packs
from virtmigrate.unturned import ONCE, Unturned

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from virtmigrate.context import Context
    from virtmigrate.convergence import Decision
    from virtmigrate.host import Sample
    from virtmigrate.logbook import Logbook
    from virtmigrate.plan import Plan

T = TypeVar("T")
MIB = 1 << 20
CANCELLED = "cancelled by the caller"
BY_REQUEST = Limit("request", None, "", "request")
ENDING = (Do.ABORT, Do.POSTCOPY, Do.SUSPEND)
"""What turns a transfer, as opposed to helping it along."""
KEPT = (
    "total_bytes",
    "processed_bytes",
    "remaining_bytes",
    "percent",
    "dirty_bytes_s",
    "bandwidth_bytes_s",
    "iteration",
    "throttle_percent",
    "postcopy",
    "disk_total_bytes",
    "disk_processed_bytes",
    "disk_remaining_bytes",
)
"""Figures of a sample that the journal keeps."""
SAMPLES_KEPT = 300
"""About so many samples of a long transfer are kept: the pace falls with its length."""

REMEDIES = {
    "max_downtime": "permit more: --allow-postcopy, --allow-pause, or a longer "
    "--max-downtime",
    "max_switchover": "look at the link and at the destination, or permit more in a "
    "policy file (max_switchover_s)",
    "mirror_lags": "permit synchronous writes (--copy-storage-synchronous-writes), or "
    "move it while it writes less to its disks",
    "max_total": "permit more: a longer --max-time, --allow-postcopy or --allow-pause",
}
"""What a person can do about a limit that ended a transfer."""


class Monitor:
    """What `ctx.engine` is while a migration runs."""

    def __init__(self, book: Logbook, cancel: threading.Event) -> None:
        """Watch for one migration; `bind` it to its context before use."""
        self.book = book
        self.cancel = cancel
        self.limit = ""
        self.fired: Fired | None = None
        self.downtime_ms: int | None = None
        self.processed_bytes: int | None = None
        self.throttle_percent: int | None = None
        self.history = History(0.0)
        self._ctx: Context | None = None
        self._began: float | None = None
        self._patience: Patience | None = None
        self._unturned = Unturned()
        self._percent = 0.0
        self._kept_s = 0.0
        self._ending = self._aborted = False

    def bind(self, ctx: Context) -> None:
        """The migration to watch."""
        self._ctx = ctx

    def warn(self, message: str) -> None:
        """Tell people something."""
        self.book.warn(message)

    def owe(self, obligation: str) -> None:
        """Record something to be done later."""
        self.book.owe(obligation)

    def remember(self, key: str, value: str) -> None:
        """Put something into the migration's notes, durable before this returns."""
        self._bound().notes[key] = value
        self.book.write("noted", durable=True, notes={key: value})

    def check_cancel(self) -> None:
        """Raise if the caller has cancelled.

        Raises:
            Cancelled: At the edge of a step, before COMMIT.
        """
        if self.cancel.is_set():
            self.limit = CANCELLED
            raise Cancelled(CANCELLED)

    def watch(self, perform: Callable[[], T], *, since_s: float = 0.0) -> T:
        """Run a perform; what ends it because of a limit is called by that name.

        Args:
            perform: It, or the wait for one that another controller began.
            since_s: How long it has been under way already.
        """
        ctx = self._bound()
        self._began = ctx.clock.now() - since_s
        self._patience = Patience(ctx.plan.policy.limits.max_switchover_s)
        self.history = History(
            self._began,
            able=able(ctx.plan, ctx.options),
            runs=ctx.plan.guest.state is RunState.RUNNING and ctx.options.live is True,
            delta="xbzrle" in (ctx.options.compression_methods or ()),
            cache_bytes=ctx.options.compression_xbzrle_cache_bytes or DEFAULT_BYTES,
            packs=packs(ctx.options),
            throttles=bool(ctx.options.auto_converge),
            workload=ctx.plan.workload,
            link=_link(ctx.plan),
            downtime_ms=DOWNTIME_MS,
            copied=ctx.plan.copy_bytes,
            mirror=Mirror(bool(ctx.options.copy_storage_synchronous_writes)),
        )
        try:
            return perform()
        except VirtmigrateError as error:
            if self._aborted:
                msg = f"{self.limit}: {error.message}"
                raise Cancelled(
                    msg,
                    side=error.side,
                    subject=error.subject,
                    remedy=REMEDIES.get(self.fired.limit if self.fired else "", ""),
                ) from error
            raise
        finally:
            self._began = None
            self._warn_of_knobs(over=True)

    def pulse(self) -> None:
        """Sample, report, cancel, act.

        Raises:
            AnswerLost: It neither moves nor ends: whoever waits for it should look.
        """
        ctx = self._bound()
        sample = None
        try:
            sample = _read(ctx)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            # A transfer outlives a sample that failed; perform itself tells the end.
            self.book.note("no-sample", why=str(error))
        if self._began is not None:
            self.history.add(ctx.clock.now(), sample)
        if sample is not None:
            self._report(sample)
        self._lose_patience(ctx, sample)
        if self._began is None:
            return  # after perform there is nothing left to cancel or to hasten
        if sample is not None and sample.remaining_bytes != 0:
            self._unturned.goes_on()
            self._warn_of_knobs()
        if self.cancel.is_set():
            self.limit = CANCELLED
            self._fire(ctx, Do.ABORT, BY_REQUEST)
            self._abort(ctx)
        elif self._ending:
            self._abort(ctx)
        else:
            self._steer(ctx)

    def _lose_patience(self, ctx: Context, sample: Sample | None) -> None:
        if self._patience is None:
            return
        now = ctx.clock.now()
        if self._began is None:
            # Perform is over, and finish waits for the last page: it has switched,
            # even if too soon for a sample to show it.
            self._patience.switched = True
        self._patience.see(now, sample)
        if why := self._patience.over(now):
            raise AnswerLost(why, side=ctx.source.side, subject=ctx.guest.name)

    def complete(self) -> None:
        """The guest has landed: what the hypervisor counts now is final."""
        try:
            sample = _read(self._bound())
        except Exception as error:  # noqa: BLE001 - figures stop no migration
            self.book.note("no-sample", why=str(error))
            return
        if sample is not None:
            self.downtime_ms = sample.downtime_ms
            self.processed_bytes = sample.processed_bytes or self.processed_bytes

    def figures(self) -> dict[str, int | None]:
        """What a result tells of the transfer, beside what the hypervisor counts."""
        rate = self.history.middle() or self.history.usual()
        return {
            "bandwidth_bytes_s": None if rate is None else int(rate),
            "iterations": self.history.number or None,
            "throttle_percent": self.throttle_percent,
        }

    def _bound(self) -> Context:
        if self._ctx is None:
            msg = "a monitor was used before it was bound"
            raise RuntimeError(msg)
        return self._ctx

    # What is told.

    def _report(self, sample: Sample) -> None:
        total, left = whole(sample, self.history.size)
        raw = sample.percent
        if raw is None and total and left is not None:
            raw = 100.0 * (1 - min(left, total) / total)
        if raw is not None:
            self._percent = max(self._percent, min(100.0, max(0.0, raw)))
        self.processed_bytes = sample.processed_bytes or self.processed_bytes
        if sample.throttle_percent is not None:
            most = max(self.throttle_percent or 0, sample.throttle_percent)
            self.throttle_percent = most
        self._keep(sample)
        if not self.book.sinks:
            return
        ahead = self._ahead()
        self.book.emit(
            "progress",
            percent=None if raw is None else self._percent,
            raw_percent=raw,
            remaining_s=ahead.postcopy_s if sample.postcopy else ahead.remaining_s,
            converges=ahead.converges,
            **{name: getattr(sample, name) for name in KEPT if name != "percent"},
        )

    def _ahead(self) -> Outlook:
        try:
            return outlook(self.history, self._bound().plan.policy)
        except ArithmeticError as error:
            self.book.note("no-outlook", why=str(error))
            return UNKNOWN

    def _keep(self, sample: Sample) -> None:
        """Write a sample down: often at first, seldom in a long transfer."""
        at_s = self.book.elapsed_ms() / 1000
        if self._kept_s and at_s - self._kept_s < at_s / SAMPLES_KEPT:
            return
        self._kept_s = at_s
        figures = {name: getattr(sample, name) for name in KEPT}
        self.book.note("sample", at_ms=at_s * 1000, **figures)

    # What is done.

    def _steer(self, ctx: Context) -> None:
        now, policy = ctx.clock.now(), ctx.plan.policy
        if not looks(policy, self.history, now):
            return
        for _ in KNOBS:
            try:
                decision = decide(policy, self.history, now)
            except ArithmeticError as error:
                # Figures that no rule was made for: the deadline comes first.
                self.book.note("no-decision", why=str(error))
                return
            # A limit that could not be set keeps nothing else from being decided.
            if decision is None or self._carry_out(ctx, decision):
                return

    def _carry_out(self, ctx: Context, decision: Decision) -> bool:
        """Do what was decided; says whether that is all of this look."""
        do = decision.do
        if do is Do.SUSPEND and see(ctx.guest).state is RunState.PAUSED:
            # Somebody else has paused it: it stays that person's wish.
            self.history.did(decision.rule, do, ctx.clock.now())
            return True
        if do in ENDING and decision.limit is not None:
            self.limit = decision.why
            self._fire(ctx, do, decision.limit)
        if do is Do.ABORT:
            self.limit = decision.why
            self._abort(ctx)
            return True
        if do in ONCE:
            self._ask_once(ctx, decision)
        try:
            ctx.guest.set_knob(KNOBS[do], decision.value or 0)
        except Exception as error:  # noqa: BLE001 - the transfer goes on without it
            self.book.note("knob-refused", knob=KNOBS[do].value, why=str(error))
            self._unturned.refused(do, decision.value, decision.why, error)
            if do not in ONCE:
                self.history.refuse(do, ctx.clock.now())
            return do in ONCE
        self._unturned.turned(do)
        if do not in ONCE:
            self.history.did(decision.rule, do, ctx.clock.now(), decision.value)
        self._tell(KNOBS[do].value, decision.value, decision.why)
        return True

    def _ask_once(self, ctx: Context, decision: Decision) -> None:
        """Take it for done before it is asked for: an error does not tell."""
        self.history.did(decision.rule, decision.do, ctx.clock.now(), decision.value)
        if decision.do is Do.POSTCOPY and self._patience is not None:
            self._patience.ask(ctx.clock.now())
        if decision.do is Do.SUSPEND:
            ctx.suspended = True
            self.book.note("suspended", durable=True, why=decision.why)

    def _warn_of_knobs(self, *, over: bool = False) -> None:
        for words in self._unturned.news(over=over):
            self.book.warn(words)

    def _abort(self, ctx: Context) -> None:
        """Ask for the end of the transfer, again at each pulse until it ends."""
        self._ending = True
        if self._patience is not None:
            self._patience.tell(ctx.clock.now())
        try:
            ctx.guest.abort()
        except Exception as error:  # noqa: BLE001 - asked again at the next pulse
            self.book.note("abort-refused", why=str(error))
            return
        if not self._aborted:
            self._aborted = True
            self.history.did("abort", Do.ABORT, ctx.clock.now())
            self._tell("abort", None, self.limit)

    def _fire(self, ctx: Context, do: Do, limit: Limit) -> None:
        if self.fired and self.fired.action == do:
            return
        self.fired = Fired(
            limit=limit.name,
            value=limit.value,
            unit=limit.unit,
            origin=limit.origin,
            action=do.value,
            at_s=self.history.elapsed_s(ctx.clock.now()),
        )

    def _tell(self, action: str, value: int | None, why: str) -> None:
        at_ms = self.book.elapsed_ms()
        self.book.note("acted", at_ms=at_ms, action=action, value=value, why=why)
        self.book.emit("acted", action=action, value=value, why=why)


def _read(ctx: Context) -> Sample | None:
    """What the hypervisor counts, less what can't be a measurement."""
    sample = ctx.guest.sample()
    return None if sample is None else cleaned(sample)


def _link(plan: Plan) -> float | None:
    """Bytes a second that a plan took its link to carry."""
    rate = plan.forecast.bandwidth_mib_s if plan.forecast else None
    return rate * MIB if rate else None
