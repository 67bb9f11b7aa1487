"""What a policy may not say, although it has the right form. Pure.

Not checked by the model: a journal may hold a policy that was taken before, and its
migration must still be brought to an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.convergence import DEADLINE, STANDSTILL, START
from virtmigrate.errors import BadInput
from virtmigrate.option_rows import A_POLICY_MAY_ASK, BY_NAME
from virtmigrate.options import Options
from virtmigrate.policy import MS_MOST, STEP_LIMITS_S, Do, When
from virtmigrate.timers import TIMERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.policy import Act, Policy

SHOWN = 80
RESERVED = frozenset({START, DEADLINE, STANDSTILL, "abort", "request", *TIMERS})
"""Ids by which the engine tells what it did itself."""


def unfit(policy: Policy) -> list[BadInput]:
    """All that a policy of somebody's own says in vain, or may not say."""
    checks = (_origins, _alarms, _ids, _moments, _downtimes)
    found = [error for check in checks for error in check(policy)]
    return [*found, *unfit_asks(policy)]


def _origins(policy: Policy) -> Iterator[BadInput]:
    """Who sets a limit is written down for those who read what fired."""
    if policy.origins:
        yield BadInput(
            "origins: where a limit comes from is found out, not said",
            remedy="leave origins out",
        )


def _alarms(policy: Policy) -> Iterator[BadInput]:
    for step in sorted(policy.alarms_s.keys() - STEP_LIMITS_S.keys()):
        yield BadInput(
            f"alarms_s: {step[:SHOWN]!r} is no step",
            remedy=f"one of {', '.join(STEP_LIMITS_S)}",
        )


def _ids(policy: Policy) -> Iterator[BadInput]:
    """A rule acts once by its id: a second one of the same would never act."""
    known: set[str] = set()
    for number, rule in enumerate(policy.rules):
        place = f"rules.{number}.id: {rule.id!r}"
        if rule.id in RESERVED:
            yield BadInput(f"{place} is what virtmigrate calls an act of its own")
        elif rule.id in known:
            yield BadInput(f"{place} is the id of an earlier rule")
        known.add(rule.id)


def _moments(policy: Policy) -> Iterator[BadInput]:
    for number, rule in enumerate(policy.rules):
        if rule.when == When():
            yield BadInput(
                f"rules.{number}.when: {rule.id!r} has no moment: it never acts",
                remedy=f"give one of {', '.join(When.model_fields)}",
            )


def _downtimes(policy: Policy) -> Iterator[BadInput]:
    """`MS_MOST` stands for all that is permitted."""
    most = policy.limits.max_downtime_ms
    for place, act in _acts(policy):
        if act.do is Do.DOWNTIME and most < (act.value or 0) != MS_MOST:
            yield BadInput(
                f"{place}: a downtime of {act.value} ms is more than "
                f"max_downtime_ms, {most}",
                remedy=f"raise max_downtime_ms, or say {MS_MOST}: all that it permits",
            )


def _acts(policy: Policy) -> Iterator[tuple[str, Act]]:
    """Everything that it does beside the deadline, and where it says so."""
    for number, act in enumerate(policy.at_start):
        yield f"at_start.{number}", act
    for number, rule in enumerate(policy.rules):
        for step, act in enumerate(rule.ladder):
            yield f"rules.{number}.ladder.{step}", act


def unfit_asks(policy: Policy) -> list[BadInput]:
    """What is wrong with the options that a policy asks for.

    It may only ask for what changes how memory goes through (`A_POLICY_MAY_ASK`): what
    a caller has to answer for is not switched on by a file of limits and rules.
    """
    unknown = [name for name in policy.asks if name not in BY_NAME]
    if unknown:
        return [BadInput(f"asks: {name[:SHOWN]!r} is no option") for name in unknown]
    wrong = [
        BadInput(
            f"asks: {name} is not for a policy to ask for",
            remedy=f"give it with the request: --{BY_NAME[name].virsh}",
        )
        for name in policy.asks
        if name not in A_POLICY_MAY_ASK
    ]
    try:
        Options.checked(policy.asks)
    except* BadInput as group:
        wrong += [BadInput(f"asks: {error}") for error in group.exceptions]
    return wrong
