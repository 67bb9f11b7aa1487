"""The record of one guest's heartbeat, and requests to the observer that writes it."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.errors import LabError
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.stream import Record
from virtmigrate_lab.windows import Window, newest_first, read_windows

VERIFY_TIMEOUT_S = 60.0
ASK_AGAIN_S = 2.0
RAMP_TRIES = 5
SILENT_S = 1.0
"""A guest that has not been heard for so long will not answer either."""


@dataclass(frozen=True)
class Walk:
    """A walk that a guest has finished.

    Args:
        pages: Pages of memory that it verified.
        blocks: Blocks that it verified, of each disk.
    """

    pages: int
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class Heartbeat:
    """What the observer hears of one guest.

    Args:
        layout: The lab's files.
        name: The guest's name in the lab.
    """

    layout: Layout
    name: str

    @property
    def path(self) -> Path:
        """The observer's record of it."""
        return self.layout.beats / f"{self.name}.jsonl"

    def windows(self, since: float = 0.0) -> list[Window]:
        """What was heard after a time (monotonic seconds)."""
        return read_windows(self.path, since)

    def last_record(self) -> Record | None:
        """What the guest last said of itself."""
        return next((w.record for w in newest_first(self.path) if w.record), None)

    def forget(self) -> None:
        """A new guest of this name starts."""
        self._ask("forget")
        self.path.unlink(missing_ok=True)

    def ready(self) -> bool:
        """Whether its memory is filled."""
        record = self.last_record()
        return record is not None and record.ready

    def heard_since(self, moment: float) -> bool:
        """Whether it beat after a time."""
        return any(window.beats for window in self.windows(moment))

    def verify(self) -> Walk | None:
        """Have it walk over all of its memory, and all blocks of its disks.

        Returns:
            What it verified; None if it fell silent or did not end.
        """
        before = self.last_record()
        if before is None:
            return None

        def settled() -> bool:
            return self._walked(before) or not self.heard_since(
                time.monotonic() - SILENT_S
            )

        asked = before.started
        deadline = time.monotonic() + VERIFY_TIMEOUT_S
        while time.monotonic() < deadline:
            record = self.last_record() or before
            if record.started == asked:  # it drops what it can't take: ask again
                self._ask("verify")
            if wait_for(settled, ASK_AGAIN_S):
                break
        record = self.last_record() or before
        if not self._walked(before):
            return None
        disks = zip(record.disks, before.disks, strict=True)
        blocks = tuple(after.verified - disk.verified for after, disk in disks)
        return Walk(record.verified - before.verified, blocks)

    def ramp(self) -> bool:
        """Have it begin to change its rate; whether it said that it does."""

        def begun() -> bool:
            record = self.last_record()
            return record is not None and record.ramped

        for _ in range(RAMP_TRIES):  # it drops what it can't take: ask again
            self._ask("ramp")
            if wait_for(begun, SILENT_S):
                return True
        return False

    def _walked(self, before: Record) -> bool:
        record = self.last_record()
        return record is not None and record.walks > before.started

    def _ask(self, verb: str) -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            try:
                peer.connect(str(self.layout.control))
                peer.sendall(f"{verb} {self.name}\n".encode("ascii"))
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1)  # it hangs up when it is done
            except OSError as error:
                raise LabError(
                    f"the observer does not listen on {self.layout.control}: {error}",
                    remedy="start the lab anew",
                ) from error
