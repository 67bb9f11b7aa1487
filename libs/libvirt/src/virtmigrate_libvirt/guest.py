"""A guest on a libvirt host: the core's `Guest`, over the control connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libvirt

from virtmigrate.capabilities import Knob, Progress
from virtmigrate.errors import AnswerLost, GuestNotFound, HostError, Side
from virtmigrate.host import Definitions, RunState, Sample, Sighting
from virtmigrate_libvirt import states
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.jobs import active, sample_of
from virtmigrate_libvirt.link import code_of

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
JOB_S = 5.0
"""A frozen QEMU keeps the statistics of its own migration back."""

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
        try:
            seen = self._read("looking at the guest", self._see, lookup=True)
            return replace(seen, job=self._busy()) if seen.state.active else seen
        except GuestNotFound:
            return Sighting(RunState.ABSENT, why="no such guest")
        except HostError as error:
            if code_of(error) == Code.NO_DOMAIN:
                return Sighting(RunState.ABSENT, why="no such guest")
            return Sighting(RunState.UNREACHABLE, why=error.message)

    def _see(self, domain: Domain) -> Sighting:
        """State and definition: the daemon answers these without asking QEMU."""
        self._name = domain.name()
        state, reason = domain.state(0)[:2]
        there = state != states.CRASHED or domain.isActive() == 1
        shown = states.run_state(state, reason, active=there)
        if self.held and shown is RunState.PAUSED_MIGRATION:
            shown = RunState.PAUSED
        return Sighting(
            shown,
            persistent=domain.isPersistent() == 1,
            why=states.words(state, reason),
        )

    def _busy(self) -> bool:
        """Whether a job is active; a guest that can't be asked is busy."""
        try:
            return self._control.tell(
                "asking for its job", self._with(_job), deadline_s=JOB_S
            )
        except AnswerLost:
            return True
        except HostError as error:
            code = code_of(error)
            if code in (0, Code.NO_DOMAIN):
                raise
            return code != Code.NO_SUPPORT

    def definitions(self) -> Definitions:
        """Its exact definitions, secrets included: they must be restorable."""
        return self._read("reading the definition", _definitions, lookup=True)

    def suspend(self) -> None:
        """Pause its CPUs."""
        self._write("suspending the guest", lambda domain: domain.suspend())

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
            if sample is not None:
                self.last = (state, sample)
            return sample

        try:
            return self._read("reading the transfer's progress", read)
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


def _job(domain: Domain) -> bool:
    """Whether a job is active; an incoming one shows by refusing its statistics."""
    try:
        return active(domain.jobStats(0))
    except libvirt.libvirtError as error:
        if error.get_error_code() == Code.OPERATION_UNSUPPORTED:
            return True
        raise
