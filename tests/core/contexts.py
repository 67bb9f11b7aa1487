"""A running migration's context, made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.core.declared import qemu_like
from tests.core.plans import plan_of
from tests.core.runs import Run
from tests.core.scripted import XML, Copy, ScriptedHost, World
from virtmigrate import Options
from virtmigrate.context import Captured, Context, PlanContext
from virtmigrate.host import Definitions, Sighting
from virtmigrate.settle import Settler

PLAN = plan_of()
RELAY = Run(World()).manager.relay("scripted")
"""Settling calls the core's defaults alone, so any world's relay will do."""


@dataclass
class Ear:
    """What `ctx.engine` is here: it only listens."""

    warned: list[str] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    pulses: int = 0
    remembered: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def pulse(self):
        self.pulses += 1

    def warn(self, message):
        self.warned.append(message)

    def owe(self, obligation):
        self.owed.append(obligation)

    def remember(self, key, value):
        self.remembered.append((key, value))
        self.notes[key] = value


def context(world, *, plan=None, suspended=False, there=None):
    """A migration of the scripted guest, captured before anything was touched."""
    plan = plan or PLAN
    there = there or Copy()
    here, away = ScriptedHost("a", world), ScriptedHost("b", world)
    captured = Captured(
        Sighting(world.state, world.persistent),
        Definitions("<domain type='live'/>", XML if world.persistent else None),
        Sighting(there.state, there.persistent is not None),
        Definitions(None, there.persistent),
    )
    ear = Ear()
    return Context(
        migration="m1",
        attempt=1,
        plan=plan,
        options=plan.settlement.effective(),
        source=here,
        destination=away,
        guest=here.guest_by_uuid(plan.guest.uuid),
        arrival=away.guest_by_uuid(plan.guest.uuid),
        engine=ear,
        notes=ear.notes,
        clock=world.clock,
        captured=captured,
        landing=world.state,
        suspended=suspended,
    )


def request(world, options=None):
    """What a pre-flight sees of that world."""
    here, away = ScriptedHost("a", world), ScriptedHost("b", world)
    guest = here.guest_by_uuid(PLAN.guest.uuid)
    return PlanContext(
        options=options or Options(),
        source=here,
        destination=away,
        guest=guest,
        sighting=guest.look(),
        there=away.guest_by_uuid(PLAN.guest.uuid).look(),
        definitions=guest.definitions(),
        source_capabilities=qemu_like("a"),
        destination_capabilities=qemu_like("b"),
    )


def found_by(relay, asked):
    """What its plugins find, the nearest first."""
    return [finding for look in relay.looks for finding in look.ask(asked)]


def settler(
    world,
    told,
    *,
    two_step,
    prepared=True,
    suspended=False,
    there=None,
    plan=PLAN,
):
    """A settlement in that world; remembers verdicts and faults."""
    plan = plan.model_copy(update={"two_step": two_step})
    ctx = context(world, plan=plan, suspended=suspended, there=there)
    made = RememberingSettler(
        ctx,
        RELAY,
        told,
        prepared=prepared,
        judged=lambda *seen: made.verdicts.append(seen[2]),
        fault=lambda error: made.faults.append(error),  # noqa: PLW0108 - made is this
    )
    return made


@dataclass
class RememberingSettler(Settler):
    """With what it told."""

    verdicts: list[object] = field(default_factory=list)
    faults: list[object] = field(default_factory=list)
