"""What can be done to a transfer, by what its plan says of knobs, guest and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Knob
from virtmigrate.host import RunState
from virtmigrate.policy import Do

if TYPE_CHECKING:
    from virtmigrate.options import Options
    from virtmigrate.plan import Plan

KNOBS = {
    Do.DOWNTIME: Knob.DOWNTIME_MS,
    Do.BANDWIDTH: Knob.BANDWIDTH_MIB_S,
    Do.XBZRLE_CACHE: Knob.XBZRLE_CACHE_BYTES,
    Do.POSTCOPY: Knob.POSTCOPY,
    Do.SUSPEND: Knob.SUSPEND,
}
"""The knob behind each act; an abort needs none."""
FOR_ONE_THAT_RUNS = {Do.DOWNTIME, Do.POSTCOPY, Do.SUSPEND}


def able(plan: Plan, options: Options) -> frozenset[Do]:
    """What can be done to this transfer, and would be of use.

    Args:
        plan: Of the migration.
        options: In effect.
    """
    have = {do for do, knob in KNOBS.items() if knob in plan.knobs}
    if not options.postcopy:
        have.discard(Do.POSTCOPY)
    if "xbzrle" not in (options.compression_methods or ()):
        have.discard(Do.XBZRLE_CACHE)
    if plan.guest.state is not RunState.RUNNING or options.live is False:
        have -= FOR_ONE_THAT_RUNS
    return frozenset({*have, Do.ABORT})
