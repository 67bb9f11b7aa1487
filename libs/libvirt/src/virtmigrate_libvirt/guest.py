"""A guest on a libvirt host: the core's `Guest`, over the control connection."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import libvirt

from virtmigrate.capabilities import Knob, Progress
from virtmigrate.errors import AnswerLost, HostError, Side
from virtmigrate.host import Definitions, RunState, Sample, Sighting
from virtmigrate_libvirt import states
from virtmigrate_libvirt.aside import Aside
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.deadlines import SECONDS
from virtmigrate_libvirt.faults import fault_of
from virtmigrate_libvirt.jobs import active, sample_of
from virtmigrate_libvirt.link import code_of
from virtmigrate_libvirt.passes import Passes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from virtmigrate_libvirt.control import Control
    from virtmigrate_libvirt.protocol import Connection, Domain

    T = TypeVar("T")

XML_SECURE, XML_INACTIVE, XML_MIGRATABLE = 1, 2, 8
"""`virDomainXMLFlags`."""
UNDEFINE_KEEP_NVRAM = 8
"""`virDomainUndefineFlagsValues`: firmware variables are no definition."""

STILL = (RunState.PAUSED, RunState.PAUSED_MIGRATION, RunState.PAUSED_IOERROR)
KNOBS: dict[Knob, Callable[[Domain, int], object]] = {
    Knob.DOWNTIME_MS: lambda domain, value: domain.migrateSetMaxDowntime(value, 0),
    Knob.BANDWIDTH_MIB_S: lambda domain, value: domain.migrateSetMaxSpeed(value, 0),
    Knob.POSTCOPY: lambda domain, _: domain.migrateStartPostCopy(0),
    Knob.SUSPEND: lambda domain, _: domain.suspend(),
    Knob.XBZRLE_CACHE_BYTES: lambda domain, value: domain.migrateSetCompressionCache(
        value, 0
    ),
}
"""Each knob's call. Units: ms, MiB/s, bytes."""


class LibvirtGuest:
    """One guest, by UUID. It is looked up anew for each call, so it may come and go.

    Attributes:
        last: State and transfer at the last `sample()` that found one.
        held: Whether somebody paused it in mid-migration, which libvirt calls
            "paused (migration)" all the same: then it is shown as paused.
        queued_bytes: Most that waits in the sockets of its transfer; None = unknown.
        passes: Hears when each pass of its transfer begins.
        aside: Measures what it writes while its move is prepared.
    """

    def __init__(
        self,
        control: Control,
        uuid: str,
        name: str = "",
        counts: Progress = Progress.BYTES,
    ) -> None:
        """Name it; nothing is asked.

        Args:
            control: How its host is reached.
            uuid: Its identity.
            name: Its name there, where it is known.
            counts: What the driver's job figures count.
        """
        self._control = control
        self._uuid = uuid.lower()
        self._name = name
        self._counts = counts
        self._speed_before: int | None = None
        self.last: tuple[RunState, Sample] | None = None
        self.held = False
        self.queued_bytes: int | None = None
        self.passes = Passes(control, self._uuid)
        self.aside = Aside(control, self._uuid)

    @property
    def name(self) -> str:
        """Its name on this host; its UUID while it was never seen there."""
        return self._name or self._uuid

    @property
    def uuid(self) -> str:
        """Its identity."""
        return self._uuid

    @property
    def side(self) -> Side:
        """Whose host it is on."""
        return self._control.side

    def look(self) -> Sighting:
        """Look now. UNREACHABLE where the host can't be asked in time."""
        return self._looked(self._see)

    def glance(self) -> Sighting:
        """Its state alone, which the daemon answers for by itself, without QEMU."""
        return self._looked(lambda _, domain: self._state(domain))

    def _looked(self, see: Callable[[list[Sighting], Domain], Sighting]) -> Sighting:
        error: HostError
        for _ in range(2):
            seen: list[Sighting] = []
            try:
                return self._control.tell(
                    "looking at the guest",
                    self._with(partial(see, seen)),
                    deadline_s=SECONDS.ask,
                )
            except AnswerLost as lost:
                # The daemon answers for the state by itself, QEMU for its own
                # migration: one that is frozen has a job.
                if seen and seen[0].state.active:
                    return replace(seen[0], job=True)
                error = lost
                self._control.drop()
            except HostError as answered:
                return _unseen(answered)
        return _unseen(error)

    def _see(self, seen: list[Sighting], domain: Domain) -> Sighting:
        """State and definition first: they come even where QEMU is frozen."""
        sighting = self._state(domain)
        sighting = replace(sighting, persistent=domain.isPersistent() == 1)
        seen.append(sighting)
        active = sighting.state.active
        return replace(sighting, job=_job(domain)) if active else sighting

    def _state(self, domain: Domain) -> Sighting:
        self._name = domain.name()
        state, reason = domain.state(0)[:2]
        there = state != states.CRASHED or domain.isActive() == 1
        shown = states.run_state(state, reason, active=there)
        if self.held and shown is RunState.PAUSED_MIGRATION:
            shown = RunState.PAUSED
        return Sighting(
            shown,
            why=states.words(state, reason),
            moved=states.moved(state, reason),
        )

    def definitions(self) -> Definitions:
        """Its exact definitions, secrets included: they must be restorable."""
        return self._read("reading the definition", _definitions, lookup=True)

    def suspend(self) -> None:
        """Pause its CPUs. A driver may refuse where they are paused already."""

        def suspend(domain: Domain) -> None:
            if domain.state(0)[0] != states.PAUSED:
                domain.suspend()

        self._write("suspending the guest", suspend)

    def resume(self) -> None:
        """Let its CPUs run."""

        def resume(domain: Domain) -> None:
            if domain.state(0)[0] != states.RUNNING:
                domain.resume()

        self._unless(RunState.RUNNING, "resuming the guest", resume)

    def destroy(self) -> None:
        """End its process here; a transient definition goes with it."""

        def destroy(domain: Domain) -> None:
            if domain.isActive() == 1:
                domain.destroyFlags(0)

        self._unless(RunState.SHUTOFF, "ending the guest's process", destroy)

    def undefine(self) -> None:
        """Remove its persistent definition; firmware variables stay."""

        def undefine(domain: Domain) -> None:
            if domain.isPersistent() != 1:
                return
            try:
                domain.undefineFlags(UNDEFINE_KEEP_NVRAM)
            except libvirt.libvirtError as error:
                # A driver that keeps no firmware variables does not know the flag.
                if error.get_error_code() != Code.INVALID_ARG:
                    raise
                domain.undefineFlags(0)

        self._unless(RunState.ABSENT, "removing the definition", undefine)

    def sample(self) -> Sample | None:
        """Read its running transfer."""

        def read(domain: Domain) -> Sample | None:
            stats = domain.jobStats(0)
            if not active(stats):
                return None
            state = states.run_state(*domain.state(0)[:2])
            postcopy = state is RunState.POSTCOPY
            sample = sample_of(stats, counts=self._counts, postcopy=postcopy)
            if sample is None:
                return None
            self.last = (state, sample)
            if self._counts is Progress.PERCENT:
                return sample  # such a driver says "paused" while the guest runs
            age_ms = self.passes.age_ms(sample.iteration)
            return replace(sample, stopped=state in STILL, pass_ms=age_ms)

        try:
            found = self._read("reading the transfer's progress", read)
            aside = self.aside
            return found and replace(
                found,
                written=aside.look(),
                pages=aside.peek(),
                queued_bytes=self.queued_bytes,
            )
        except HostError as error:
            if code_of(error) in (Code.NO_DOMAIN, Code.OPERATION_UNSUPPORTED):
                return None
            raise

    def abort(self) -> None:
        """Ask for the end of its running transfer; nothing to end is no error."""
        try:
            self._write("aborting the transfer", lambda domain: domain.abortJob())
        except HostError as error:
            if code_of(error) != Code.OPERATION_INVALID or self.look().job:
                raise

    def set_knob(self, knob: str, value: int) -> None:
        """Turn a knob; the bandwidth that was set before is remembered."""
        turn = KNOBS[Knob(knob)]

        def apply(domain: Domain) -> None:
            if knob == Knob.BANDWIDTH_MIB_S and self._speed_before is None:
                self._speed_before = domain.migrateGetMaxSpeed(0)
            turn(domain, value)

        self._write(f"turning {knob} to {value}", apply)

    def reset_knobs(self) -> None:
        """Give the guest back the bandwidth it had: libvirt keeps it otherwise."""
        before, self._speed_before = self._speed_before, None
        if before is not None:
            self._write(
                "restoring its bandwidth",
                lambda domain: domain.migrateSetMaxSpeed(before, 0),
            )

    def _read(
        self, doing: str, function: Callable[[Domain], T], *, lookup: bool = False
    ) -> T:
        """A call that may be repeated: once more over a fresh connection."""
        return self._control.ask(doing, self._with(function), lookup=lookup)

    def _write(self, doing: str, function: Callable[[Domain], T]) -> T:
        """A call that is sent once."""
        return self._control.tell(doing, self._with(function))

    def _unless(
        self, reached: RunState, doing: str, function: Callable[[Domain], None]
    ) -> None:
        """A call whose failure does not matter once its aim is seen reached."""
        try:
            self._write(doing, function)
        except HostError:
            if self.look().state not in (reached, RunState.ABSENT):
                raise

    def _with(self, function: Callable[[Domain], T]) -> Callable[[Connection], T]:
        return lambda connection: function(connection.lookupByUUIDString(self._uuid))


def _definitions(domain: Domain) -> Definitions:
    live = domain.isActive() == 1
    return Definitions(
        live=domain.XMLDesc(XML_SECURE | XML_MIGRATABLE) if live else None,
        persistent=domain.XMLDesc(XML_SECURE | XML_INACTIVE)
        if domain.isPersistent() == 1
        else None,
    )


def _unseen(error: HostError) -> Sighting:
    """What an error tells of a guest: that it is not there, or nothing."""
    if code_of(error) == Code.NO_DOMAIN:
        return Sighting(RunState.ABSENT, why="no such guest")
    return Sighting(RunState.UNREACHABLE, why=error.message)


def _job(domain: Domain) -> bool:
    """Whether a job is active.

    An incoming one shows by refusing its statistics, and one that holds the guest's
    lock by not giving it; a guest that has gone meanwhile is told of as an error.
    """
    try:
        return active(domain.jobStats(0))
    except libvirt.libvirtError as error:
        fault = fault_of(error)
        if fault.code == Code.NO_DOMAIN or fault.lost:
            raise
        return fault.code != Code.NO_SUPPORT
