"""A plan that was made before, made again: does what it says still hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.disk_writes import said_before
from virtmigrate.planning import Request
from virtmigrate.rehearsal import said_of_way
from virtmigrate.wishes import granted_before

if TYPE_CHECKING:
    from virtmigrate.plan import Plan


def request_of(plan: Plan, insecure: frozenset[str]) -> Request:
    """What makes the like of a plan, as long as hosts and guest are as they were.

    Args:
        plan: The plan. What was measured for it, or tried, is not measured again.
        insecure: Checks that the caller has switched off.
    """
    return Request(
        plan.guest.uuid,
        plan.settlement.asked(),
        plan.policy,
        insecure=insecure,
        ignore=frozenset(plan.ignore),
        synchronous=said_before(plan),
        wished=granted_before(plan),
        rehearse=said_of_way(plan),
    )
