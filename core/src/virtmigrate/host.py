"""What a hypervisor implements as objects: `Hypervisor`, `Host`, `Guest`.

Primitives live here; the phases are hooks (`virtmigrate.hookspecs`). Every method may
raise `HostUnreachable` (never carried out), `AnswerLost` (perhaps carried out) or
`HostError` (answered: it failed), each with its side. Nothing else may escape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from virtmigrate.clock import Clock
    from virtmigrate.errors import Side
    from virtmigrate.pages import Pages
    from virtmigrate.uri import HostURI

CONTRACT = 1
"""Version of this contract; a hypervisor declares the one that it was written for."""


class RunState(StrEnum):
    """What a guest does, as one host shows it.

    libvirt's `virDomainState` and its reasons, reduced to what decides a migration.
    """

    RUNNING = "running"
    PAUSED = "paused"
    """Paused by a person, by us, or on arrival with "paused" asked for."""
    PAUSED_MIGRATION = "paused-migration"
    """At the source: all has been sent. At the destination: still incoming."""
    PAUSED_IOERROR = "paused-ioerror"
    POSTCOPY = "postcopy"
    """Switched to post-copy; neither side is complete."""
    POSTCOPY_FAILED = "postcopy-failed"
    PMSUSPENDED = "pmsuspended"
    SHUTOFF = "shutoff"
    """Defined here and not running (crashed and saved guests too)."""
    ABSENT = "absent"
    UNREACHABLE = "unreachable"
    """The host does not answer: nothing is known."""

    @property
    def active(self) -> bool:
        """Whether a process or incoming process of the guest exists there."""
        return self not in (RunState.SHUTOFF, RunState.ABSENT, RunState.UNREACHABLE)

    @property
    def switched(self) -> bool:
        """Whether it is in post-copy, or was left there."""
        return self in (RunState.POSTCOPY, RunState.POSTCOPY_FAILED)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a guest on one host.

    Attributes:
        state: What it does there.
        persistent: Whether a persistent definition exists there.
        job: Whether a hypervisor job (a migration) is active on it there.
        why: The hypervisor's own words, for people.
        moved: Whether the hypervisor says that it ended its copy because the guest was
            moved away.
    """

    state: RunState
    persistent: bool = False
    job: bool = False
    why: str = ""
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Definitions:
    """The exact definitions of a guest on one host.

    Attributes:
        live: Migratable XML of the running guest, None when it does not run.
        persistent: XML of the persistent definition, None when it has none.
    """

    live: str | None
    persistent: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """Distinct memory that a guest wrote in a while, measured beside its move.

    Attributes:
        seconds: How long it was measured.
        bytes: How much it wrote.
        looked_at: By how many pages it was found; 0 = by all.
    """

    seconds: float
    bytes: int
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a running transfer; None = the hypervisor does not say.

    Attributes:
        elapsed_ms: Since the job's start.
        total_bytes: Size of what is to be moved (memory and disks).
        processed_bytes: Sent so far, as it goes over the link; may exceed the total.
        remaining_bytes: Still to be sent at this moment, in whole pages, however few
            bytes these take on the link (compressed, or as differences).
        percent: 0-100, where the hypervisor counts nothing else.
        dirty_bytes_s: Rate at which the guest rewrites memory.
        bandwidth_bytes_s: Rate at which it is sent.
        iteration: Passes over memory so far, the running one included. By this, by what
            was sent and what remains a policy predicts; `percent` lets it keep limits.
        downtime_ms: Expected (running) or real (ended) downtime.
        throttle_percent: Of guest CPUs taken away by auto-converge.
        postcopy: Whether the switch to post-copy has happened.
        stopped: Whether the guest's CPUs stand still.
        pass_ms: How long ago the running pass began, where an event told.
        written: What the guest wrote, where that was measured meanwhile.
        pages: What writes change of a page, where pages were looked at meanwhile.
        queued_bytes: Most that waits in the sender's sockets, not counted as remaining.
        disk_total_bytes: Of `total_bytes`, what is on disks.
        disk_processed_bytes: Of `processed_bytes`, likewise.
        disk_remaining_bytes: Of `remaining_bytes`, likewise.
        raw: The hypervisor's own figures, by its own names.
    """

    elapsed_ms: int | None = None
    total_bytes: int | None = None
    processed_bytes: int | None = None
    remaining_bytes: int | None = None
    percent: float | None = None
    dirty_bytes_s: int | None = None
    bandwidth_bytes_s: int | None = None
    iteration: int | None = None
    downtime_ms: int | None = None
    throttle_percent: int | None = None
    postcopy: bool = False
    stopped: bool | None = None
    pass_ms: float | None = None
    written: Written | None = None
    pages: Pages | None = None
    queued_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_processed_bytes: int | None = None
    disk_remaining_bytes: int | None = None
    raw: Mapping[str, int | str | float | bool] = field(default_factory=dict)


@runtime_checkable
class Guest(Protocol):
    """One guest on one host, found by UUID; it may have gone since.

    It may also have `glance`, a sooner `look`: see the function of that name.
    """

    @property
    def name(self) -> str:
        """Its name on this host."""
        ...

    @property
    def uuid(self) -> str:
        """Its identity, canonical lower-case form."""
        ...

    def look(self) -> Sighting:
        """Look now, past every cache: once more over a fresh connection if need be.

        ABSENT when it is not there, UNREACHABLE when the host can't be asked.
        """
        ...

    def definitions(self) -> Definitions:
        """Its exact definitions here.

        Raises:
            GuestNotFound: It is not here any more.
        """
        ...

    def suspend(self) -> None:
        """Pause its CPUs. Harmless when they are paused."""
        ...

    def resume(self) -> None:
        """Let its CPUs run. Harmless when they do."""
        ...

    def destroy(self) -> None:
        """End the process of it on this host; its definition stays."""
        ...

    def undefine(self) -> None:
        """Remove its persistent definition. Harmless when there is none."""
        ...

    def sample(self) -> Sample | None:
        """Read its running transfer; None when there is none (that is normal)."""
        ...

    def abort(self) -> None:
        """Ask for the end of its running transfer. Only a request: look afterwards."""
        ...

    def set_knob(self, knob: str, value: int) -> None:
        """Turn a declared knob of a running transfer (see `capabilities.Knob`)."""
        ...


@runtime_checkable
class Host(Protocol):
    """One connected host.

    It may have an attribute `remote` (see `Hypervisor`), and two more.

    `storage`: its pools of image files (`virtmigrate.storage.Storage`). With it, and
    the hook `virtmigrate_disks`, the core proves what both hosts share, and makes and
    deletes the images of what is copied. Without it a guest with a file for a disk is
    refused, unless `--unsafe` vouches for it.

    `reusable`: True, asked at the end of its use and before the next, says that its
    connection lives and that nothing of a migration is left on it; then it is not
    closed but kept for the next migration. Without it, each migration opens and closes
    its own.
    """

    @property
    def uri(self) -> str:
        """How it was reached, secrets taken out."""
        ...

    @property
    def name(self) -> str:
        """Its own hostname."""
        ...

    @property
    def uuid(self) -> str:
        """Its identity: two hosts with one UUID are one host."""
        ...

    @property
    def hypervisor(self) -> str:
        """Name of the `Hypervisor` that opened it."""
        ...

    @property
    def side(self) -> Side:
        """Which side of the migration it is, for errors."""
        ...

    def guest(self, ref: str) -> Guest:
        """The guest of this name or UUID.

        Raises:
            GuestNotFound: There is none.
        """
        ...

    def guest_by_uuid(self, uuid: str) -> Guest:
        """The guest of this identity, there or not: `look()` tells."""
        ...

    def name_taken_by(self, name: str) -> str | None:
        """UUID of the guest that bears this name here, None when nobody does."""
        ...

    def define(self, xml: str) -> Guest:
        """Make or replace a persistent definition from XML captured earlier."""
        ...

    def close(self) -> None:
        """Let go of every connection. Harmless twice."""
        ...


@runtime_checkable
class Hypervisor(Protocol):
    """A kind of host. What `virtmigrate_hypervisors` returns.

    It and its `Host` may have an attribute `remote`: True says that hosts take their
    time to answer, so that both are asked side by side; and that a host bears several
    questions at once, from several threads.
    """

    @property
    def name(self) -> str:
        """Short name, unique among plugins: `qemu`, `vz`, `mock`."""
        ...

    @property
    def schemes(self) -> frozenset[str]:
        """URI schemes it answers to, without `+transport`."""
        ...

    @property
    def contract(self) -> int:
        """The `CONTRACT` that it was written for."""
        ...

    def check_uri(self, uri: HostURI) -> None:
        """Refuse a URI that it will not open, before any connection.

        Raises:
            BadInput: Transport, query key or path that is not on its allow-list.
        """
        ...

    def connect(self, uri: HostURI, side: Side, clock: Clock) -> Host:
        """Open a host.

        Raises:
            BadInput: As `check_uri`.
            HostUnreachable: Nobody answers there, or not in time.
        """
        ...


def glance(guest: Guest) -> Sighting:
    """A look for the state alone, while the guest stands still and each ms counts.

    A guest may have a method `glance` of its own, like `look`, that leaves out what
    takes longer to ask for: `persistent` and `job`.
    """
    look: Callable[[], Sighting] = getattr(guest, "glance", guest.look)
    return look()
