"""When a rule of a policy is due: each condition says why it holds, or None. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from virtmigrate.curves import less, rising
from virtmigrate.deltas import SETTLED_S
from virtmigrate.ends import AT_ONCE
from virtmigrate.outlook import DOWNTIME_MS, MUCH, Outlook, noise, sooner
from virtmigrate.policy import Do
from virtmigrate.stall import stalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.history import History
    from virtmigrate.policy import Policy, Rule

SHORT_S = 0.2
"""What takes so long beside the permitted stop is waited for."""
FORESEEN_FROM_PASS = 2
"""The first pass shows nothing of what the guest writes."""
ABOUT = 0.15
"""A link that is seen to carry as much as was planned, but for this share."""
WHILE_S = 1.0
"""What nearly fits gets through within this, if by luck."""
NEARLY = 1.5
"""A pass that begins with so many times what is let through is nearly the last."""
MIB = 1 << 20
LINGERS = 4
"""Of so many of those each leaves nearly the same."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a condition looks at."""

    rule: Rule
    policy: Policy
    history: History
    elapsed_s: float
    ahead: Outlook


def due(moment: Moment) -> str | None:
    """Why a rule is due; None if one of its conditions does not hold."""
    reasons = []
    for name, test in CONDITIONS.items():
        if getattr(moment.rule.when, name) is None:
            continue
        reason = test(moment)
        if reason is None:
            return None
        reasons.append(reason)
    return " and ".join(reasons) or None


def _after(moment: Moment) -> str | None:
    after = moment.rule.when.after_s or 0.0
    return f"after {after:g} s" if moment.elapsed_s >= after else None


def _after_per_gib(moment: Moment) -> str | None:
    each = moment.rule.when.after_s_per_gib or 0.0
    after = each * moment.policy.sizing.of(moment.history.size)
    return f"after {after:g} s" if moment.elapsed_s >= after else None


def _passes(moment: Moment) -> str | None:
    number = moment.history.number
    above = moment.rule.when.passes_above or 0
    return f"pass {number}" if number > above else None


def _no_progress(moment: Moment) -> str | None:
    known = [p for p in moment.history.points if p.left is not None]
    since = known[0].at_s if known else 0.0
    for before, after in pairwise(known):
        if (after.left or 0.0) < (before.left or 0.0):
            since = after.at_s
    stuck = moment.elapsed_s - since
    most = moment.rule.when.no_progress_s or 0.0
    return f"no progress for {stuck:.0f} s" if known and stuck > most else None


def _growths(moment: Moment) -> str | None:
    since = moment.history.acted(moment.rule.id) or 0.0
    known = [p.left for p in moment.history.points if p.at_s >= since]
    told = [left for left in known if left is not None]
    grown = sum(after == 0 or after > before for before, after in pairwise(told))
    above = moment.rule.when.growths_above or 0
    return f"what remains has grown {grown} times" if grown > above else None


def _stalls(moment: Moment) -> str | None:
    stall = moment.rule.when.stall
    if stall is None or not stalled(stall, moment.history):
        return None
    return "no new low of what remains, and a local low is here"


def _outlook(moment: Moment) -> str | None:
    history = moment.history
    if moment.rule.when.outlook in AT_ONCE:
        return _at_once(moment)
    if history.number < FORESEEN_FROM_PASS:
        return None
    if not _settled(history):
        return None
    return FORESEEN[moment.rule.when.outlook or "diverges"](moment)


def _at_once(moment: Moment) -> str | None:
    """In the first pass: what was measured leaves no doubt, its error allowed for.

    Whether differences would help is not known before the third pass.
    """
    history, limits = moment.history, moment.policy.limits
    measured = history.workload.curve if history.workload else ()
    # The best of late: a rate that falls may be a drop that has just begun.
    rate = _planned(history, max(history.sending() or 0.0, history.best()))
    if history.packs:
        rate = max(rate, history.passing() or 0.0)
    if history.number != 1 or not measured or not rate or not history.size:
        return None
    if history.points[-1].at_s - history.points[0].at_s < SETTLED_S:
        return None
    sure = less(rising(measured), noise(history))
    wanted, most_ms = str(moment.rule.when.outlook), limits.max_downtime_ms
    found = AT_ONCE[wanted](sure, history.filled, rate, most_ms)
    if found is None:
        return None
    if wanted == "sends-more":
        again = (found.second_bytes - rate * most_ms / 1000) / MIB
        return f"a second pass of pre-copy would send {again:.0f} MiB again"
    at_once_s = history.filled / rate
    most = f"more than {MUCH * at_once_s:.0f} s" if found.converges else "for ever"
    return f"pre-copy would take {most}, post-copy from now on {at_once_s:.0f} s"


def _planned(history: History, rate: float) -> float:
    """What the plan took the link to carry, if that is about what is seen of it.

    So what was foretold is what is done, also where it is a close thing.
    """
    known = history.link
    return known if known and abs(rate - known) <= ABOUT * known else rate


def _settled(history: History) -> bool:
    """Whether the running pass can be judged: by its age, or by those before it.

    Of a guest that writes all of a small memory at once each pass is too short. Then
    it is what a while of them shows, under the stop that is permitted now.
    """
    now = history.points[-1].at_s
    if now - history.passes[-1].at_s >= SETTLED_S or history.gained_nothing():
        return True
    told = [at_s for _, do, at_s in history.acts if do is Do.DOWNTIME]
    since = max([now - WHILE_S, *told])
    before = [each.number for each in history.passes if each.at_s <= since]
    short = history.number - max(before, default=0)
    return now - since >= WHILE_S and short > WHILE_S / SETTLED_S


def _lingers(moment: Moment) -> str | None:
    history, most_ms = moment.history, moment.policy.limits.max_downtime_ms
    # Differences are counted as whole pages that are left: the best rate lets through.
    rate = max(history.sending() or 0.0, history.best())
    if not rate or (history.downtime_ms or 0) >= most_ms:
        return None
    fits, since = NEARLY * most_ms / 1000 * rate, history.number
    for each in reversed(history.passes[1:]):
        if each.size > fits:
            break
        since = each.number
    if history.number - since < LINGERS:
        return None
    return f"pass after pass begins with about what {most_ms} ms let through"


def _little_waits(moment: Moment) -> str | None:
    history, most_ms = moment.history, moment.rule.when.queued_ms_below or 0.0
    rate = history.best()
    if history.queued is None or not rate:
        return None
    waits_ms = 1000 * history.queued / rate
    return f"{waits_ms:.0f} ms wait in sockets at most" if waits_ms < most_ms else None


def _diverges(moment: Moment) -> str | None:
    ahead = moment.ahead
    if ahead.converges is not False:
        return None
    if ahead.downtime_ms is None or ahead.remaining_s is not None:
        return "it would not be over in time"
    stop = f"a stop of {ahead.downtime_ms:.0f} ms"
    if ahead.downtime_ms <= (moment.history.downtime_ms or DOWNTIME_MS):
        return f"every pass leaves what would take {stop}, and the guest is not stopped"
    return f"it can't converge: every pass leaves what would take {stop}"


def _postcopy_is_sooner(moment: Moment) -> str | None:
    ahead = moment.ahead
    if ahead.converges is False:
        return _diverges(moment)
    if ahead.postcopy_s is None:
        return None
    spare = moment.policy.limits.max_downtime_ms / 1000 + SHORT_S
    if ahead.converges is None and ahead.postcopy_s > spare:
        return "this pass does not end it, and what follows is not known"
    if sooner(ahead.remaining_s or 0.0, ahead.postcopy_s):
        late = (ahead.remaining_s or 0.0) - ahead.postcopy_s
        return f"pre-copy would take {late:.1f} s more"
    return None


def _mirror_lags(moment: Moment) -> str | None:
    lag = moment.history.mirror.lag(moment.rule.when.mirror_lags_s or 0.0)
    if lag is None:
        return None
    return (
        f"the disks can't catch up: {lag.left / MIB:.0f} MiB remain, no less than "
        f"{lag.seconds:.0f} s ago; {lag.sent_bytes_s / MIB:.1f} MiB/s are sent, "
        f"{lag.written_bytes_s / MIB:.1f} MiB/s are rewritten meanwhile"
    )


FORESEEN: dict[str, Callable[[Moment], str | None]] = {
    "diverges": _diverges,
    "postcopy-is-sooner": _postcopy_is_sooner,
}
CONDITIONS: dict[str, Callable[[Moment], str | None]] = {
    "after_s": _after,
    "after_s_per_gib": _after_per_gib,
    "passes_above": _passes,
    "no_progress_s": _no_progress,
    "growths_above": _growths,
    "stall": _stalls,
    "outlook": _outlook,
    "lingers": _lingers,
    "queued_ms_below": _little_waits,
    "mirror_lags_s": _mirror_lags,
}
"""By the field of `When`."""
