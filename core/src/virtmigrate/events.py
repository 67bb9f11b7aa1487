"""What a migration tells while it runs: typed events, one discriminated union.

Sinks are plain callables; `virtmigrate_event` hooks get every event as well. Events
are the interface, logs are for people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, get_args

from pydantic import Field, TypeAdapter

from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.model import Model
from virtmigrate.phases import Phase
from virtmigrate.results import Fault, Result


class _Event(Model):
    migration: str
    """Id of the migration."""
    at_ms: float
    """Milliseconds since it started."""


class Started(_Event):
    """A plan begins to run."""

    kind: Literal["started"] = "started"
    guest: str
    """Name at the source."""
    uuid: str
    """Identity."""
    source: str
    """URI, no secrets."""
    destination: str
    """URI, no secrets."""
    digest: str
    """Of the plan."""


class StepStarted(_Event):
    """A step's intent is recorded; it runs now."""

    kind: Literal["step-started"] = "step-started"
    step: str
    """Id in the plan."""
    phase: Phase
    """Its phase."""
    side: Side
    """Its side."""


class StepEnded(_Event):
    """A step is over."""

    kind: Literal["step-ended"] = "step-ended"
    step: str
    """Id in the plan."""
    ok: bool
    """Whether it did what it should."""
    fault: Fault | None = None
    """Else what went wrong."""


class Progress(_Event):
    """A reading of the running transfer. None = the hypervisor does not say."""

    kind: Literal["progress"] = "progress"
    percent: float | None
    """0-100 for display: never runs backwards."""
    raw_percent: float | None
    """As it is at this moment."""
    total_bytes: int | None
    """To be moved."""
    processed_bytes: int | None
    """Sent so far."""
    remaining_bytes: int | None
    """Left at this moment."""
    dirty_bytes_s: int | None
    """Rewritten by the guest per second."""
    bandwidth_bytes_s: int | None
    """Sent per second."""
    iteration: int | None
    """Passes so far."""
    postcopy: bool
    """Whether post-copy has begun."""
    disk_total_bytes: int | None = None
    """Of `total_bytes`, what is on disks."""
    disk_processed_bytes: int | None = None
    """Of `processed_bytes`, likewise."""
    disk_remaining_bytes: int | None = None
    """Of `remaining_bytes`, likewise."""
    throttle_percent: int | None = None
    """Taken of the guest's CPUs."""
    remaining_s: float | None = None
    """Predicted time to the end of the transfer; None = unknown, or never."""
    converges: bool | None = None
    """Whether it is expected to end by itself within the limits; None = unknown."""


class Acted(_Event):
    """The engine turned a knob, or asked for the end of the transfer."""

    kind: Literal["acted"] = "acted"
    action: str
    """`abort`, or a knob's name."""
    value: int | None
    """With the knob's unit; None for an action without one."""
    why: str
    """What made it do so."""


class Committed(_Event):
    """COMMIT is durable: from here only forward."""

    kind: Literal["committed"] = "committed"
    landing: RunState
    """In which state the guest will be left at the destination."""


class Landed(_Event):
    """The guest is at the destination, in its final run state."""

    kind: Literal["landed"] = "landed"
    state: RunState
    """What it does there."""


class Warned(_Event):
    """Something that a person should know."""

    kind: Literal["warned"] = "warned"
    message: str
    """One sentence."""


class Alarm(_Event):
    """A step takes longer than it should; it goes on. Told from a thread of its own."""

    kind: Literal["alarm"] = "alarm"
    step: str
    """Id in the plan; `rollback` or `closing` for what follows its steps."""
    side: Side
    """Where it acts."""
    limit_s: float
    """Seconds that it should have taken at most."""
    message: str
    """One sentence."""


class Judged(_Event):
    """Both hosts were looked at, and a verdict was found."""

    kind: Literal["judged"] = "judged"
    source: RunState
    """What the source shows."""
    destination: RunState
    """What the destination shows."""
    verdict: str
    """What is to be done."""
    why: str
    """For which reason."""


class Ended(_Event):
    """It is over."""

    kind: Literal["ended"] = "ended"
    result: Result
    """What it came to."""


Event = Annotated[
    Started
    | StepStarted
    | StepEnded
    | Progress
    | Acted
    | Committed
    | Landed
    | Warned
    | Alarm
    | Judged
    | Ended,
    Field(discriminator="kind"),
]

BY_KIND: dict[str, Callable[..., Event]] = {
    made.model_fields["kind"].default: made for made in get_args(get_args(Event)[0])
}
"""Makes an event of a kind."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads an event back: `EVENT.validate_json(line)`."""
