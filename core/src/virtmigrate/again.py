"""A move whose disks could not catch up is made once more, with synchronous writes.

libvirt can have a guest's writes wait for the mirror
(`VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES`), but only from the start: what runs can't
be switched. So the first move is taken back, and a second one begins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate.convergence import MIRROR_LAGS
from virtmigrate.errors import Refused, VirtmigrateError, leaves
from virtmigrate.phases import Outcome
from virtmigrate.redact import redact

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from virtmigrate.planning import Request
    from virtmigrate.results import Result

OPTION = "copy_storage_synchronous_writes"
SPELLED = "--copy-storage-synchronous-writes"
HELPS = (
    "what helps: move it while it writes less; or with --no-live, where it stands "
    "still until all is there; or over a faster link"
)


def once_more(
    first: Result,
    wanted: Request,
    cancel: threading.Event,
    move: Callable[[Request, str], Result],
) -> Result:
    """The result of the second move, where there is one; else the first's.

    Args:
        first: How the request ended.
        wanted: It.
        cancel: The caller's wish to end it; then it is not begun again.
        move: Carries a request out; is given a warning to begin with. It may raise:
            then the first's result says why there was no second.
    """
    if not lagged(first) or first.obligations or cancel.is_set():
        return first
    if (asked := getattr(wanted.options, OPTION)) is not None:
        remedy = f"leave --no-{SPELLED[2:]} out; {HELPS}"
        return first if asked else _saying(first, f"it was not tried again: {remedy}")
    options = wanted.options.model_copy(update={OPTION: True})
    # What the guest writes in memory was measured just now.
    request = replace(wanted, options=options, measure_s=0.0)
    try:
        return move(request, _why(first))
    except* (Refused, VirtmigrateError) as refused:
        reasons = "; ".join(dict.fromkeys(str(each) for each in leaves(refused)))
    return _saying(
        first, f"it could not be tried again with {SPELLED}: {reasons}; {HELPS}"
    )


def lagged(result: Result) -> bool:
    """Whether a mirror that gained nothing was taken back, and nothing else was."""
    fired = result.fired
    ended = fired is not None and fired.limit == MIRROR_LAGS
    return ended and result.outcome is Outcome.ROLLED_BACK


def _why(first: Result) -> str:
    return (
        f"migration {first.migration} was {first.outcome}: {first.limit}; this is the "
        f"same once more, with {SPELLED}"
    )


def _saying(result: Result, warning: str) -> Result:
    warnings = (*result.warnings, redact(warning))
    return result.model_copy(update={"warnings": warnings})
