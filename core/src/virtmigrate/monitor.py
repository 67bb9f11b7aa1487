"""The engine's eye on a running perform: samples, progress, cancel, the timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from virtmigrate.capabilities import Knob
from virtmigrate.errors import Cancelled, VirtmigrateError
from virtmigrate.host import RunState
from virtmigrate.settle import see

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from virtmigrate.context import Context
    from virtmigrate.host import Sample
    from virtmigrate.logbook import Logbook

T = TypeVar("T")
CANCELLED = "cancelled by the caller"


class Monitor:
    """What `ctx.engine` is while a migration runs."""

    def __init__(self, book: Logbook, cancel: threading.Event) -> None:
        """Watch for one migration; `bind` it to its context before use."""
        self.book = book
        self.cancel = cancel
        self.limit = ""
        self.downtime_ms: int | None = None
        self.processed_bytes: int | None = None
        self._ctx: Context | None = None
        self._began: float | None = None
        self._percent = 0.0
        self._acted: set[str] = set()

    def bind(self, ctx: Context) -> None:
        """The migration to watch."""
        self._ctx = ctx

    def warn(self, message: str) -> None:
        """Tell people something."""
        self.book.warn(message)

    def owe(self, obligation: str) -> None:
        """Record something to be done later."""
        self.book.owe(obligation)

    def check_cancel(self) -> None:
        """Raise if the caller has cancelled.

        Raises:
            Cancelled: At the edge of a step, before COMMIT.
        """
        if self.cancel.is_set():
            self.limit = CANCELLED
            raise Cancelled(CANCELLED)

    def watch(self, perform: Callable[[], T]) -> T:
        """Run a perform; what ends it because of a cancel is called by that name."""
        ctx = self._bound()
        self._began = ctx.clock.now()
        try:
            return perform()
        except VirtmigrateError as error:
            if "abort" in self._acted:
                msg = f"{self.limit}: {error.message}"
                raise Cancelled(msg, side=error.side, subject=error.subject) from error
            raise
        finally:
            self._began = None

    def pulse(self) -> None:
        """Sample, report, cancel, act."""
        ctx = self._bound()
        sample = None
        try:
            sample = ctx.guest.sample()
            if sample is not None:
                self._report(sample)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            # A transfer outlives a sample that failed; perform itself tells the end.
            self.book.note("no-sample", why=str(error))
        if self._began is None:
            return  # after perform there is nothing left to cancel or to hasten
        if self.cancel.is_set():
            self.limit = CANCELLED
            self._abort(ctx)
        else:
            self._timers(ctx, sample, ctx.clock.now() - self._began)

    def complete(self) -> None:
        """The guest has landed: what the hypervisor counts now is final."""
        try:
            sample = self._bound().guest.sample()
        except Exception as error:  # noqa: BLE001 - figures stop no migration
            self.book.note("no-sample", why=str(error))
            return
        if sample is not None:
            self.downtime_ms = sample.downtime_ms
            self.processed_bytes = sample.processed_bytes or self.processed_bytes

    def _bound(self) -> Context:
        if self._ctx is None:
            msg = "a monitor was used before it was bound"
            raise RuntimeError(msg)
        return self._ctx

    def _report(self, sample: Sample) -> None:
        total, left = sample.total_bytes, sample.remaining_bytes
        raw = sample.percent
        if raw is None and total and left is not None:
            raw = 100.0 * (1 - min(left, total) / total)
        if raw is not None:
            self._percent = max(self._percent, min(100.0, max(0.0, raw)))
        self.processed_bytes = sample.processed_bytes or self.processed_bytes
        self.book.emit(
            "progress",
            percent=None if raw is None else self._percent,
            raw_percent=raw,
            total_bytes=total,
            processed_bytes=sample.processed_bytes,
            remaining_bytes=left,
            dirty_bytes_s=sample.dirty_bytes_s,
            bandwidth_bytes_s=sample.bandwidth_bytes_s,
            iteration=sample.iteration,
            postcopy=sample.postcopy,
        )

    def _abort(self, ctx: Context) -> None:
        """Ask for the end of the transfer, again at each pulse until it ends."""
        first = "abort" not in self._acted
        try:
            ctx.guest.abort()
        except Exception as error:  # noqa: BLE001 - asked again at the next pulse
            self.book.note("abort-refused", why=str(error))
            return
        if first:
            self._acted.add("abort")
            self.book.emit("acted", action="abort", value=None, why=self.limit)

    def _timers(self, ctx: Context, sample: Sample | None, elapsed_s: float) -> None:
        """Virsh's own timers: `--timeout` and `--postcopy-after-precopy`."""
        options = ctx.options
        late = options.timeout_s is not None and elapsed_s >= options.timeout_s
        passes = (sample.iteration or 0) if sample else 0
        table = (
            (late and options.timeout_postcopy, Knob.POSTCOPY, "--timeout-postcopy"),
            (late and not options.timeout_postcopy, Knob.SUSPEND, "--timeout"),
            (
                options.postcopy_after_precopy and passes > 1,
                Knob.POSTCOPY,
                "--postcopy-after-precopy",
            ),
        )
        for due, knob, why in table:
            if due and knob.value not in self._acted:
                self._turn(ctx, knob, why)

    def _turn(self, ctx: Context, knob: Knob, why: str) -> None:
        self._acted.add(knob.value)
        if knob is Knob.SUSPEND:
            if see(ctx.guest).state is RunState.PAUSED:
                return  # somebody else has: it stays that person's wish
            ctx.suspended = True
            self.book.note("suspended", durable=True, why=why)
        try:
            ctx.guest.set_knob(knob, 0)
        except Exception as error:  # noqa: BLE001 - the transfer goes on without it
            self.book.warn(f"{why}: {error}")
            return
        self.book.emit("acted", action=knob.value, value=None, why=why)
