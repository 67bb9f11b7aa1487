"""One migration whose five phases we call: the loop's rules applied, nothing guessed.

What libvirt's own loop (`virDomainMigrateVersion3Full`) keeps in local variables is
kept here; how far it came is kept in the notes, which the journal writes down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from virtmigrate.errors import (
    AnswerLost,
    HostError,
    HostUnreachable,
    VirtmigrateError,
)
from virtmigrate.phases import Phase
from virtmigrate_libvirt import cookies, phases, rules, states
from virtmigrate_libvirt.codes import UNSAID, Code
from virtmigrate_libvirt.deadlines import SECONDS
from virtmigrate_libvirt.flags import OFFLINE
from virtmigrate_libvirt.link import code_of
from virtmigrate_libvirt.rules import Reached
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.link import Link
    from virtmigrate_libvirt.protocol import Connection, Domain
    from virtmigrate_libvirt.typed import ParamValue
    from virtmigrate_libvirt.xml import Document

T = TypeVar("T")

REACHED, FLAGS, PROTECTS = "libvirt.reached", "libvirt.flags", "libvirt.protects"
"""Keys of the notes."""

NOTHING_THERE = frozenset({Code.NO_DOMAIN, Code.MIGRATE_FINISH_OK})
"""Answers of a cancelled finish that mean: nothing is left."""


class Drive:
    """The phases of one migration.

    Attributes:
        documents: Definitions that came for the other host, in cookies or by begin.
    """

    def __init__(
        self,
        migration: str,
        guest: tuple[str, str],
        hosts: tuple[LibvirtHost, LibvirtHost],
        request: tuple[int, Mapping[str, ParamValue]],
        notes: MutableMapping[str, str],
    ) -> None:
        """Take what is to be done; nothing is sent.

        Args:
            migration: Its id.
            guest: Its UUID, and its name at the source.
            hosts: Source and destination.
            request: Flag word and typed parameters, by libvirt's names.
            notes: Where to keep how far it came.
        """
        self.migration = migration
        self.uuid, self._name = guest
        self.source, self.destination = hosts
        self.notes = notes
        self.flags = int(notes.get(FLAGS, request[0]))
        self.protects = notes.get(PROTECTS) == "yes"
        self._params = request[1]
        self._xml: str | None = None
        self._uri: str | None = None
        self.documents: list[Document] = []

    @property
    def reached(self) -> Reached:
        """How far it came."""
        return Reached(self.notes.get(REACHED, Reached.NOTHING))

    @property
    def memory_uri(self) -> str:
        """Where the memory goes; "" = nobody has said yet."""
        return self._uri or str(self._params.get(rules.URI, ""))

    def begin(self, *, protects: bool) -> bytes:
        """Begin at the source.

        Args:
            protects: Whether the source's driver has change protection (feature 7).

        Raises:
            HostError: It refused; the source is as it was.
        """
        self.protects = protects
        self.notes[PROTECTS] = "yes" if protects else "no"
        flags = self._flags(Phase.BEGIN)

        def begin(domain: Domain) -> tuple[phases.Begun, bool]:
            begun = phases.begin(domain, self._given(Phase.BEGIN), flags)
            return begun, domain.state(0)[0] == states.PAUSED

        with self._reaching("begin", Reached.BEGUN):
            begun, paused = self._at_source(begin, "begin", SECONDS.begin)
        self._check(begun.cookie, self.source)
        self._xml = begun.xml
        self.documents.append(parse(begun.xml, side=self.source.side))
        self.flags = rules.seen_paused(self.flags, paused=paused)
        self.notes[FLAGS] = str(self.flags)
        return begun.cookie

    def prepare(self, cookie: bytes) -> bytes:
        """Prepare at the destination.

        Raises:
            HostError: It refused; the destination has cleaned up after itself.
        """
        flags = self._flags(Phase.PREPARE)
        params = self._given(Phase.PREPARE)
        link = self.destination.wire(self.migration)
        with self._reaching("prepare", Reached.PREPARED):
            prepared = link.call(
                "prepare",
                lambda connection: phases.prepare(connection, params, flags, cookie),
                deadline_s=SECONDS.prepare,
            )
        self._check(prepared.cookie, self.destination)
        self._uri = prepared.uri
        if not prepared.uri and rules.URI not in self._params:
            raise HostError(
                "prepare: the destination did not say where the memory is to go",
                side=self.destination.side,
                subject=self.destination.uri,
                remedy="say it with --migrateuri",
            )
        return prepared.cookie

    def perform(self, cookie: bytes) -> bytes:
        """Perform at the source; blocks for the whole transfer, without a deadline.

        A host that dies ends it by keepalive; whoever watches may abort it.

        Raises:
            JobAborted: Somebody did; the source runs on.
            HostError: It failed; the source runs on.
            AnswerLost: The source's connection died meanwhile.
        """
        flags, params = self._flags(Phase.PERFORM), self._given(Phase.PERFORM)
        with self._reaching("perform", Reached.PERFORMED):
            given = self._at_source(
                lambda domain: phases.perform(domain, params, flags, cookie),
                "perform",
                None,
            )
        self._check(given, self.source)
        return given

    def check_destination(self) -> None:
        """See that the destination still holds the connection: only then go on.

        Raises:
            HostUnreachable: It does not; the incoming guest is, or will be, gone.
        """
        link = self.destination.wire(self.migration, reopen=False)
        try:
            link.call("perform", lambda c: c.getLibVersion(), deadline_s=SECONDS.ping)
        except AnswerLost as error:
            raise HostUnreachable(
                error.message, side=error.side, subject=error.subject
            ) from error

    def finish(self, cookie: bytes, *, paused: bool, waits: bool = False) -> bytes:
        """Finish at the destination: the guest starts there.

        Args:
            cookie: Perform's; not passed on for an offline move.
            paused: Whether it is to stay paused.
            waits: Post-copy: it returns when the last page is there, however long.

        Raises:
            HostUnreachable: Never sent: the guest was not started.
            AnswerLost: It may have been started: look.
            HostError: It was not started.
        """
        flags = rules.landing(self._flags(Phase.FINISH), paused=paused)
        params = self._given(Phase.FINISH)
        passed = b"" if self.flags & OFFLINE else cookie
        link = self.destination.wire(self.migration, reopen=False)
        with self._reaching("finish", Reached.FINISHED):
            given = link.call(
                "finish",
                lambda connection: phases.finish(
                    connection, params, flags, passed, cancelled=False
                ),
                deadline_s=None if waits else SECONDS.finish,
            )
        try:
            self._check(given, self.destination)
        except VirtmigrateError:
            return b""  # the guest runs there: confirm does without its cookie
        return given

    def cancel_destination(self) -> None:
        """Tell the destination that nothing comes, if libvirt's rules say so.

        No fresh connection is tried, while the source's guest stands still: a daemon
        clears an incoming guest away by itself once it sees its connection closed.

        Raises:
            HostError: It could not be told.
        """
        if not self._heard(rules.CANCELLING[self.reached].finish):
            return
        flags, params = self._flags(Phase.FINISH), self._given(Phase.FINISH)
        try:
            self.destination.wire(self.migration, reopen=False).call(
                "finish (cancelled)",
                lambda connection: phases.finish(
                    connection, params, flags, b"", cancelled=True
                ),
                deadline_s=SECONDS.cancel,
            )
        except HostError as error:
            if not _nothing_there(error):
                raise
        finally:
            self.destination.unwire(self.migration)

    def confirm(self, cookie: bytes) -> None:
        """Confirm at the source: it retires its copy. An empty cookie will do.

        Raises:
            HostError: It did not; the source may still hold a stopped copy.
        """
        self._confirm(cookie, cancelled=False)

    def cancel_source(self) -> None:
        """Give the source back what begin took, if libvirt's rules say so.

        A perform that is waited for no longer has let nothing go by itself: its
        connection lives, so the daemon keeps the job for whoever confirms.

        Raises:
            HostError: It could not be told, or has no such job any more.
        """
        kept = self.reached is Reached.PERFORM_LOST and self.source.waited_on(
            self.migration
        )
        if kept or self._heard(rules.CANCELLING[self.reached].confirm):
            self._confirm(b"", cancelled=True)

    def _confirm(self, cookie: bytes, *, cancelled: bool) -> None:
        flags, params = self._flags(Phase.CONFIRM), self._given(Phase.CONFIRM)
        self._at_source(
            lambda domain: phases.confirm(
                domain, params, flags, cookie, cancelled=cancelled
            ),
            "confirm",
            SECONDS.confirm,
            reopen=True,
        )

    def _check(self, cookie: bytes, baker: LibvirtHost) -> None:
        """What one host hands over for the other is looked at first."""
        for document in cookies.checked(cookie, self.uuid, baker.side):
            self.documents.append(document)

    # What the rules say.

    def _flags(self, phase: Phase) -> int:
        return rules.flags_for(phase, self.flags, protects=self.protects)

    def _given(self, phase: Phase) -> dict[str, ParamValue]:
        return rules.params_for(
            phase, self._params, name=self._name, begin_xml=self._xml, uri=self._uri
        )

    def _heard(self, when: rules.When) -> bool:
        return rules.heard(when, protects=self.protects)

    def _reaching(self, name: str, done: Reached) -> _Reaching:
        return _Reaching(self.notes, name, done)

    def _at_source(
        self,
        function: Callable[[Domain], T],
        doing: str,
        deadline_s: float | None,
        *,
        reopen: bool = False,
    ) -> T:
        link: Link = self.source.wire(self.migration, reopen=reopen)

        def at_source(connection: Connection) -> T:
            return function(connection.lookupByUUIDString(self.uuid))

        return link.call(doing, at_source, deadline_s=deadline_s)


class _Reaching:
    """Writes down how a phase ended: done, failed, or lost."""

    def __init__(
        self, notes: MutableMapping[str, str], name: str, done: Reached
    ) -> None:
        self._notes = notes
        self._name = name
        self._done = done

    def __enter__(self) -> None:
        self._notes[REACHED] = Reached(f"{self._name}-lost")

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is None:
            self._notes[REACHED] = self._done
        elif isinstance(error, HostError) and not isinstance(error, AnswerLost):
            self._notes[REACHED] = Reached(f"{self._name}-failed")


def _nothing_there(error: HostError) -> bool:
    """Whether this answer of a cancelled finish means that nothing is left."""
    return code_of(error) in NOTHING_THERE or UNSAID in error.message.lower()
