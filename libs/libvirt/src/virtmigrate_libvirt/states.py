"""`virDomainState` and its reasons to the core's `RunState`, as a table.

Source: `include/libvirt/libvirt-domain.h`; reasons that are not listed fall back on
their state's row without a reason.
"""

from __future__ import annotations

from virtmigrate.host import RunState

NOSTATE, RUNNING, BLOCKED, PAUSED, SHUTDOWN, SHUTOFF, CRASHED, PMSUSPENDED = range(8)
ANY = -1
MIGRATED = 4
"""`VIR_DOMAIN_SHUTOFF_MIGRATED`."""

TABLE: dict[tuple[int, int], RunState] = {
    (NOSTATE, ANY): RunState.RUNNING,
    (RUNNING, ANY): RunState.RUNNING,
    (RUNNING, 10): RunState.POSTCOPY,
    (RUNNING, 11): RunState.POSTCOPY_FAILED,
    (BLOCKED, ANY): RunState.RUNNING,
    (PAUSED, ANY): RunState.PAUSED,
    (PAUSED, 2): RunState.PAUSED_MIGRATION,
    (PAUSED, 5): RunState.PAUSED_IOERROR,
    (PAUSED, 11): RunState.PAUSED_MIGRATION,
    (PAUSED, 12): RunState.POSTCOPY,
    (PAUSED, 13): RunState.POSTCOPY_FAILED,
    (SHUTDOWN, ANY): RunState.RUNNING,
    (SHUTOFF, ANY): RunState.SHUTOFF,
    (CRASHED, ANY): RunState.SHUTOFF,
    (PMSUSPENDED, ANY): RunState.PMSUSPENDED,
}
"""State and reason to what decides a migration. NOSTATE and SHUTDOWN (its process is
about to end) count as running: nothing else is safe to assume."""

WORDS: dict[int, str] = {
    NOSTATE: "no state",
    RUNNING: "running",
    BLOCKED: "blocked",
    PAUSED: "paused",
    SHUTDOWN: "shutting down",
    SHUTOFF: "shut off",
    CRASHED: "crashed",
    PMSUSPENDED: "pmsuspended",
}
PAUSE_WORDS: dict[int, str] = {
    1: "user",
    2: "migration",
    3: "save",
    4: "dump",
    5: "I/O error",
    6: "watchdog",
    7: "from snapshot",
    8: "shutting down",
    9: "snapshot",
    10: "crashed",
    11: "starting up",
    12: "post-copy",
    13: "post-copy failed",
    14: "API error",
}
STOP_WORDS: dict[int, str] = {
    1: "shutdown",
    2: "destroyed",
    3: "crashed",
    MIGRATED: "migrated",
    5: "saved",
    6: "failed",
    7: "from snapshot",
    8: "daemon",
}
DETAILS = {PAUSED: PAUSE_WORDS, SHUTOFF: STOP_WORDS}


def run_state(state: int, reason: int, *, active: bool = True) -> RunState:
    """What a state means for a migration; one that is unknown tells nothing.

    Args:
        state: `virDomainState`.
        reason: Its reason.
        active: Whether a process exists (a crashed guest may be preserved: paused).
    """
    if state == CRASHED and active:
        return RunState.PAUSED
    fallback = TABLE.get((state, ANY), RunState.UNREACHABLE)
    return TABLE.get((state, reason), fallback)


def moved(state: int, reason: int) -> bool:
    """Whether it was ended because it had been moved away."""
    return (state, reason) == (SHUTOFF, MIGRATED)


def words(state: int, reason: int) -> str:
    """The same in libvirt's own words."""
    said = WORDS.get(state, f"state {state}")
    detail = DETAILS.get(state, {}).get(reason)
    return f"{said} ({detail})" if detail else said
