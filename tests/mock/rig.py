"""A world, a migrator in it, and the phase hooks one by one where a test wants that."""

from __future__ import annotations

from dataclasses import dataclass, field

from virtmigrate import Manager, MemoryJournal, Migrator, Options, Side
from virtmigrate.context import Context
from virtmigrate.phases import Fate
from virtmigrate.planning import Request, make_plan
from virtmigrate.uri import parse_uri
from virtmigrate_mock import World
from virtmigrate_mock.host import MockHypervisor
from virtmigrate_mock.plugin import (
    virtmigrate_begin,
    virtmigrate_confirm,
    virtmigrate_finish,
    virtmigrate_perform,
    virtmigrate_prepare,
)

MANAGER = Manager()


def migrator(world, **more):
    """A migrator on the world's clock."""
    return Migrator(manager=MANAGER, journal=MemoryJournal(), clock=world.clock, **more)


def move(world, guest="g", **asked):
    """Move a guest from a to b."""
    return migrator(world).migrate(
        guest, world.uri("a"), world.uri("b"), Options(**asked)
    )


def furnished(style="qemu-like", **guest):
    """A fresh world with one guest, `g`, on a."""
    world = World.create("test", style=style, replace=True)
    world.add_guest("a", "g", **guest)
    return world


def connect(world, host, side=Side.SOURCE):
    """A connection to one host."""
    uri = parse_uri(world.uri(host))
    return MockHypervisor().connect(uri, side, world.clock)


@dataclass
class Pulses:
    """Stands in for the engine; `on_pulse` is called with the how-manieth."""

    on_pulse: object = None
    count: int = 0
    told: list[str] = field(default_factory=list)

    def pulse(self):
        self.count += 1
        if self.on_pulse is not None:
            self.on_pulse(self.count)

    def warn(self, message):
        self.told.append(message)

    def owe(self, obligation):
        self.told.append(obligation)


class Driver:
    """The five phases of one migration, each called by the test itself."""

    def __init__(self, world, on_pulse=None, **asked):
        self.source = connect(world, "a")
        self.destination = connect(world, "b", Side.DESTINATION)
        self.pulses = Pulses(on_pulse)
        plan = make_plan(
            MANAGER, Request("g", Options(**asked)), self.source, self.destination
        ).plan
        self.ctx = Context(
            migration="m1",
            attempt=1,
            plan=plan,
            options=plan.settlement.effective(),
            source=self.source,
            destination=self.destination,
            guest=self.source.guest_by_uuid(plan.guest.uuid),
            arrival=self.destination.guest_by_uuid(plan.guest.uuid),
            engine=self.pulses,
            clock=world.clock,
        )
        self.cookie = b""

    def begin(self):
        self.cookie = virtmigrate_begin(self.ctx)

    def prepare(self):
        self.cookie = virtmigrate_prepare(self.ctx, self.cookie)

    def perform(self):
        self.cookie = virtmigrate_perform(self.ctx, self.cookie)

    def finish(self, fate=Fate.GO):
        self.cookie = virtmigrate_finish(self.ctx, fate)

    def confirm(self, fate=Fate.GO):
        virtmigrate_confirm(self.ctx, fate)

    def through(self, last):
        """All phases up to and with `last`."""
        for phase in ("begin", "prepare", "perform", "finish", "confirm"):
            getattr(self, phase)()
            if phase == last:
                break
        return self

    def states(self):
        """What both hosts show."""
        return self.ctx.guest.look().state, self.ctx.arrival.look().state
