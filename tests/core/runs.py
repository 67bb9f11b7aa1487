"""Migrations in a scripted world, with all that they leave behind."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.core.declared import qemu_like, vz_like
from tests.core.scripted import NAME, World
from tests.core.scripted_plugin import ScriptedPlugin
from virtmigrate import Manager, MemoryJournal, Migrator, Options
from virtmigrate.capabilities import How, Support
from virtmigrate.errors import JournalError
from virtmigrate.planning import Request

STYLES = {
    "qemu": qemu_like,
    "vz": vz_like,
    # Coma is emulated, and nothing else.
    "coma": lambda host, **fields: qemu_like(
        host, {"live": Support(on=How.NATIVE, off=How.EMULATED)}, **fields
    ),
    # As vz, but a definition at the destination is undone at once.
    "emulated": lambda host, **fields: vz_like(
        host, {"persist_dest": Support(on=How.INHERENT, off=How.EMULATED)}, **fields
    ),
}
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
        self.durable = {}

    def crash(self):
        """What a dead controller leaves: what was not durable is lost."""
        for migration, records in self._records.items():
            del records[self.durable.get(migration, 0) :]

    def close(self, migration, outcome, at, **how):
        super().close(migration, outcome, at, **how)
        self.durable[migration] = len(self._records[migration])

    def append(self, migration, kind, at, body, *, durable):
        step = body.get("step", "")
        if self.broken & {(kind, step), (kind, ""), ("", "")}:
            msg = f"no space left for {kind} {step}"
            raise JournalError(msg)
        super().append(migration, kind, at, body, durable=durable)
        if durable:
            self.durable[migration] = len(self._records[migration])
            self.world.calls.append(f"journal.{kind} {step}".rstrip())


@dataclass
class Run:
    """One world and the migrator that works in it.

    Attributes:
        style: What its hosts declare: a key of `STYLES`.
        manager: One with a scripted plugin of that world; made if None.
        cancel: Set it, and the migration that runs is cancelled.
        sinks: Called with each event.
    """

    world: World
    plugins: tuple[object, ...] = ()
    style: str = "qemu"
    manager: Manager | None = None
    events: list[object] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        self.world.declare = STYLES[self.style]
        self.journal = LoudJournal(self.world)
        if self.manager is None:
            plugins = [ScriptedPlugin(self.world), *self.plugins]
            self.manager = Manager(plugins, discover=False)
        self.sinks = [self.events.append]
        self.migrator = Migrator(
            manager=self.manager,
            journal=self.journal,
            clock=self.world.clock,
            sinks=[self._tell],
        )

    def _tell(self, event):
        for sink in self.sinks:
            sink(event)

    def migrate(self, policy=None, **asked):
        """Move the guest from a to b."""
        wanted = Request(NAME, Options(**asked), policy)
        return self.migrator._migrate("m1", wanted, (SOURCE, DESTINATION), self.cancel)

    def plan(self, **asked):
        """Plan the same."""
        return self.migrator.plan(NAME, SOURCE, DESTINATION, Options(**asked))

    def kinds(self):
        """Kinds of the events, progress left out."""
        return [e.kind for e in self.events if e.kind != "progress"]

    def steps(self):
        """Ids of the steps that were started."""
        return [e.step for e in self.events if e.kind == "step-started"]
