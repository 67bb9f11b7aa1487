"""Wait for a migration in the main thread: show it, and heed the signals.

The first Ctrl-C (or SIGTERM, SIGHUP) cancels; a second Ctrl-C or SIGTERM leaves at
once, whatever blocks. The migration runs in a thread of its own, so no signal ever
strikes in the middle of a step.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from typing import TYPE_CHECKING, Self

from virtmigrate import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType, TracebackType

    from virtmigrate.cli.progress import Display
    from virtmigrate.events import Event
    from virtmigrate.handle import Handle
    from virtmigrate.results import Result

TICK_S = 0.05
NEEDS_RECOVERY = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = "\x1b[?25h"
CANCELLING = (
    "cancelling: what was begun is taken back, and the guest goes on at the source."
    " Ctrl-C again leaves at once."
)
TOO_LATE = (
    "too late to cancel: the switchover is committed, so it goes forward. Ctrl-C again"
    " leaves at once."
)
LEFT = (
    "\nleft at once: migration {id} is unfinished, and the guest is as both hosts\n"
    "show it. `virtmigrate status` lists it; `virtmigrate recover {id}`\n"
    "looks at both hosts and brings it to an end.\n"
)
LEFT_EARLY = "\nleft at once: {id} had not begun, and the guest was not touched.\n"


class Conductor:
    """Between a migration's thread and the main one."""

    def __init__(self, displays: Sequence[Display], *, first: str = CANCELLING) -> None:
        """Show events on these displays, all in the main thread.

        Args:
            displays: Where to show them.
            first: What the first signal is answered, where it is not too late.
        """
        self.displays = displays
        self._first = first
        # SimpleQueue: a signal handler may put while the main thread gets.
        self._queue: queue.SimpleQueue[Event | str] = queue.SimpleQueue()
        self._begun = self._committed = False
        self._migration = "-"
        self._signals = 0
        self._handle: Handle | None = None
        self._before: dict[int, object] = {}

    def sink(self, event: Event) -> None:
        """Takes every event, in the migration's thread."""
        if isinstance(event, events.Started):
            # The last counts: disks that lag make a second migration of it.
            self._migration, self._begun = event.migration, True
        self._committed = self._committed or isinstance(event, events.Committed)
        self._queue.put(event)

    def run(self, start: Callable[[], Handle]) -> Result:
        """Start it and show it to the end.

        Args:
            start: Starts the migration, with `sink` among its sinks.

        Raises:
            ExceptionGroup: Of `Refused`, if the plan was refused.
            VirtmigrateError: It could not begin.
        """
        with self:
            handle = self._handle = start()
            if self._signals:
                handle.cancel()
            # What is told before the thread is done is on the queue by then.
            while not handle.done:
                self._pump(TICK_S)
            while self._pump(0):
                pass
        return handle.wait()

    def _pump(self, timeout_s: float) -> bool:
        try:
            item = self._queue.get(timeout=timeout_s) if timeout_s else self._next()
        except queue.Empty:
            for display in self.displays:
                display.tick()
            return False
        for display in self.displays:
            if isinstance(item, str):
                display.tell(item)
            else:
                display.show(item)
        return True

    def _next(self) -> Event | str:
        return self._queue.get_nowait()

    def __enter__(self) -> Self:
        """Heed the signals, but for those that whoever started us wants ignored."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back and close the displays."""
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        for display in self.displays:
            display.close()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        handle = self._handle
        if handle is not None and handle.done:
            return
        self._signals += 1
        if self._signals == 1:
            if handle is not None:
                handle.cancel()
            self._queue.put(TOO_LATE if self._committed else self._first)
        elif number != signal.SIGHUP:
            # A closing terminal hangs up more than once: only a person means it.
            migration = handle.migration if handle else "-"
            text = (
                LEFT.format(id=self._migration)
                if self._begun
                else LEFT_EARLY.format(id=migration)
            )
            os.write(2, (SHOW_CURSOR * os.isatty(2) + text).encode())
            os._exit(NEEDS_RECOVERY if self._begun else 128 + number)
