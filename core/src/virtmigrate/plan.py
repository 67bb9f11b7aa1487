"""A plan: what will be in effect, what was found, and the steps, in order.

A plan is a program; the engine is its interpreter. It is frozen data, goes through
JSON and back unchanged, and has a digest that is the same for the same plan anywhere.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator

from virtmigrate.capabilities import Form, How, Knob, Progress, SourceAfterPerform
from virtmigrate.disks import Disk
from virtmigrate.errors import NotMovable, Side
from virtmigrate.forecast import Forecast, Workload
from virtmigrate.host import RunState
from virtmigrate.model import Model
from virtmigrate.options import Options
from virtmigrate.phases import Phase
from virtmigrate.policy import Policy
from virtmigrate.presets import DEFAULT, PRESETS

PLAN_VERSION = 1
MEASURED: dict[str, Any] = {
    "workload": True,
    "forecast": True,
    "rehearsal": True,
    "disks": {"__all__": {"allocated_bytes": True, "evidence": True}},
}
"""Fields that differ from one moment to the next."""


class Level(StrEnum):
    """How much a finding weighs."""

    BLOCKER = "blocker"
    WARNING = "warning"
    NOTE = "note"


class Finding(Model):
    """One thing that the pre-flight saw."""

    id: str
    """Stable, kebab-case: `name-taken`, `same-host`."""
    level: Level
    """A blocker refuses the plan."""
    side: Side
    """Where it was seen."""
    subject: str
    """The thing: a guest, a disk, an option."""
    message: str
    """What was seen, one sentence."""
    remedy: str = ""
    """What to do about it."""
    evidence: str = ""
    """What it was concluded from: an answer of a host, a line of a definition."""
    ignored: bool = False
    """Whether the caller has said that it does not matter: people are not told."""

    def refusal(self) -> NotMovable:
        """The same as an error."""
        return NotMovable(
            self.message,
            side=self.side,
            subject=self.subject,
            remedy=self.remedy or None,
        )


class Settled(Model):
    """One option after negotiation."""

    option: str
    """Field of `Options`."""
    asked: bool | int | str | tuple[str, ...] | None
    """What the request said; None = nothing."""
    effective: bool | int | str | tuple[str, ...] | None
    """What will be in effect; None = nothing will be said to the hypervisor."""
    how: How
    """How it is met."""
    why: str = ""
    """Reason, or the hypervisor's own note."""


class Settlement(Model):
    """The outcome of negotiation: every option settled."""

    options: tuple[Settled, ...]
    """Switches first, in table order, then the values that were given."""

    def __getitem__(self, name: str) -> Settled:
        """The row of one option (KeyError for a value that was not given)."""
        return self._rows[name]

    def effective(self) -> Options:
        """Everything that will be in effect, as options."""
        return self._effective

    def asked(self) -> Options:
        """The request that it answers."""
        return Options(**{row.option: row.asked for row in self.options})

    # Asked for all through a migration, and by each one that is settled alike.

    @cached_property
    def _rows(self) -> dict[str, Settled]:
        return {row.option: row for row in self.options}

    @cached_property
    def _effective(self) -> Options:
        return Options(**{row.option: row.effective for row in self.options})


class Step(Model):
    """One step of the program."""

    id: str
    """Unique in its plan: names kill points, records and undo."""
    phase: Phase
    """Where it stands."""
    side: Side
    """Which hypervisor's hook is called."""
    hook: str
    """Name of the hook without its prefix, or of a step of the engine's own."""
    why: str
    """Reason, for `explain()` and the journal."""
    undo: str = ""
    """What takes it back, in words of `hook`; "" where nothing has to be."""
    changes: bool = True
    """Whether it changes anything: then its intent is durable before it runs."""


class GuestFacts(Model):
    """The guest as it was found at the source."""

    name: str
    """Its name there."""
    uuid: str
    """Its identity."""
    state: RunState
    """What it did."""
    persistent: bool
    """Whether it had a persistent definition."""


def _in_order(versions: dict[str, str]) -> dict[str, str]:
    return dict(sorted(versions.items()))


class HostFacts(Model):
    """One end of the plan."""

    uri: str
    """Without secrets."""
    hypervisor: str
    """Kind of host."""
    name: str
    """Hostname."""
    uuid: str
    """Identity."""
    versions: Annotated[dict[str, str], AfterValidator(_in_order)] = {}
    """What runs there, by name, sorted: equal plans have equal digests."""


class Rehearsal(Model):
    """What came of trying the way with a guest of no worth."""

    tried: bool
    """Whether one set out."""
    arrived: bool = False
    """Whether it got there, by every way that the guest would take."""
    seconds: float | None = None
    """What that took."""
    why: str
    """What was done, or why not."""
    left: str = ""
    """What of it was left behind, and where."""


class Plan(Model):
    """All that will be done to move one guest."""

    version: int = PLAN_VERSION
    """Of this format."""
    guest: GuestFacts
    """Who moves."""
    source: HostFacts
    """From where."""
    destination: HostFacts
    """To where."""
    settlement: Settlement
    """What will be in effect."""
    form: Form
    """Who carries the phases out."""
    form_why: str
    """Why this form, and what it costs."""
    two_step: bool = True
    """Whether COMMIT decides the switchover; False = the hypervisor does."""
    source_after_perform: SourceAfterPerform = SourceAfterPerform.PAUSED
    """Where the point of no return lies."""
    progress: Progress = Progress.NOTHING
    """What progress counts."""
    knobs: tuple[Knob, ...] = ()
    """What can be turned while it runs."""
    policy: Policy = PRESETS[DEFAULT]
    """How it is brought to an end: limits, consents, rules."""
    insecure: tuple[str, ...] = ()
    """Checks that the caller has switched off, by name (`insecure.py`)."""
    ignore: tuple[str, ...] = ()
    """Findings that the caller has said do not matter, by id."""
    workload: Workload | None = None
    """What was measured of the guest's memory."""
    forecast: Forecast | None = None
    """How the transfer is expected to go; None = nobody asked, or the guest rests."""
    rehearsal: Rehearsal | None = None
    """What came of trying the way; None = nobody asked."""
    disks: tuple[Disk, ...] = ()
    """The guest's disks, and what becomes of each."""
    findings: tuple[Finding, ...] = ()
    """Warnings and notes; a plan with a blocker is never made."""
    steps: tuple[Step, ...]
    """The program."""

    @property
    def arrives_as(self) -> str:
        """The guest's name at the destination."""
        return self.settlement.effective().dest_name or self.guest.name

    @property
    def copy_bytes(self) -> int:
        """Bytes of disks that are copied, about."""
        return sum(disk.copy_bytes for disk in self.disks)

    def digest(self) -> str:
        """SHA-256 of the plan's canonical JSON, hex; what was measured is left out."""
        text = self.model_dump_json(exclude=MEASURED)
        return hashlib.sha256(text.encode()).hexdigest()

    def explain(self) -> str:
        """The plan for people, plain text."""
        # explain.py reads plans, so it imports this file.
        from virtmigrate.explain import explain  # noqa: PLC0415

        return explain(self)


class Report(Model):
    """What a look at both hosts has shown, whether there is a plan or not."""

    guest: GuestFacts
    """Who is to move."""
    source: HostFacts
    """From where."""
    destination: HostFacts
    """To where."""
    settlement: Settlement
    """Each option as far as it could be settled; `How.REFUSED` where it could not."""
    rehearsal: Rehearsal | None = None
    """What came of trying the way; None = nobody asked."""
    disks: tuple[Disk, ...] = ()
    """What becomes of each disk, as far as that is known."""
    findings: tuple[Finding, ...] = ()
    """All of them, blockers and refusals of options too."""
    plan: Plan | None = None
    """What would be done; None = something stands in the way."""

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way."""
        return self.plan is not None

    def of(self, level: Level) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level is level]
