"""One test's hosts, guest and migrator, and what is true after every migration."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, TypeVar
from weakref import WeakKeyDictionary

import pytest

from virtmigrate import Manager, MemoryJournal, Migrator, Options
from virtmigrate.capabilities import Capabilities, How
from virtmigrate.errors import Refused, Side, VirtmigrateError, leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import RANK
from virtmigrate.option_rows import BY_NAME, Switch
from virtmigrate.phases import Outcome
from virtmigrate_testkit.companions import ends_of
from virtmigrate_testkit.recorder import Recorder, Strike

if TYPE_CHECKING:
    from virtmigrate.events import Event
    from virtmigrate.handle import Handle
    from virtmigrate.host import Host
    from virtmigrate.negotiation import Ends
    from virtmigrate.plan import Plan
    from virtmigrate.results import Result
    from virtmigrate_testkit.bench import Bench, Copy

T = TypeVar("T")
NAME = "conformance"
RENAMED = "conformance-2"
STOPPED = (RunState.SHUTOFF, RunState.ABSENT)
WAIT_S = 10.0
DECLARED: WeakKeyDictionary[Bench, tuple[Capabilities, Capabilities]] = (
    WeakKeyDictionary()
)


@dataclass(slots=True)
class Run:
    """One migration that was carried out.

    Attributes:
        plan: What was planned.
        result: What it came to.
        before: The guest at the source before it.
        there_before: The same at the destination.
        recorder: The hooks that were called.
        events: What was told.
    """

    plan: Plan
    result: Result
    before: Copy
    there_before: Copy
    recorder: Recorder
    events: list[Event] = field(default_factory=list)

    @property
    def effective(self) -> Options:
        """The options that the plan put in effect."""
        return self.plan.settlement.effective()


def not_applicable(reason: str) -> NoReturn:
    """Leave a standard test out, for a reason that the closing line repeats."""
    pytest.skip(reason)


class Kit:
    """What the standard tests work with."""

    def __init__(self, bench: Bench) -> None:
        """One test on this bench."""
        self.bench = bench
        self.back = False
        self.recorder = Recorder()
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.journal = MemoryJournal()
        self.manager = Manager()
        installed = [record.plugin for record in self.manager.records]
        for plugin in (*bench.plugins, self.recorder):
            if not any(plugin is known for known in installed):
                self.manager.register(plugin)
        self.migrator = Migrator(
            manager=self.manager,
            journal=self.journal,
            clock=bench.clock,
            sinks=[self._heard],
        )
        self.touched = False

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    # What is declared.

    @property
    def declared(self) -> tuple[Capabilities, Capabilities]:
        """The declarations of source and destination, asked once for each bench."""
        known = DECLARED.get(self.bench)
        if known is None:
            here, there = (self.migrator.capabilities(u) for u in self.bench.hosts())
            known = DECLARED[self.bench] = (here, there)
        return known

    def ends(self, state: RunState = RunState.RUNNING) -> Ends:
        """Both declarations with a guest between them."""
        return ends_of(*self.declared, state)

    def how(self, option: str, answer: bool) -> How:  # noqa: FBT001 - it is data
        """How this answer is met where it is decided; the worse of both hosts."""
        row = BY_NAME[option]
        side = row.side if isinstance(row, Switch) else Side.BOTH
        supports = [each.switch(option) for _, each in self.ends().of(side)]
        return max((s.how(answer) for s in supports), key=RANK.index)

    @contextmanager
    def open(self, side: Side = Side.SOURCE) -> Iterator[Host]:
        """A connection of the plugin's own to one of the hosts."""
        uri = self.bench.hosts()[side is Side.DESTINATION]
        with self.migrator.host(uri, side) as host:
            yield host

    # Guests.

    def guest(
        self, state: RunState = RunState.RUNNING, *, persistent: bool = True
    ) -> None:
        """The test's guest, at the source; made once."""
        if self.touched:
            return
        self.touched = True
        self.bench.start(NAME, state, persistent=persistent)

    def define_there(self) -> Copy:
        """Define the guest at the destination, in an older form."""
        here, _ = self.bench.look(NAME)
        assert here.definition, "a persistent guest has a definition"
        with self.open(Side.DESTINATION) as host:
            host.define(self.bench.older(here.definition))
        return self.bench.look(NAME)[1]

    # Migrations.

    def move(self, *strikes: Strike, **asked: object) -> Run:
        """Plan and run one migration; bounded. It goes back if `back` is set."""
        here, there = self._pair(self.bench.hosts())
        options = Options.checked(asked)
        plan = self.migrator.plan(NAME, here, there, options)
        self.recorder.strikes[:] = strikes
        self.recorder.calls.clear()
        self.events.clear()
        before, there_before = self.look()
        handles: list[Handle] = []
        started = threading.Event()

        def cancel() -> None:
            assert started.wait(WAIT_S)
            handles[0].cancel()

        self.recorder.cancel = cancel
        handles.append(self.migrator.start(NAME, here, there, options))
        started.set()
        result = handles[0].wait(self.bench.timeout_s)
        assert self.recorder.struck == list(strikes), "a hook was never called"
        self.recorder.struck.clear()
        events = list(self.events)
        return Run(plan, result, before, there_before, self.recorder, events)

    def moved(self, *strikes: Strike, **asked: object) -> Run:
        """As `move`; it must succeed, and both hosts must be as was planned."""
        run = self.move(*strikes, **asked)
        assert run.result.outcome is Outcome.SUCCEEDED, run.result
        self.check_moved(run)
        return run

    def look(self, there: str = NAME) -> tuple[Copy, Copy]:
        """The guest where it comes from, and where it goes (by the name of there)."""
        here, _ = self._pair(self.bench.look(NAME))
        _, arrived = self._pair(self.bench.look(there))
        return here, arrived

    def _pair(self, pair: tuple[T, T]) -> tuple[T, T]:
        return (pair[1], pair[0]) if self.back else pair

    def refused(self, **asked: object) -> list[Refused]:
        """The refusals of a request that must be refused, everything untouched."""
        before = self._everything()
        self.recorder.calls.clear()
        with pytest.raises((ExceptionGroup, Refused)) as caught:
            self.migrator.migrate(NAME, *self.bench.hosts(), Options.checked(asked))
        found = leaves(caught.value)
        refusals = [error for error in found if isinstance(error, Refused)]
        assert refusals == found, "a refusal is an error of the branch Refused"
        assert all(error.remedy for error in refusals), "each names a remedy"
        assert self.recorder.calls == [], "no hook of a phase runs for a refusal"
        assert self.journal.entries() == [], "what is refused was never begun"
        assert self._everything() == before, "both hosts are as they were"
        return refusals

    def _everything(self) -> object:
        seen: list[object] = [self.bench.look(NAME)]
        for side in (Side.SOURCE, Side.DESTINATION):
            with self.open(side) as host:
                uuid = host.name_taken_by(NAME)
                seen.append(uuid)
                if uuid:
                    guest = host.guest_by_uuid(uuid)
                    look = guest.look()
                    seen += [look.state, look.persistent, look.job]
                    seen.append(guest.definitions().persistent)
        return seen

    # What must be true afterwards.

    def check_moved(self, run: Run) -> None:
        """Both hosts are as the plan says, definitions included."""
        source, there = self.look(run.effective.dest_name or NAME)
        assert there.state is landing(run), "the run state that it is to have"
        assert not source.state.active, "nothing of it runs at the source"
        persist, undefine = (
            run.plan.settlement[o] for o in ("persist_dest", "undefine_source")
        )
        kept = run.before.definition is not None and not undefine.effective
        assert (source.definition is not None) is kept, "the source's definition"
        if kept:
            assert source.definition == run.before.definition, "to the letter"
        if persist.how is How.DEFERRED and not persist.effective:
            return  # until it is settled
        defined = bool(persist.effective) or run.there_before.definition is not None
        assert (there.definition is not None) is defined, "the destination's definition"

    def check_safe(self, run: Run) -> None:
        """Whatever happened: one guest, in its former run state, as the result says."""
        source, there = self.look()
        result, was = run.result, run.before
        assert result.outcome in (Outcome.SUCCEEDED, Outcome.ROLLED_BACK), result
        if result.outcome is Outcome.SUCCEEDED:
            assert not source.state.active, "the source retired its copy"
            assert there.state is landing(run), "its run state was given back"
            assert was.definition is None or source.definition or there.definition
            return
        assert source == was, "the source is as it was before"
        assert there == run.there_before, "nothing is left at the destination"


def landing(run: Run) -> RunState:
    """In which state the guest is to be at the destination."""
    if run.before.state in STOPPED:
        persists = run.effective.persist_dest
        return RunState.SHUTOFF if persists else RunState.ABSENT
    return RunState.PAUSED if run.effective.paused else RunState.RUNNING


def messages(errors: Sequence[VirtmigrateError]) -> str:
    """All sentences in one, to be searched."""
    return "; ".join(str(error) for error in errors)
