"""Processes of a lab: known by pid *and* start time, and by the lab's mark.

A pid alone says nothing, as the kernel gives it to the next process. The start time
in ``/proc/PID/stat`` tells the two apart, and a mark inside each host's mount
namespace finds the processes (QEMU) that a daemon started by itself.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.layout import INNER_RUN

END_TIMEOUT_S = 10.0
POLL_S = 0.02

MARK = f"{INNER_RUN}/id"
"""A file inside a host's mount namespace: the id of its lab, and its name."""
LAB_ID = "VIRTMIGRATE_LAB_ID"
"""The variable by which the processes that the lab starts itself are known."""


@dataclass(frozen=True)
class Process:
    """A process that can't be mistaken for another.

    Args:
        pid: Its id.
        start: Its start time in clock ticks since boot (``/proc/PID/stat``, field 22).
    """

    pid: int
    start: int

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie doesn't)."""
        return start_time(self.pid) == self.start

    def kill(self, number: int = signal.SIGKILL) -> bool:
        """Send a signal to this very process; False if it is gone."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def identify(pid: int) -> Process | None:
    """The process that has this pid now, if any."""
    start = start_time(pid)
    return None if start is None else Process(pid, start)


def wait_for(
    check: Callable[[], bool], timeout_s: float, poll_s: float = POLL_S
) -> bool:
    """Wait until a check holds; False if it did not within the limit."""
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_s)
    return True


def end(processes: Iterable[Process], *, grace_s: float = 0.0) -> list[Process]:
    """End processes: SIGTERM and a grace period if one is given, then SIGKILL.

    Returns:
        Those that were still there :data:`END_TIMEOUT_S` later (normally none).
    """
    left = [p for p in processes if p.alive()]
    if grace_s:
        for process in left:
            process.kill(signal.SIGTERM)
        wait_for(lambda: not any(p.alive() for p in left), grace_s)
    for process in left:
        process.kill(signal.SIGKILL)
    wait_for(lambda: not any(p.alive() for p in left), END_TIMEOUT_S)
    return [p for p in left if p.alive()]


def marked(lab_id: str, host: str | None = None) -> list[Process]:
    """All processes of a lab, or of one of its hosts.

    A process is the lab's if it was started with the lab's id in its environment, or
    if its own root shows the mark of one of the lab's hosts (libvirtd starts QEMU with
    a clean environment).

    Args:
        lab_id: Unique to the lab.
        host: Only what runs inside the namespaces of this host.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        words = _read(entry / f"root{MARK}").decode("utf-8", "replace").split()
        ours = words == [lab_id, host] if host else words[:1] == [lab_id]
        if not ours and host is None:
            variables = _read(entry / "environ").split(b"\0")
            ours = f"{LAB_ID}={lab_id}".encode() in variables
        process = identify(int(entry.name)) if ours else None
        if process is not None:
            found.append(process)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
