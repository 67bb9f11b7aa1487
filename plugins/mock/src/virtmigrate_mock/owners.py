"""Who holds a job: a connection of a process, and whether it is still there."""

from __future__ import annotations

import os
from functools import cache
from itertools import count
from pathlib import Path

from virtmigrate_mock.state import Owner

_numbers = count(1)


def started(pid: int) -> str:
    """When a process started, as the kernel counts it; "" when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    # The name, in parentheses, may hold spaces and parentheses itself.
    state, *fields = text.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{_boot()}:{fields[18]}"


def new() -> Owner:
    """A new connection of this process."""
    pid = os.getpid()
    return Owner(pid, _own_start(pid), f"{pid}-{next(_numbers)}")


def alive(owner: Owner) -> bool:
    """Whether the process that opened this connection still runs."""
    return owner.pid == os.getpid() or started(owner.pid) == owner.started


@cache
def _own_start(pid: int) -> str:
    return started(pid)


@cache
def _boot() -> str:
    try:
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown boot"
