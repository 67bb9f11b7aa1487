"""What a policy would like beside what was asked, as far as both hosts can. Pure."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING

from virtmigrate.errors import Refused
from virtmigrate.negotiation import SETTLED_MAX, WISHED, settle

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from virtmigrate.negotiation import Ends
    from virtmigrate.options import Options
    from virtmigrate.plan import Plan, Settlement

logger = logging.getLogger(__name__)
NONE: Mapping[str, object] = MappingProxyType({})
_GRANTED: dict[Hashable, Settlement] = {}
"""Settlements so far, by request, wishes and hosts."""


def granted_before(plan: Plan) -> dict[str, object]:
    """What a policy was granted in a plan that was made before, by option.

    What it wished goes by the link's rate of that day, which is not asked again.
    """
    return {
        row.option: row.effective
        for row in plan.settlement.options
        if row.asked is None and row.why == WISHED
    }


def settle_first(
    options: Options,
    ends: Ends,
    several: Sequence[Mapping[str, object]],
    needs: Mapping[str, object] = NONE,
) -> Settlement:
    """Settle with the first of several wishes that is granted whole; else the last.

    Args:
        options: As `settle_with`.
        ends: As `settle_with`.
        several: Wishes, the best first, one at least; of each must be granted what sets
            it apart from the last.
        needs: As `settle_with`.

    Raises:
        ExceptionGroup: As `settle_with`.
    """
    *better, last = several
    for wishes in better:
        settlement = settle_with(options, ends, wishes, needs)
        effective = settlement.effective()
        if all(
            getattr(effective, name) == value
            for name, value in wishes.items()
            if last.get(name) != value
        ):
            return settlement
    return settle_with(options, ends, last, needs)


def settle_with(
    options: Options,
    ends: Ends,
    wishes: Mapping[str, object],
    needs: Mapping[str, object] = NONE,
) -> Settlement:
    """Settle every option, and grant what a policy wishes as far as these hosts can.

    Args:
        options: What was asked; neither wish nor need overrules it.
        ends: Both hosts' declarations and the guest.
        wishes: Option name to value, the most important first.
        needs: The same for what the guest's disks need: it is refused like what was
            asked.

    Raises:
        ExceptionGroup: Of `Refused`: *every* refusal, each with side and remedy.
    """
    key = (options, tuple(wishes.items()), tuple(needs.items()), ends.kind())
    if (known := _GRANTED.get(key)) is not None:
        return known
    granted = options
    for name, value in needs.items():
        if getattr(options, name) is None:
            granted = granted.model_copy(update={name: value})
    settlement = settle(options, ends, granted)
    for name, value in wishes.items():
        if getattr(options, name) is not None:
            continue
        more = granted.model_copy(update={name: value})
        try:
            settlement, granted = settle(options, ends, more), more
        except* Refused as refused:
            logger.debug("the policy's %s is not granted: %s", name, refused)
    if len(_GRANTED) >= SETTLED_MAX:
        _GRANTED.clear()
    _GRANTED[key] = settlement
    return settlement
