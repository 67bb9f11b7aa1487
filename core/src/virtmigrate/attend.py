"""Run a blocking call in a thread of its own, and let the engine look in meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from virtmigrate.errors import AnswerLost
from virtmigrate.threads import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.context import Context

T = TypeVar("T")
PULSE_S = 0.1


def attend(
    call: Callable[[], T],
    ctx: Context,
    *,
    deadline_s: float | None,
    pulse_s: float = PULSE_S,
) -> T:
    """Run `call` in a daemon thread and pulse the engine until it returns.

    Args:
        call: Blocks for the whole transfer; what it raises is raised here.
        ctx: The migration.
        deadline_s: Longest wait in seconds; None = the engine's own limits end it.
        pulse_s: Seconds between two looks.

    Raises:
        AnswerLost: The deadline passed; the call may still go on.
    """
    job = Job(call)
    start = ctx.clock.now()
    while not job.wait(pulse_s):
        ctx.engine.pulse()
        if deadline_s is not None and ctx.clock.now() - start > deadline_s:
            msg = f"no answer to the transfer within {deadline_s:g} s"
            raise AnswerLost(msg, side=ctx.source.side, subject=ctx.plan.guest.name)
    return job.result()
