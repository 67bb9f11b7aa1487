"""What to do about a running transfer: `(policy, history, now) -> decision`. Pure.

Whatever the rules of a policy say, these hold: a guest that runs in post-copy is never
aborted; a transfer ends at the policy's deadline; a guest does not stand still for
longer than its limit; and nothing is concluded from a link that has just dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate.cache import DEVICES_S, RELEASE_SHARE, stopping_s
from virtmigrate.conditions import Moment, due
from virtmigrate.ends import told_ms
from virtmigrate.history import AGAIN_S
from virtmigrate.outlook import DOWNTIME_MS, UNKNOWN, Outlook, outlook, written
from virtmigrate.policy import Act, Do

if TYPE_CHECKING:
    from collections.abc import Iterable

    from virtmigrate.history import History
    from virtmigrate.policy import Policy, Rule

START, DEADLINE, STANDSTILL = "at-start", "deadline", "standstill"
"""Ids of what is not a rule of the policy's own."""
MIRROR_LAGS = "mirror_lags"
"""The limit by which a mirror that gains nothing is ended."""
CONSENT = {Do.POSTCOPY: "postcopy", Do.SUSPEND: "pause"}
"""What needs the caller's consent, and which."""
ROOM = 1.05
"""A stop that is to fit is given so much more than what is predicted."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that makes something happen.

    Attributes:
        name: `max_downtime`, `max_total`, `max_switchover`, `mirror_lags`, or a rule's
            id.
        value: How much it is; None = it has no number.
        unit: Of the value.
        origin: `request`, or the policy by name.
    """

    name: str
    value: float | None
    unit: str
    origin: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing to do.

    Attributes:
        rule: What says so.
        do: What.
        value: ms, MiB/s or bytes; None for an act without one.
        why: For people.
        limit: The limit behind it; None for an ordinary step.
    """

    rule: str
    do: Do
    value: int | None
    why: str
    limit: Limit | None = None


def decide(policy: Policy, history: History, now_s: float) -> Decision | None:
    """What to do now; None = nothing.

    Args:
        policy: Limits, consents and rules.
        history: The transfer so far, this moment's sample included.
        now_s: On the clock of the samples.
    """
    if history.switched() or history.has_done(Do.ABORT):
        return None
    elapsed = history.elapsed_s(now_s)
    for look in (_standstill, _deadline):
        if (found := look(policy, history, elapsed)) is not None:
            return found
    if history.has_done(Do.SUSPEND):
        return None
    if (first := _at_start(policy, history)) is not None:
        return first
    if history.dropped() or history.insists():
        return None
    # Before the second pass nothing was seen of what the guest writes.
    ahead = outlook(history, policy) if history.number > 1 else UNKNOWN
    for rule in policy.aimed:
        if (found := _rule(rule, policy, history, elapsed, ahead)) is not None:
            return found
    return None


def looks(policy: Policy, history: History, now_s: float) -> bool:
    """Whether the policy looks again at this moment; some peers look seldom."""
    elapsed = history.elapsed_s(now_s)
    every_s = policy.looks_every_s
    if history.refused:
        every_s = min(AGAIN_S, every_s)
    if elapsed - history.looked_s < every_s:
        return False
    history.looked_s = elapsed
    return True


def _standstill(policy: Policy, history: History, elapsed: float) -> Decision | None:
    """A switchover, or a pause of ours, that takes too long is taken back.

    A pause counts from when it was asked for: whether it came is not always told.
    """
    since, most = history.suspended_s(), policy.limits.max_switchover_s
    if since is None:
        if history.stopped_s is None or not history.runs:
            return None
        # Somebody may have paused it: while memory moves that does no harm.
        since = max(history.stopped_s, history.moved_s)
    if elapsed - since <= most:
        return None
    why = f"the guest has stood still for {elapsed - since:.0f} s"
    limit = Limit("max_switchover", most, "s", policy.origin("max_switchover_s"))
    return Decision(STANDSTILL, Do.ABORT, None, f"{why}; {_words(limit)}", limit)


def _deadline(policy: Policy, history: History, elapsed: float) -> Decision | None:
    most = policy.deadline_s(history.size, history.copied)
    if elapsed < most or history.has_done(Do.SUSPEND):
        return None
    name = "max_total_s" if policy.limits.max_total_s else "max_total_s_per_gib"
    limit = Limit("max_total", most, "s", policy.origin(name))
    for do in policy.at_deadline:
        if _possible(do, policy, history):
            why = f"{elapsed:.0f} s of transfer; {_words(limit)}"
            return Decision(DEADLINE, do, None, why, limit)
    return None


def _at_start(policy: Policy, history: History) -> Decision | None:
    """The policy's own beginning, and the permitted stop as the hypervisor's limit.

    Once the hypervisor has stopped the guest for the last pass it is too late for both.
    """
    if not history.points or (history.runs and history.stopped_s is not None):
        return None
    begun = {do for _, do, _ in history.acts}
    stop = _stop(told_ms(policy))
    own = any(act.do is Do.DOWNTIME for act in policy.at_start)
    for act in policy.at_start if own else (stop, *policy.at_start):
        value = _value(act, policy, history, None)
        known = act.do is Do.DOWNTIME and value == history.downtime_ms
        if act.do in begun or known or act.do not in history.able:
            continue
        if _possible(act.do, policy, history):
            return Decision(START, act.do, value, "as the policy begins")
    return None


@lru_cache(maxsize=64)
def _stop(most_ms: int) -> Act:
    return Act(do=Do.DOWNTIME, value=most_ms)


def _rule(
    rule: Rule, policy: Policy, history: History, elapsed: float, ahead: Outlook
) -> Decision | None:
    if history.acted(rule.id) is not None and not rule.repeats:
        return None
    why = due(Moment(rule, policy, history, elapsed, ahead))
    if why is None:
        return None
    for act in rule.ladder:
        value = _value(act, policy, history, ahead)
        useless = act.do is Do.DOWNTIME and value in (None, history.downtime_ms)
        if act.fits_within and value == (history.downtime_ms or DOWNTIME_MS):
            return None  # what remains fits as it is
        if not useless and _possible(act.do, policy, history, ahead):
            limit = _limit(rule, policy, act.do)
            why = f"{rule.words}: {why}" if rule.words else why
            words = f"{why}; {_words(limit)}" if limit else why
            return Decision(rule.id, act.do, value, words, limit)
    return None


# What may be done, and how much of it.


def _possible(
    do: Do, policy: Policy, history: History, ahead: Outlook | None = None
) -> bool:
    consent = CONSENT.get(do)
    if consent and not getattr(policy.consents, consent):
        return False
    if do is Do.POSTCOPY and history.has_done(do):
        return False  # it was asked for, and did not come
    if history.waits(do):
        return False
    if do is Do.SUSPEND and ahead is not None and ahead.postcopy_s is not None:
        # A pause that would be taken back by its own limit only does harm.
        return do in history.able and ahead.postcopy_s <= (
            policy.limits.max_switchover_s
        )
    return do is Do.ABORT or do in history.able


def _value(
    act: Act, policy: Policy, history: History, ahead: Outlook | None
) -> int | None:
    if act.do is not Do.DOWNTIME:
        return act.value
    most, now = policy.limits.max_downtime_ms, history.downtime_ms or DOWNTIME_MS
    room = min(_beyond_ms(history), round(RELEASE_SHARE * most))
    most = max(most - room, min(now, most))  # what was told is not taken back for it
    if act.value is not None:
        return min(act.value, most)
    if act.times is not None:
        return min(most, round(now * act.times))
    stop_ms = _stop_ms(ahead)
    if stop_ms is None or act.fits_within is None:
        return None
    wanted = max(now, round(stop_ms * ROOM))
    return min(wanted, most) if wanted <= most * act.fits_within else None


def _beyond_ms(history: History) -> int:
    """By how much a full cache makes a stop longer than what is kept back for it."""
    cached = min(written(history), history.cache_bytes) if history.delta else 0.0
    return round(1000 * (stopping_s(cached) - DEVICES_S))


def _stop_ms(ahead: Outlook | None) -> float | None:
    """What lets through what each further pass leaves; else what is left now."""
    if ahead is None:
        return None
    if ahead.converges is False and ahead.downtime_ms is not None:
        return ahead.downtime_ms
    return None if ahead.postcopy_s is None else 1000 * ahead.postcopy_s


def _limit(rule: Rule, policy: Policy, do: Do) -> Limit | None:
    """The limit that a rule upholds; one that gives up is a limit itself."""
    values = {
        "max_downtime": (float(policy.limits.max_downtime_ms), "ms"),
        "max_total": (policy.limits.max_total_s, "s"),
        "max_switchover": (policy.limits.max_switchover_s, "s"),
    }
    lags_s = rule.when.mirror_lags_s
    if not rule.limit and lags_s and do is Do.ABORT:
        return Limit(MIRROR_LAGS, lags_s, "s", policy.origin("mirror_lags_s"))
    if not rule.limit:
        own = Limit(rule.id, None, "", policy.origin(rule.id))
        return own if do is Do.ABORT else None
    value, unit = values[rule.limit]
    return Limit(rule.limit, value, unit, policy.origin(f"{rule.limit}_{unit}"))


def _words(limit: Limit) -> str:
    """A limit as people read it."""
    spelled = limit.name.replace("_", "-")
    value = "" if limit.value is None else f" {limit.value:g} {limit.unit}"
    return f"limit {spelled}{value}, from {limit.origin}"


def reachable(policy: Policy, able: Iterable[Do]) -> tuple[Do, ...]:
    """What this policy may come to do, with what can be done; abort always can."""
    ladders = [act.do for rule in policy.rules for act in rule.ladder]
    wanted = dict.fromkeys([*ladders, *policy.at_deadline])
    can = {*able, Do.ABORT}
    return tuple(
        do
        for do in wanted
        if do in can and getattr(policy.consents, CONSENT.get(do, ""), True)
    )
