"""`Migrator`: plan, run, start. What an orchestrator imports.

Every method blocks; `virtmigrate.aio` has the same for asyncio and trio.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from virtmigrate.carrying import carried_out, moved
from virtmigrate.clock import Clock, RealClock
from virtmigrate.doors import Doors
from virtmigrate.errors import NotMovable, Side
from virtmigrate.findings import ignorable
from virtmigrate.handle import NEVER, Handle, new_id
from virtmigrate.insecure import waived
from virtmigrate.links import link_between
from virtmigrate.manager import Manager
from virtmigrate.options import Options
from virtmigrate.planning import Planned, Request, check, make_plan
from virtmigrate.recovering import judge, recover, settle
from virtmigrate.rehearsal import tried_first
from virtmigrate.replan import request_of
from virtmigrate.results import Paid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from virtmigrate.capabilities import Capabilities
    from virtmigrate.events import Event
    from virtmigrate.host import Host
    from virtmigrate.journal import Journal
    from virtmigrate.plan import Plan, Report
    from virtmigrate.policy import Policy
    from virtmigrate.results import Debt, Judgement, Result

BARE = Options()
"""The request of whoever asks for nothing."""


class Migrator:
    """Moves guests. One object serves any number of migrations, from any thread."""

    def __init__(
        self,
        *,
        manager: Manager | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        sinks: Sequence[Callable[[Event], None]] = (),
        insecure: Iterable[str] = (),
    ) -> None:
        """Set up; nothing is opened yet.

        Args:
            manager: Plugins; by default all that are installed.
            journal: Where migrations are recorded; by default SQLite's, when needed.
            clock: The time; a mock world brings a virtual one.
            sinks: Called with every event, in the migration's thread.
            insecure: Checks to be switched off, by name (`insecure.INSECURE`); each
                is logged, and stands in every plan.

        Raises:
            BadInput: There is no such check.
        """
        self.insecure = waived(insecure)
        self.manager = manager or Manager()
        self.clock: Clock = clock or RealClock()
        self.doors = Doors(self.manager, self.clock, self.insecure)
        weakref.finalize(self, self.doors.abandoned)
        self._sinks = tuple(sinks)
        self._journal = journal
        self._lock = threading.Lock()

    @property
    def sinks(self) -> tuple[Callable[[Event], None], ...]:
        """Who hears of events: our own sinks, and plugins where one listens."""
        heard = (self.manager.tell,) if self.manager.listens else ()
        return (*self._sinks, *heard)

    @property
    def journal(self) -> Journal:
        """Where migrations are recorded.

        Raises:
            JournalError: It can't be opened or trusted.
        """
        with self._lock:
            if self._journal is None:
                # sqlite3 is only paid for by those who use it.
                from virtmigrate.sqlite_journal import SQLiteJournal  # noqa: PLC0415

                self._journal = SQLiteJournal()
            return self._journal

    @contextmanager
    def host(self, uri: str, side: Side = Side.SOURCE) -> Iterator[Host]:
        """An open host, closed at the end of the block.

        Raises:
            BadInput: The URI is not allowed.
            UnknownHypervisor: No plugin serves it.
            HostUnreachable: Nobody answers.
        """
        with self.doors.one(uri, side) as host:
            yield host

    def capabilities(self, uri: str) -> Capabilities:
        """What a host declares.

        Raises:
            VirtmigrateError: As `host`, or the plugin's declaration is broken.
        """
        with self.host(uri) as host:
            return self.manager.relay(host.hypervisor).capabilities(host)

    def plan(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Plan:
        """Plan a migration; nothing is touched.

        Args:
            guest: Name or UUID at the source.
            source: Host URI.
            destination: Host URI.
            options: The request; bare if None.
            policy: How it is brought to an end (`presets.preset`); None = `adaptive`.
            measure_s: Measure the guest's writes for about so many seconds, and
                foretell the transfer; 0 = neither.
            ignore: Warnings and notes that don't matter, by id; the plan marks them.
            rehearse: Try the way to the destination with a guest of no worth: for a
                moment there is one more guest on each host (`rehearsal.py`).

        Raises:
            ExceptionGroup: Of `Refused`: every reason why it can't be done.
            VirtmigrateError: A host can't be reached or asked.
        """
        wanted = self._request(guest, options, policy, measure_s, ignore)
        wanted = tried_first(self, wanted, (source, destination), asked=rehearse)
        with self.doors.pair(source, destination) as (here, there):
            return make_plan(self.manager, wanted, here, there).plan

    def check(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Report:
        """Everything that the plan would say, and all that stands in its way.

        Arguments as `plan`. What refuses a plan is a finding here, and no error.

        Raises:
            VirtmigrateError: Malformed input; no such guest; a host can't be reached.
        """
        wanted = self._request(guest, options, policy, measure_s, ignore)
        wanted = tried_first(self, wanted, (source, destination), asked=rehearse)
        with self.doors.pair(source, destination) as (here, there):
            return check(self.manager, wanted, here, there)

    def _request(
        self,
        guest: str,
        options: Options | None,
        policy: Policy | None,
        measure: float,
        ignore: Iterable[str],
    ) -> Request:
        return Request(
            guest,
            options or BARE,
            policy,
            measure,
            link=lambda here, there: link_between(self.journal, here, there),
            insecure=self.insecure,
            known=self.doors.known,
            ignore=ignorable(ignore),
        )

    def migrate(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Result:
        """Plan and run; blocks to the end.

        Arguments and errors as `plan`, and `NotMovable` while another migration of
        this guest is open. A migration that began always gives a result, whose outcome
        says how it ended (`Result.raise_unless_succeeded`).

        One that was taken back because its disks could not catch up is carried out once
        more with synchronous writes, under an id of its own, unless the request said
        no to them. Then the result is that one's; a warning in it names the first.
        """
        wanted = self._request(guest, options, policy, measure_s, ignore)
        wanted = tried_first(self, wanted, (source, destination), asked=rehearse)
        return self._migrate(new_id(), wanted, (source, destination), NEVER)

    def start(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Handle:
        """Plan and run in a thread, as `migrate`; gives a handle at once.

        The handle bears the first id; cancelling it ends whichever runs.
        """
        migration, uris = new_id(), (source, destination)
        wanted = self._request(guest, options, policy, measure_s, ignore)

        def run(cancel: threading.Event) -> Result:
            tried = tried_first(self, wanted, uris, asked=rehearse, cancel=cancel)
            return self._migrate(migration, tried, uris, cancel)

        return Handle(migration, run)

    def _migrate(
        self,
        migration: str,
        wanted: Request,
        uris: tuple[str, str],
        cancel: threading.Event,
    ) -> Result:
        with self.doors.pair(*uris) as hosts:
            return moved(self, migration, wanted, hosts, cancel)

    def run(
        self,
        plan: Plan,
        *,
        source: str | None = None,
        destination: str | None = None,
        cancel: threading.Event = NEVER,
    ) -> Result:
        """Run a plan that was made before; blocks to the end.

        Args:
            plan: The plan. What it says of hosts and guest must still hold.
            source: URI to open, where the plan's had a secret that it does not show.
            destination: The same for the destination.
            cancel: Set it to have the move taken back.

        Raises:
            ExceptionGroup: Of `Refused`: the world has changed since.
            VirtmigrateError: A host can't be reached.
        """
        uris = (source or plan.source.uri, destination or plan.destination.uri)
        with self.doors.pair(*uris) as (here, there):
            again = request_of(plan, self.insecure)
            fresh = make_plan(self.manager, again, here, there).plan
            if fresh.digest() != plan.digest():
                msg = "hosts or guest are not as they were when the plan was made"
                stale = NotMovable(msg, subject=plan.guest.name, remedy="plan again")
                raise ExceptionGroup(msg, [stale])
            return carried_out(self, new_id(), Planned(plan), (here, there), cancel)

    def recover(
        self,
        migration: str,
        *,
        source: str | None = None,
        destination: str | None = None,
        fence_proof: str = "",
    ) -> Result:
        """Bring a migration to an end whose controller died. Safe to call twice.

        A transfer that still runs by itself is steered on by its policy. A host that
        does not answer is left alone; what the other shows, and the journal, decide.

        Args:
            migration: Its id; one that is closed gives the result that it had.
            source: URI to open, where the plan's had a secret that it does not show.
            destination: The same for the destination.
            fence_proof: The host (name, URI or UUID) of this migration of which you
                state that it is off, or that nothing of this guest runs there any
                more, and never will by itself. It is written down.

        Raises:
            UnknownMigration: No such migration.
            JournalError: The journal can't be trusted.
            NotMovable: Its controller lives; or a proof names a host that answers.
            BadInput: A proof names another host, or a URI leads to one.
            HostUnreachable: Neither host answers; nothing was touched.
        """
        return recover(self, migration, (source, destination), fence_proof)

    def judge(
        self,
        migration: str,
        *,
        source: str | None = None,
        destination: str | None = None,
        fence_proof: str = "",
    ) -> Judgement:
        """What `recover` would find now, and make of it. Nothing is touched.

        Arguments and errors as `recover`; its controller may live.
        """
        return judge(self, migration, (source, destination), fence_proof)

    def settle(
        self,
        migration: str | None = None,
        *,
        source: str | None = None,
        destination: str | None = None,
    ) -> list[Debt]:
        """Do what migrations that are over still owe, as far as its time has come.

        A definition that must not outlive the guest goes once the guest is stopped; one
        that could not be written is written; an incomplete copy goes when its host
        answers again. Safe to call as often as you like, from several places.

        Args:
            migration: Its id; all that owe something if None.
            source: URI to open, where the plan's had a secret that it does not show.
            destination: The same for the destination.

        Returns:
            What became of each obligation. What is still owed stays in the journal.

        Raises:
            UnknownMigration, JournalError: No such id; or it can't be read or written.
        """
        return settle(self, migration, (source, destination))

    def keep_settled(
        self,
        stop: threading.Event,
        *,
        every_s: float = 30.0,
        told: Callable[[Debt], None] = lambda debt: None,
    ) -> None:
        """Settle again and again, until `stop` is set. For a thread of its own.

        Args:
            stop: Ends it, at once between two rounds.
            every_s: Seconds between two rounds.
            told: Is told of each obligation that is no longer owed.
        """
        while not stop.is_set():
            for debt in self.settle():
                if debt.state is not Paid.OWED:
                    told(debt)
            stop.wait(every_s)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the hosts that were kept open, and of the journal."""
        self.doors.shut()
        close = getattr(self._journal, "release", None)
        if close is not None:
            close()
