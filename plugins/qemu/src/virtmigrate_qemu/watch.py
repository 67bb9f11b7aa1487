"""What a driven perform looks at, beside what the engine does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate_libvirt.guest import LibvirtGuest
from virtmigrate_libvirt.host import ours
from virtmigrate_qemu.send_queue import NOTE, queue_of
from virtmigrate_qemu.standstill import Standstill

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.host import Sample
    from virtmigrate_libvirt.drive import Drive


class Watch:
    """The engine's pulse, and ours.

    A destination whose connection is gone ends the transfer; a guest that somebody
    pauses meanwhile is to stay paused; and what waits to be sent is kept short.

    Attributes:
        gave_up: Whether the transfer was aborted because the destination is gone.
    """

    def __init__(self, ctx: Context, drive: Drive) -> None:
        """Watch one perform."""
        self._ctx = ctx
        self._drive = drive
        self._still = Standstill()
        running = ctx.plan.guest.state is RunState.RUNNING
        self._live = running and ctx.options.live is True
        self._listens = False
        self._queue = queue_of(
            ours(ctx.source).control.uri, ctx.guest.uuid, drive.memory_uri
        )
        self.gave_up = False

    def pulse(self) -> None:
        """Called every 0.1 s of the transfer."""
        guest = self._ctx.guest
        if not self._listens and isinstance(guest, LibvirtGuest):
            # Only now: a transfer that is over before this has no passes to tell of.
            self._listens = True
            guest.passes.listen()
        self._ctx.engine.pulse()
        if isinstance(guest, LibvirtGuest) and guest.last is not None:
            self._still.see(self._ctx.clock.now(), *guest.last)
            self._shorten(guest, guest.last[1])
        if not self.gave_up and not self._drive.destination.wired(
            self._drive.migration
        ):
            self._give_up()

    def _shorten(self, guest: LibvirtGuest, sample: Sample) -> None:
        rate = sample.bandwidth_bytes_s
        if not self._queue or not rate:
            return
        if self._queue.follow(rate):
            guest.queued_bytes = self._queue.bytes
        self._drive.notes[NOTE] = self._queue.why_not or str(self._queue.bytes)

    def _give_up(self) -> None:
        try:
            if self._ctx.guest.look().job:
                self._ctx.guest.abort()
                self.gave_up = True
        except HostError as error:
            self.warn(f"the transfer could not be ended: {error.message}")

    @property
    def stood(self) -> bool:
        """Whether the guest was seen to stand still at the last look."""
        return self._live and self._still.since is not None

    def complete(self) -> None:
        """All has been sent: find out whether somebody had paused the guest."""
        guest = self._ctx.guest
        if not self.stood:
            return
        try:
            sample = guest.sample()
        except HostError as error:
            self.warn(f"the length of the switchover is unknown: {error.message}")
            return
        downtime = sample.downtime_ms if sample else None
        if downtime is None or not isinstance(guest, LibvirtGuest):
            return
        guest.held = self._still.somebody_s(downtime)

    def failed(self) -> None:
        """It did not come to that: undo what libvirt does not."""
        guest = self._ctx.guest
        if not isinstance(guest, LibvirtGuest):
            return
        try:
            guest.reset_knobs()
            if self._live and self._still.surely_somebody_s and not self._ours:
                guest.suspend()
        except HostError as error:
            self.warn(f"the source is not quite as it was: {error.message}")

    @property
    def _ours(self) -> bool:
        return self._ctx.suspended

    def warn(self, message: str) -> None:
        """Tell people something."""
        self._ctx.engine.warn(message)

    def owe(self, obligation: str) -> None:
        """Record something to be done later."""
        self._ctx.engine.owe(obligation)

    def remember(self, key: str, value: str) -> None:
        """Put something into the notes."""
        self._ctx.engine.remember(key, value)
