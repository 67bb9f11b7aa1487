"""What a hook sees of the migration that it takes part in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from virtmigrate.host import RunState

if TYPE_CHECKING:
    from virtmigrate.capabilities import Capabilities
    from virtmigrate.clock import Clock
    from virtmigrate.disks import Disk
    from virtmigrate.errors import Side
    from virtmigrate.host import Definitions, Guest, Host, Sighting
    from virtmigrate.options import Options
    from virtmigrate.plan import Plan, Rehearsal


class Pulse(Protocol):
    """How a running perform lets the engine look in."""

    def pulse(self) -> None:
        """Sample, report, cancel, act. Call it every 50-250 ms of a transfer."""
        ...

    def warn(self, message: str) -> None:
        """Tell people something; it also stands in the result."""
        ...

    def owe(self, obligation: str) -> None:
        """Record something to be done later (a deferred undo)."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Put something into the notes, durable before this returns."""
        ...


@dataclass(slots=True)
class Captured:
    """Both sides as they were before anything was touched.

    Attributes:
        source: The guest at the source.
        definitions: Its exact definitions there.
        destination: What bore the same UUID at the destination.
        destination_definitions: Its definitions there (None, None for none).
    """

    source: Sighting
    definitions: Definitions
    destination: Sighting
    destination_definitions: Definitions


@dataclass(slots=True)
class Context:
    """One running migration, as every phase hook gets it.

    Attributes:
        migration: Its id.
        attempt: Fencing token: the how-manieth controller works on it, from 1.
        plan: What is being done.
        options: The options in effect (`plan.settlement.effective()`).
        source: Host at the source.
        destination: Host at the destination.
        guest: The guest at the source.
        arrival: The same guest (by UUID) at the destination.
        captured: Both sides before anything was touched; set by the capture step.
        landing: State in which the guest is to be left at the destination: RUNNING or
            PAUSED (SHUTOFF for an offline move). Decided at COMMIT, from the source's
            *latest* state, so a guest that an admin pauses meanwhile arrives paused.
        suspended: Whether we paused it at the source (coma, a limit), so that nobody
            takes that for an admin's wish.
        notes: What a plugin must remember between its phases: text to text,
            journalled with each record, no secrets.
        fenced: The side whose host does not answer, and of which a person states that
            nothing runs there any more.
        engine: For perform: `pulse()`, `warn()`, `owe()`.
        clock: The time.
    """

    migration: str
    attempt: int
    plan: Plan
    options: Options
    source: Host
    destination: Host
    guest: Guest
    arrival: Guest
    engine: Pulse
    clock: Clock
    captured: Captured | None = None
    landing: RunState = RunState.RUNNING
    suspended: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    fenced: Side | None = None


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What the pre-flight sees: two hosts, a guest, a request. Change nothing.

    Attributes:
        options: What was asked for.
        source: Host at the source.
        destination: Host at the destination.
        guest: The guest at the source.
        sighting: What it does there.
        definitions: Its definitions.
        there: What bears its UUID at the destination.
        source_capabilities: What the source declares.
        destination_capabilities: What the destination declares.
        insecure: Checks that the caller has switched off (`insecure.py`).
        disks: The guest's disks and what becomes of each; for the pre-flight.
        rehearsal: What came of trying the way; None = nobody asked.
        effective: What will be in effect, wishes of the policy among it; for the
            pre-flight; None = that can't be settled.
    """

    options: Options
    source: Host
    destination: Host
    guest: Guest
    sighting: Sighting
    definitions: Definitions
    there: Sighting
    source_capabilities: Capabilities
    destination_capabilities: Capabilities
    insecure: frozenset[str] = frozenset()
    disks: tuple[Disk, ...] = ()
    rehearsal: Rehearsal | None = None
    effective: Options | None = None

    @property
    def way_is_open(self) -> bool:
        """Whether a stand-in got there: then nothing has to be said of it by guess."""
        return self.rehearsal is not None and self.rehearsal.arrived
