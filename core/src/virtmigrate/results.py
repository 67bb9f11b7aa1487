"""What a migration came to."""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.errors import NotSucceeded
from virtmigrate.host import RunState
from virtmigrate.model import Model
from virtmigrate.options import Options
from virtmigrate.phases import Outcome


class Fault(Model):
    """One error on the way, as data."""

    error: str
    """Class name in the error tree."""
    message: str
    """The sentence, secrets taken out."""
    side: str
    """Which host."""
    step: str = ""
    """During which step."""
    remedy: str | None = None
    """What to do."""


class Fired(Model):
    """The limit that ended a transfer, or turned it."""

    limit: str
    """`max_downtime`, `max_total`, `max_switchover`, `mirror_lags`, the rule of a
    policy that gave up, or `request` for a cancel."""
    value: float | None = None
    """How much it is."""
    unit: str = ""
    """Of the value: `ms` or `s`."""
    origin: str
    """Where it comes from: `request`, or a policy by name."""
    action: str
    """What was done: `abort`, `postcopy`, `suspend`."""
    at_s: float
    """Seconds since the transfer began."""


class Timing(Model):
    """When things happened, ms since the start; None = it did not come to that."""

    landed_ms: float | None = None
    """The guest was in its final run state at the destination."""
    gap_ms: float | None = None
    """From perform's return (in a coma: from the suspend) to `landed_ms`, as we count
    it: a heartbeat also sees the stop inside perform."""
    total_ms: float = 0.0
    """Everything was done and seen."""


class Result(Model):
    """The end of one migration. The outcome is what both hosts showed."""

    migration: str
    """Its id in the journal."""
    guest: str
    """Name at the source."""
    uuid: str
    """Identity."""
    outcome: Outcome
    """One of the five."""
    reason: str
    """Why this outcome, one sentence."""
    limit: str = ""
    """The limit or request that ended it early, "" where none fired."""
    fired: Fired | None = None
    """The same as data, and also where a limit only turned it (post-copy, a pause)."""
    source: RunState
    """What the source showed last."""
    destination: RunState
    """What the destination showed last."""
    effective: Options
    """The options that were in effect."""
    timing: Timing
    """Durations."""
    downtime_ms: int | None = None
    """The switchover's length by the hypervisor's own count; None = it gave none."""
    processed_bytes: int | None = None
    """Bytes sent, by the hypervisor's count."""
    bandwidth_bytes_s: int | None = None
    """Bytes a second over the whole transfer; None = unknown."""
    iterations: int | None = None
    """Passes over memory; None = unknown."""
    throttle_percent: int | None = None
    """Most that was taken of the guest's CPUs; None = unknown."""
    faults: tuple[Fault, ...] = ()
    """What went wrong, first first."""
    warnings: tuple[str, ...] = ()
    """What a person should know."""
    obligations: tuple[str, ...] = ()
    """What is still owed (deferred undo); carried out by `Migrator.settle`."""

    @property
    def succeeded(self) -> bool:
        """Whether the guest moved."""
        return self.outcome is Outcome.SUCCEEDED

    def raise_unless_succeeded(self) -> Result:
        """This result, for chaining.

        Raises:
            NotSucceeded: It ended otherwise; the error carries this result.
        """
        if not self.succeeded:
            msg = f"{self.guest}: {self.outcome}: {self.reason}"
            raise NotSucceeded(msg, self)
        return self


class Judgement(Model):
    """What recovery would find, and make of it."""

    migration: str
    """Its id in the journal."""
    guest: str
    """Name at the source."""
    told: str
    """How far the journal says that it came: `j0` begin and prepare, `j1` perform
    intended, `j2` perform done, `j3` COMMIT, `jR` rollback intended."""
    source: RunState
    """What the source shows."""
    destination: RunState
    """What the destination shows."""
    verdict: str
    """A word of the decision table."""
    why: str
    """What it means."""


class Paid(StrEnum):
    """What became of an obligation."""

    PAID = "paid"
    OWED = "owed"
    """Still: its time has not come, or a host does not answer."""
    VOID = "void"
    """A later migration of the guest has decided what it was about."""


class Debt(Model):
    """One obligation of a migration that is over, and what became of it."""

    migration: str
    """Its id in the journal."""
    guest: str
    """Name at the source."""
    uuid: str
    """Identity."""
    obligation: str
    """`undo_persist`, `restore_source`, `clean_destination`, `retire_source`,
    `delete_disks`."""
    state: Paid
    """Whether it is done now."""
    why: str
    """One sentence."""
