"""virsh's own timers as rules of a policy: `--timeout`, `--postcopy-after-precopy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.policy import Act, Do, Policy, Rule, When
from virtmigrate.presets import PRESETS

if TYPE_CHECKING:
    from virtmigrate.options import Options

TIMERS = ("timeout-postcopy", "timeout", "postcopy-after-precopy")
"""Ids of their rules; no other rule may have one."""


def with_timers(policy: Policy | None, options: Options) -> Policy:
    """The policy of a request: what was chosen, and the timers that were set.

    Who sets a timer of virsh's consents to what it does, and gets virsh's policy
    unless another one was chosen. A policy that has them already stays as it is: it is
    a plan's.

    Args:
        policy: What was chosen; None = nothing.
        options: What is in effect.
    """
    after = options.timeout_s
    table: tuple[tuple[object, dict[str, object], Do], ...] = (
        (
            after if options.timeout_postcopy else None,
            {"after_s": after},
            Do.POSTCOPY,
        ),
        (
            None if options.timeout_postcopy else after,
            {"after_s": after},
            Do.SUSPEND,
        ),
        (
            options.postcopy_after_precopy or None,
            {"passes_above": 1},
            Do.POSTCOPY,
        ),
    )
    timers = tuple(
        Rule(
            id=name,
            when=When.model_validate(when),
            words=f"--{name}",
            ladder=(Act(do=do),),
        )
        for name, (wanted, when, do) in zip(TIMERS, table, strict=True)
        if wanted is not None
    )
    if not timers:
        return policy or PRESETS["adaptive"]
    done = {act.do for rule in timers for act in rule.ladder}
    chosen = (policy or PRESETS["virsh"]).allowing(
        postcopy=True if Do.POSTCOPY in done else None,
        pause=True if Do.SUSPEND in done else None,
    )
    new = tuple(rule for rule in timers if rule not in chosen.rules)
    return chosen.model_copy(update={"rules": (*new, *chosen.rules)})
