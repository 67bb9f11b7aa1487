"""What stands in the way of any migration, whatever the hypervisor. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from virtmigrate.context import PlanContext

POSTCOPY = (RunState.POSTCOPY, RunState.POSTCOPY_FAILED)


def blockers(request: PlanContext) -> list[Finding]:
    """Every blocker of this table that holds.

    Args:
        request: Two hosts, a guest, a request.
    """
    options, guest, seen = request.options, request.guest, request.sighting
    there = request.there
    called = guest.name
    name = options.dest_name or called
    holder = request.destination.name_taken_by(name)
    same = request.source.uuid == request.destination.uuid
    here, host = Side.SOURCE, request.destination.name
    state = f"state: {seen.state}"
    # fmt: off
    table = (
        (same, "same-host", Side.BOTH, host,
         "source and destination are the same host", "name another destination",
         f"both have the UUID {request.source.uuid}"),
        (not same and holder not in (None, guest.uuid), "name-taken", Side.DESTINATION,
         name, f"another guest is called {name} there",
         "give this one a new name with --dname, or rename that one",
         f"it has the UUID {holder}"),
        (not same and there.state.active, "already-active", Side.DESTINATION,
         called, f"a guest of the same UUID is {there.state} there",
         "find out which copy is the right one, and stop the other",
         f"state: {there.state}"),
        (there.state is RunState.UNREACHABLE, "unreachable", Side.DESTINATION, host,
         f"the host does not answer: {there.why}", "look at its daemon",
         f"state: {there.state}"),
        (seen.state is RunState.UNREACHABLE, "unreachable", here, called,
         f"the host does not answer: {seen.why}", "look at its daemon", state),
        (seen.job, "job-active", here, called,
         "another job (a migration?) is active on the guest",
         "wait for it, or abort it", "its job information"),
        (seen.state in POSTCOPY, "in-postcopy", here, called,
         "the guest is in the middle of a post-copy", "resume that migration", state),
        (seen.state is RunState.PAUSED_MIGRATION, "half-migrated", here, called,
         "the guest is paused by a migration that was not finished",
         "`virtmigrate recover` finds out where it belongs", state),
    )
    # fmt: on
    return [
        Finding(
            id=found,
            level=Level.BLOCKER,
            side=side,
            subject=subject,
            message=message,
            remedy=remedy,
            evidence=evidence,
        )
        for holds, found, side, subject, message, remedy, evidence in table
        if holds
    ]
