"""What was asked of a transfer's end that its source has no knob for. Pure.

Only what the request itself says is told of: a policy's own limits are what it would do
where it can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Knob
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Finding, Level

if TYPE_CHECKING:
    from virtmigrate.negotiation import Ends
    from virtmigrate.policy import Policy


@dataclass(frozen=True, slots=True)
class Wish:
    """A limit or a consent, and what it needs.

    Attributes:
        origin: Its name among a policy's origins.
        knob: That carries it out.
        id: Of the finding.
        level: Of the finding.
        means: What becomes of it without that knob.
        remedy: What helps.
    """

    origin: str
    knob: Knob
    id: str
    level: Level
    means: str
    remedy: str


WISHES = (
    Wish(
        "max_downtime_ms",
        Knob.DOWNTIME_MS,
        "limit-not-held",
        Level.WARNING,
        "--max-downtime: the source can't be told how long it may stop the guest, and "
        "stops it for as long as it takes",
        "leave it out, or end a move that takes too long with --max-time",
    ),
    Wish(
        "allow_postcopy",
        Knob.POSTCOPY,
        "consent-of-no-use",
        Level.NOTE,
        "--allow-postcopy: the source can't switch to post-copy",
        "leave it out",
    ),
    Wish(
        "allow_pause",
        Knob.SUSPEND,
        "consent-of-no-use",
        Level.NOTE,
        "--allow-pause: the source can't pause a guest that moves",
        "leave it out, or pause the guest before it moves",
    ),
)


def findings(policy: Policy, ends: Ends) -> list[Finding]:
    """What is asked for and can't be had, of a guest that runs.

    Args:
        policy: Of the request.
        ends: Both hosts, and the guest.
    """
    if ends.guest.state is not RunState.RUNNING:
        return []
    knobs = ends.source.knobs
    return [
        Finding(
            id=wish.id,
            level=wish.level,
            side=Side.SOURCE,
            subject=wish.knob.value,
            message=wish.means,
            remedy=wish.remedy,
            evidence=f"what it declares to turn: {', '.join(knobs) or 'nothing'}",
        )
        for wish in WISHES
        if _asked(policy, wish.origin) and wish.knob not in knobs
    ]


def _asked(policy: Policy, name: str) -> bool:
    """Whether the request says so, and does not deny it."""
    consent = name.removeprefix("allow_")
    return name in policy.origins and getattr(policy.consents, consent, True)
