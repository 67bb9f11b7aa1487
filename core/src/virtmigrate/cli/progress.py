"""How a running migration is shown: a bar, lines now and then, or events as JSON."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from virtmigrate import events
from virtmigrate.cli.output import Unread, console, line_of, say, styled, write
from virtmigrate.cli.telling import brief, figures, told

if TYPE_CHECKING:
    from virtmigrate.events import Event

PATIENCE_S = 1.0
PACE_MS = 5000.0
VERBOSE_PACE_MS = 1000.0
BAR_WIDTH = 20
REDRAW_S = 0.1


class Display(Protocol):
    """Shows events; called in one thread only, and never after `close`."""

    def show(self, event: Event) -> None:
        """Something happened."""
        ...

    def tell(self, text: str) -> None:
        """Something that is no event, for people."""
        ...

    def tick(self) -> None:
        """Nothing happened for a moment."""
        ...

    def close(self) -> None:
        """It is over; harmless twice."""
        ...


class Lines:
    """Plain lines on stderr: what happens, and the figures now and then."""

    def __init__(self, pace_ms: float = PACE_MS) -> None:
        """Show figures at most once in `pace_ms`."""
        self.pace_ms = pace_ms
        self._next_ms = 0.0
        self._phase = ""
        self._patience: float | None = time.monotonic() + PATIENCE_S

    def show(self, event: Event) -> None:
        """Print what there is to say of it."""
        self._patience = None
        if isinstance(event, events.StepStarted):
            self._phase = event.phase.value
        elif isinstance(event, events.Progress):
            if event.at_ms >= self._next_ms:
                self._next_ms = event.at_ms + self.pace_ms
                say(f"{self._phase}: {figures(event)}")
        elif text := told(event):
            say(text)

    def tell(self, text: str) -> None:
        """Print it."""
        say(text)

    def tick(self) -> None:
        """Say that it plans, if that takes its time."""
        if self._patience is not None and time.monotonic() > self._patience:
            self._patience = None
            say("planning …")

    def close(self) -> None:
        """Nothing to close."""


class Quiet(Lines):
    """Only what went wrong or may."""

    def show(self, event: Event) -> None:
        """Print warnings and faults."""
        if isinstance(event, events.Warned | events.StepEnded) and (
            text := told(event)
        ):
            say(text)

    def tick(self) -> None:
        """Say nothing."""


class Bar:
    """A bar on a terminal: phase, percent, figures, time."""

    def __init__(self) -> None:
        """Draw it; a terminal that goes away is no error."""
        self._console = console(stderr=True)
        self._next_s = 0.0
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=BAR_WIDTH),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            # We draw in the thread that handles signals, at each event and tick.
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("plan", total=None, figures="")
        with suppress(OSError):
            self._progress.start()

    def show(self, event: Event) -> None:
        """Move the bar; what there is to say goes above it."""
        if isinstance(event, events.StepStarted):
            self._progress.update(self._task, description=event.phase.value)
        elif isinstance(event, events.Progress):
            self._progress.update(
                self._task,
                total=None if event.percent is None else 100.0,
                completed=event.percent or 0.0,
                figures=brief(event),
            )
        elif text := told(event):
            self.tell(text)
        self.tick()

    def tell(self, text: str) -> None:
        """Print above the bar."""
        with suppress(OSError):
            self._console.print(styled(text, self._console.width), soft_wrap=True)

    def tick(self) -> None:
        """Draw again, now and then: time goes on."""
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + REDRAW_S
            with suppress(OSError):
                self._progress.refresh()

    def close(self) -> None:
        """Take the bar away."""
        with suppress(OSError):
            self._progress.stop()


class EventLines:
    """Each event as one line of JSON on stdout. A reader that left is no error."""

    def __init__(self) -> None:
        """Nothing is written yet."""
        self._read = True

    def show(self, event: Event) -> None:
        """Write it out at once."""
        if not self._read:
            return
        try:
            write(line_of(json.loads(event.model_dump_json())) + "\n")
        except Unread:
            # A guest on its way is worth more than a reader: it goes on.
            self._read = False
            say("warning: nobody reads the events any more; the migration goes on")

    def tell(self, text: str) -> None:
        """Not for programs."""

    def tick(self) -> None:
        """Nothing to draw."""

    def close(self) -> None:
        """Nothing to close."""


def display(*, verbose: bool, quiet: bool) -> Display:
    """What suits the place where stderr goes."""
    if quiet:
        return Quiet()
    if verbose:
        return Lines(VERBOSE_PACE_MS)
    people = console(stderr=True)
    drawn = people.is_terminal and not people.is_dumb_terminal
    return Bar() if drawn else Lines()
