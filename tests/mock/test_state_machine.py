"""A guest that is moved to and fro while hosts, people and controllers misbehave."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.mock.rig import MANAGER
from tests.requirements import requirement
from virtmigrate import MemoryJournal, Migrator, Options
from virtmigrate.errors import VirtmigrateError
from virtmigrate.phases import Outcome
from virtmigrate_mock import World
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.state import Fault

HOSTS = st.sampled_from("ab")
STEPS = st.sampled_from(
    ["begin", "prepare", "perform", "finish", "confirm", "look", "resume", "destroy"]
)
KINDS = st.sampled_from(
    ["error", "lost-answer", "unreachable", "kill-controller", "kill-controller"]
)
ASKED = st.sampled_from(
    [
        {},
        {"p2p": True},
        {"live": False},
        {"undefine_source": False},
        {"postcopy": True},
    ]
)
_numbers = itertools.count()


class Moves(RuleBasedStateMachine):
    """One guest, two hosts, one journal, any number of controllers."""

    @initialize(style=st.sampled_from(["qemu-like", "vz-like"]))
    def furnish(self, style):
        """A running, persistent guest on a."""
        name = f"machine-{next(_numbers)}"
        self.world = World.create(name, style=style)
        self.world.add_guest("a", "g", memory_mib=16)
        self.journal = MemoryJournal()

    def migrator(self):
        """A controller of its own."""
        return Migrator(manager=MANAGER, journal=self.journal, clock=self.world.clock)

    def attempt(self, call):
        """What a user sees: a result, a typed error, or a dead controller."""
        try:
            call()
        except* (ControllerKilled, VirtmigrateError):
            pass

    def open(self):
        """Migrations that nobody has ended."""
        return [e.migration for e in self.journal.entries() if e.closed is None]

    @rule(here=HOSTS, asked=ASKED)
    def migrate(self, here, asked):
        """Move it, or try to."""
        there = "b" if here == "a" else "a"
        uris = self.world.uri(here), self.world.uri(there)
        self.attempt(lambda: self.migrator().migrate("g", *uris, Options(**asked)))

    @rule(step=STEPS, kind=KINDS, when=st.sampled_from(["before", "after"]))
    def go_wrong(self, step, kind, when):
        """The next such call fails, or is the controller's last."""
        self.world.script(Fault(step, kind, when=when))

    @rule(what=st.sampled_from(["pause", "resume"]), host=HOSTS)
    def meddle(self, what, host):
        """A person does something."""
        self.world.befall(what, host, "g")

    @rule()
    def cut(self):
        """The link goes."""
        self.world.befall("link-down")

    @rule()
    def mend(self):
        """The link comes back."""
        self.world.befall("link-up")

    @precondition(lambda self: self.open())
    @rule(data=st.data())
    def recover(self, data):
        """Somebody recovers one, with whatever still goes wrong."""
        one = data.draw(st.sampled_from(self.open()))
        self.attempt(lambda: self.migrator().recover(one))

    @rule()
    def settle(self):
        """Somebody collects what is owed."""
        self.attempt(lambda: self.migrator().settle())

    @rule()
    def heal(self):
        """Nothing goes wrong any more: what can be ended is ended."""
        with self.world.store as state:
            state.faults.clear()
        self.world.befall("link-up")
        self.world.clock.sleep(1)
        for one in self.open():
            result = self.migrator().recover(one)
            again = self.migrator().recover(one)
            assert result.outcome is again.outcome or result.outcome is Outcome.UNKNOWN
        copies = self.world.copies("g").values()
        assert sum(copy.state.active for copy in copies) >= 1

    @invariant()
    def never(self):
        """What no history may show."""
        if hasattr(self, "world"):
            assert self.world.violations() == []

    def teardown(self):
        """Worlds are known by name: this one is over."""
        if hasattr(self, "world"):
            self.world.forget()


TestMoves = requirement("lost.killed")(Moves.TestCase)
TestMoves.settings = settings(stateful_step_count=25)
