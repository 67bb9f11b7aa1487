"""Everything that a world is, as plain data: it goes to JSON and back unchanged.

Units: MiB, MiB/s, seconds on the world's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from virtmigrate.host import RunState
from virtmigrate_mock.bitmap import Area
from virtmigrate_mock.disk_state import (
    Copied,
    Directory,
    GuestDisk,
    Mirror,
    PoolState,
)
from virtmigrate_mock.memory import PLAIN, Habits

STATE_VERSION = 1
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(slots=True)
class Live:
    """The process of a guest on one host: its memory and its CPUs.

    Attributes:
        memory_mib: Size of its memory.
        working_set_mib: The part of it that the guest rewrites.
        dirty_mib_s: How fast it rewrites it.
        xml: Live definition.
        counter_s: CPU time until `running_since`; only a running guest counts on.
        running_since: When its CPUs were started; None while they stand.
        boot: How-manieth boot; a reboot starts the counter anew.
        corrupt: Whether its memory was damaged on the way.
        habits: In which way it rewrites it.
        disks: Its disks.
    """

    memory_mib: float
    working_set_mib: float
    dirty_mib_s: float
    xml: str
    counter_s: float = 0.0
    running_since: float | None = None
    boot: int = 1
    corrupt: bool = False
    habits: Habits = PLAIN
    disks: tuple[GuestDisk, ...] = ()

    def counter(self, now: float) -> float:
        """CPU seconds until `now`."""
        if self.running_since is None:
            return self.counter_s
        return self.counter_s + max(0.0, now - self.running_since)


@dataclass(slots=True)
class GuestState:
    """A guest as one host knows it."""

    uuid: str
    name: str
    state: RunState = RunState.SHUTOFF
    persistent_xml: str | None = None
    live: Live | None = None


@dataclass(slots=True)
class HostState:
    """One host: its identity, its style, its guests by UUID, its pools by name."""

    name: str
    uuid: str
    style: str
    up: bool = True
    guests: dict[str, GuestState] = field(default_factory=dict)
    pools: dict[str, PoolState] = field(default_factory=dict)


@dataclass(slots=True)
class Link:
    """How much goes through between the hosts, shared by all transfers."""

    rate_mib_s: Positive = 1000.0
    up: bool = True


@dataclass(slots=True)
class Transfer:
    """Memory on its way (see `transfer.py` for the physics), and disks before it.

    Attributes:
        started: When it began.
        at: The moment that these figures describe.
        total_mib: Memory of the guest.
        remaining_mib: Pages whose bit is set: still to be sent.
        pass_mib: The same when this pass began.
        dirtied_mib: Distinct pages rewritten since this pass began.
        sent_mib: On the wire, in all passes.
        iteration: Pass, from 1: QEMU's dirty-sync-count.
        downtime_ms: Longest stop that it may cause by itself.
        cap_mib_s: Most to send, 0 = no cap.
        auto_converge: Whether it throttles a guest that won't converge.
        throttle_percent: Of the guest's CPUs taken away.
        throttle_step: Percent more at each pass.
        stopped_at: When the guest's CPUs were stopped for the last pass.
        done_at: When the last byte was there.
        stalled_at: Since when nothing has been sent.
        postcopy: Whether it was switched to post-copy.
        areas: The bitmap.
        cursor_mib: Address of the page that is sent next.
        rate_mib_s: What is sent per second at this moment.
        bandwidth_mib_s: What was measured; 0: nothing yet.
        measured_at: Since when the next measurement runs, `measured_mib` sent by then.
        looked_at: When the migration thread looked last.
        synced_at: When this pass began.
        written_mib: Pages written since then, each as often as it was.
        running_s: How long the guest has run since then.
        writer_mib: Where in its working set it was then.
        cpu_s: The guest's own clock.
        period_at: Since when dirty pages are counted, `period_mib` sent by then.
        newly_dirty_mib: Pages that got their bit since then.
        dirty_mib_s: The last count, per second.
        too_dirty: How often auto-converge saw too much of it, without acting.
        dense: Whether the guest rewrites whole pages.
        xbzrle: Whether pages that are known at the other side are sent as differences.
        cache_mib: How many pages are kept for that.
        mirror: The disks; memory begins when it is ready. None: none is copied.
    """

    started: float
    at: float
    total_mib: float
    remaining_mib: float
    pass_mib: float
    dirtied_mib: float = 0.0
    sent_mib: float = 0.0
    iteration: int = 1
    downtime_ms: float = 300.0
    cap_mib_s: float = 0.0
    auto_converge: bool = False
    throttle_percent: int = 0
    throttle_first: int = 20
    throttle_step: int = 10
    stopped_at: float | None = None
    done_at: float | None = None
    stalled_at: float | None = None
    postcopy: bool = False
    areas: list[Area] = field(default_factory=list)
    cursor_mib: float = 0.0
    rate_mib_s: float = -1.0
    bandwidth_mib_s: float = 0.0
    measured_at: float = 0.0
    measured_mib: float = 0.0
    looked_at: float = 0.0
    synced_at: float = 0.0
    written_mib: float = 0.0
    running_s: float = 0.0
    writer_mib: float = 0.0
    cpu_s: float = 0.0
    period_at: float = 0.0
    period_mib: float = 0.0
    newly_dirty_mib: float = 0.0
    dirty_mib_s: float = 0.0
    too_dirty: int = 0
    dense: bool = False
    xbzrle: bool = False
    cache_mib: float = 64.0
    mirror: Mirror | None = None


@dataclass(slots=True)
class Owner:
    """Whose connection holds a job: the job ends, or not, with it."""

    pid: int
    started: str
    token: str


class JobPhase(StrEnum):
    """How far a job is."""

    BEGUN = "begun"
    PREPARED = "prepared"
    MOVING = "moving"
    COMPLETE = "complete"
    """All memory is at the destination (or, in post-copy, the CPUs are)."""
    DONE = "done"
    """A daemon carried it through to the end."""
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One side of a migration, as that side's daemon keeps it.

    Attributes:
        uuid: Which guest.
        host: On which host this record lies.
        peer: The other host.
        migration: Whose it is, so that nobody clears another's away.
        owner: The controller's connection; None once it has gone.
        phase: How far it is.
        was: What the guest did when the job began.
        daemon: Whether the hypervisor carries it through without the controller.
        arrives_as: Name at the destination.
        land_paused: Whether the guest is left paused there, whoever starts it.
        follows_source: Whether the daemon lands it as the source's CPUs are at the end.
        postcopy: Whether the switch to post-copy is permitted.
        persist_xml: Persistent definition to leave at the destination, None for none.
        undefine: Whether the source's definition goes (daemon form).
        copies: Disks that are copied.
        moves_disks: Whether the source's images of these go.
        transfer: The memory on its way (source only).
        abort: Whether the end of it was asked for.
        error: What went wrong.
        error_kind: `error`, `aborted`.
    """

    uuid: str
    host: str
    peer: str
    migration: str
    owner: Owner | None
    phase: JobPhase
    was: RunState
    daemon: bool = False
    arrives_as: str = ""
    land_paused: bool = False
    follows_source: bool = False
    postcopy: bool = False
    persist_xml: str | None = None
    undefine: bool = False
    copies: list[Copied] = field(default_factory=list)
    moves_disks: bool = False
    transfer: Transfer | None = None
    abort: bool = False
    error: str = ""
    error_kind: str = "error"


@dataclass(slots=True)
class Fault:
    """One scripted misfortune.

    Attributes:
        step: A phase (`prepare`), or a primitive (`look`, `resume`, `connect` …).
        kind: See `faults.KINDS`.
        when: `before` the call is carried out, `after` it, or `during` perform.
        side: Only for connections of this side; None = any.
        host: Only for calls to this host; None = any.
        target: Host that a crash or an admin's action strikes; None = the called one.
        nth: The how-manieth such call is the first that it strikes.
        times: How many calls in a row it strikes.
        at_s: With `during`: seconds after the transfer began.
        for_s: How long a hang, a dead link or a crash lasts; 0 = for good.
        guest: The guest of an admin's action; None = the one that moves.
        message: Words of the error.
        seen: Such calls so far (kept by the world).
    """

    step: str
    kind: str
    when: str = "before"
    side: str | None = None
    host: str | None = None
    target: str | None = None
    nth: int = 1
    times: int = 1
    at_s: float = 0.0
    for_s: float = 0.0
    guest: str | None = None
    message: str = ""
    seen: int = 0


@dataclass(slots=True)
class Event:
    """Something that happens at a moment, whoever looks.

    Attributes:
        at: When, seconds on the world's clock.
        what: See `happenings.HAPPENINGS`.
        host: Where; "" for the link.
        guest: UUID, for an admin's action.
        value: A rate in MiB/s for `link-rate`; for `room` the size in MiB that the
            host's pools have from then on, 0 = without end.
    """

    at: float
    what: str
    host: str = ""
    guest: str = ""
    value: float = 0.0


@dataclass(slots=True)
class Record:
    """One line of the history, in the order in which things happened."""

    at: float
    what: str
    uuid: str
    host: str
    detail: str = ""
    counter_s: float = 0.0
    boot: int = 0


@dataclass(slots=True)
class State:
    """A whole world."""

    version: int = STATE_VERSION
    mode: Literal["virtual", "real"] = "virtual"
    """Which clock."""
    speed: Positive = 1.0
    """World seconds per second of a real clock."""
    epoch: float = 0.0
    """Wall time at which a world in a file began."""
    now: float = 0.0
    """Time of a virtual world."""
    step_s: Positive = 1.0
    """Longest step of a transfer on a virtual clock between two pulses."""
    stall_timeout_s: float = 30.0
    """A transfer that sends nothing for so long fails, as by TCP keepalive."""
    link: Link = field(default_factory=Link)
    hosts: dict[str, HostState] = field(default_factory=dict)
    directories: dict[str, Directory] = field(default_factory=dict)
    """Where images lie; a host has them as its pools."""
    images_made: int = 0
    outgoing: dict[str, Job] = field(default_factory=dict)
    """Jobs at sources, by the guest's UUID and host (`job_key`)."""
    incoming: dict[str, Job] = field(default_factory=dict)
    """Jobs at destinations, likewise."""
    faults: list[Fault] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    """Still to come, soonest first."""
    history: list[Record] = field(default_factory=list)


def job_key(host: str, uuid: str) -> str:
    """Key of a job in `State.outgoing` and `State.incoming`."""
    return f"{host}/{uuid}"
