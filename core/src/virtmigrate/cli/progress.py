"""How a running migration is shown: a bar, lines now and then, or events as JSON."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.text import Text

from virtmigrate import events
from virtmigrate.cli.live import Style, Track, line
from virtmigrate.cli.output import Unread, console, line_of, say, styled, write
from virtmigrate.cli.telling import figures, told

if TYPE_CHECKING:
    from virtmigrate.events import Event

PATIENCE_S = 1.0
PACE_MS = 5000.0
VERBOSE_PACE_MS = 1000.0
REDRAW_S = 0.1
LOOKS = {
    r"(?m)^\S+": "bold",
    r"[━#]+[━#─-]*": "cyan",
    r"[▁▂▃▄▅▆▇█]+": "blue",
    "won't converge|throttle .*? %": "yellow",
}
"""What is marked in a line, and how: colour only repeats what the words say."""


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
        if isinstance(event, events.Started):
            self._next_ms = 0.0  # a second try has a time of its own
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
        if isinstance(event, events.Warned | events.Alarm | events.StepEnded) and (
            text := told(event)
        ):
            say(text)

    def tick(self) -> None:
        """Say nothing."""


class Bar:
    """A line for each guest on a terminal; what happens goes above them."""

    def __init__(self) -> None:
        """Draw it; a terminal that goes away is no error."""
        self._console = console(stderr=True)
        self._next_s = 0.0
        self._began_s = time.monotonic()
        self._tracks: dict[str, Track] = {"": Track()}
        # We draw in the thread that handles signals, at each event and tick.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            get_renderable=self._drawn,
        )
        with suppress(OSError):
            self._live.start()

    def show(self, event: Event) -> None:
        """Take it into the guest's line; what there is to say goes above."""
        # What was shown while nothing had begun becomes the line of the first.
        before = self._tracks.pop("", Track())
        track = self._tracks.get(event.migration, before)
        self._tracks[event.migration] = track.after(event)
        if isinstance(event, events.Ended):
            # What comes yet, if anything, is another migration's.
            del self._tracks[event.migration]
            self._tracks = self._tracks or {"": Track()}
        if text := told(event):
            self.tell(text)
        self.tick()

    def _drawn(self) -> Text:
        style = Style(
            # The last column is left alone: some terminals wrap there.
            width=max(1, self._console.width - 1),
            ascii=self._console.options.ascii_only,
            named=len(self._tracks) > 1,
            elapsed_s=time.monotonic() - self._began_s,
        )
        rows = [line(track, style) for track in self._tracks.values()]
        drawn = Text("\n".join(rows), no_wrap=True, overflow="crop")
        for pattern, look in LOOKS.items():
            drawn.highlight_regex(pattern, look)
        return drawn

    def tell(self, text: str) -> None:
        """Print above the lines."""
        with suppress(OSError):
            self._console.print(styled(text, self._console.width), soft_wrap=True)

    def tick(self) -> None:
        """Draw again, now and then: time goes on."""
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + REDRAW_S
            with suppress(OSError):
                self._live.refresh()

    def close(self) -> None:
        """Take the lines away."""
        with suppress(OSError):
            self._live.stop()


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
