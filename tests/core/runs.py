"""Migrations in a scripted world, with all that they leave behind."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.core.scripted import NAME, ScriptedPlugin, World
from virtmigrate import Manager, MemoryJournal, Migrator, Options
from virtmigrate.errors import JournalError

SOURCE, DESTINATION = "scripted:///a", "scripted:///b"


class LoudJournal(MemoryJournal):
    """Writes durable records into the world's list of calls; fails where told to.

    Attributes:
        broken: (kind, step) of records that can't be written; step "" = any.
    """

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.broken = set()

    def append(self, migration, kind, at, body, *, durable):
        step = body.get("step", "")
        if self.broken & {(kind, step), (kind, ""), ("", "")}:
            msg = f"no space left for {kind} {step}"
            raise JournalError(msg)
        super().append(migration, kind, at, body, durable=durable)
        if durable:
            self.world.calls.append(f"journal.{kind} {step}".rstrip())


@dataclass
class Run:
    """One world and the migrator that works in it."""

    world: World
    plugins: tuple[object, ...] = ()
    events: list[object] = field(default_factory=list)

    def __post_init__(self):
        self.journal = LoudJournal(self.world)
        self.manager = Manager(
            [ScriptedPlugin(self.world), *self.plugins], discover=False
        )
        self.migrator = Migrator(
            manager=self.manager,
            journal=self.journal,
            clock=self.world.clock,
            sinks=[self.events.append],
        )

    def migrate(self, **asked):
        """Move the guest from a to b."""
        return self.migrator.migrate(NAME, SOURCE, DESTINATION, Options(**asked))

    def plan(self, **asked):
        """Plan the same."""
        return self.migrator.plan(NAME, SOURCE, DESTINATION, Options(**asked))

    def kinds(self):
        """Kinds of the events, progress left out."""
        return [e.kind for e in self.events if e.kind != "progress"]

    def steps(self):
        """Ids of the steps that were started."""
        return [e.step for e in self.events if e.kind == "step-started"]
