"""A hypervisor of these tests' own: hosts are dicts, and every call is written down.

No physics, no connection: `World.hosts` says what each host shows, `World.calls` what
was called in which order, `World.at` lets a test break or change things before or after
any call. The world itself notices what must never happen (`World.wrongs`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.core.declared import qemu_like
from virtmigrate.errors import GuestNotFound, HostUnreachable, Side
from virtmigrate.host import Definitions, RunState, Sample, Sighting

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
NAME = "demo"
XML = "<domain><name>demo</name></domain>"
MOVING = (RunState.PAUSED_MIGRATION, RunState.POSTCOPY)


class VirtualClock:
    """Time passes only when somebody sleeps."""

    def __init__(self):
        self.time = 1000.0

    def now(self):
        return self.time

    def wall(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0, "a wait that does not wait never ends"
        self.time += seconds


@dataclass
class Copy:
    """What one host has of the guest."""

    state: RunState = RunState.ABSENT
    persistent: str | None = None
    job: bool = False
    name: str = NAME
    moved: bool = False


@dataclass
class World:
    """Two hosts, a guest, and a script of what goes wrong.

    Attributes:
        state: What the guest does before the migration.
        gone: Whether perform removes the source's copy and starts the guest at the
            destination, as a vz-like hypervisor does.
        down: Hosts that do not answer.
        at: (call, "before" or "after") -> what happens then; it may raise.
        wrongs: What happened that must never happen.
        newest: Host whose image counts; the other one's is stale.
        ctx: The context of the migration that runs.
        disks: The guest's, as its plugin tells them.
        storages: Each host's storage.
        counts: A sample that is shown instead of the real one.
    """

    state: RunState = RunState.RUNNING
    persistent: bool = True
    gone: bool = False
    pulses: int = 0
    clock: VirtualClock = field(default_factory=VirtualClock)
    hosts: dict[str, Copy] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    cookies: dict[str, bytes] = field(default_factory=dict)
    at: dict[tuple[str, str], list] = field(default_factory=lambda: defaultdict(list))
    wrongs: list[str] = field(default_factory=list)
    declare: object = qemu_like
    declared: dict[str, object] = field(default_factory=dict)
    newest: str = "a"
    remaining: int = 60
    ctx: object = None
    disks: list[object] = field(default_factory=list)
    storages: dict[str, object] = field(default_factory=dict)
    counts: object = None

    def __post_init__(self):
        self.hosts.setdefault("a", Copy(self.state, XML if self.persistent else None))
        self.hosts.setdefault("b", Copy())

    def breaks(self, call, when, error):
        """Script: `error` (an exception, or a function of the world) at this call."""
        self.at[call, when].append(error)

    def happen(self, call, when):
        for event in self.at[call, when]:
            if isinstance(event, BaseException):
                raise event
            event(self)

    def called(self, call, change):
        """One call: written down, broken before, carried out, broken after."""
        self.calls.append(call)
        self.happen(call, "before")
        answer = change()
        self.happen(call, "after")
        return answer

    def set(self, host, state):
        """The only way in which a run state changes; sees what must never be."""
        copy, other = self.hosts[host], self.hosts["b" if host == "a" else "a"]
        if state is RunState.RUNNING:
            if other.state is RunState.RUNNING:
                self.wrongs.append("two running copies")
            if self.newest != host:
                self.wrongs.append(f"a stale image was resumed on {host}")
        copy.state = state

    def end(self, host):
        """End the process on a host, which must never be the last or a running one."""
        copy = self.hosts[host]
        if copy.state is RunState.RUNNING:
            self.wrongs.append(f"a running guest was killed on {host}")
        elif copy.state.active and self.newest == host:
            self.wrongs.append(f"the last image was killed on {host}")
        copy.state = RunState.SHUTOFF if copy.persistent else RunState.ABSENT

    def moved(self):
        """From now on the destination's image is the only one that counts."""
        self.newest = "b"

    def configurations(self):
        return [host for host, copy in self.hosts.items() if copy.persistent]

    def phases(self):
        """The hooks that were called, without the primitives."""
        return [call for call in self.calls if "." not in call]


class ScriptedGuest:
    """The guest on one host."""

    def __init__(self, host, world):
        self.host, self.world = host, world
        self.uuid = UUID

    @property
    def name(self):
        return self.copy.name

    @property
    def copy(self):
        return self.world.hosts[self.host]

    def _reach(self):
        if self.host in self.world.down:
            msg = f"host {self.host} does not answer"
            raise HostUnreachable(msg, side=SIDES[self.host])

    def _do(self, verb, change):
        self._reach()
        return self.world.called(f"{SIDES[self.host]}.{verb}", change)

    def look(self):
        self._reach()
        self.world.happen(f"{SIDES[self.host]}.look", "before")
        copy = self.copy
        persistent = copy.persistent is not None
        return Sighting(copy.state, persistent, copy.job, moved=copy.moved)

    def definitions(self):
        self._reach()
        if self.copy.state is RunState.ABSENT:
            msg = "no such guest"
            raise GuestNotFound(msg, side=SIDES[self.host], subject=self.name)
        live = "<domain type='live'/>" if self.copy.state.active else None
        return Definitions(live, self.copy.persistent)

    def suspend(self):
        self._do("suspend", lambda: self.world.set(self.host, RunState.PAUSED))

    def resume(self):
        self._do("resume", lambda: self.world.set(self.host, RunState.RUNNING))

    def destroy(self):
        self._do("destroy", lambda: self.world.end(self.host))

    def undefine(self):
        def change():
            self.copy.persistent = None
            if not self.copy.state.active:
                self.copy.state = RunState.ABSENT

        self._do("undefine", change)

    def sample(self):
        self.world.happen(f"{SIDES[self.host]}.sample", "before")
        left = self.world.remaining
        if self.world.counts is not None:
            return self.world.counts
        return Sample(total_bytes=100, processed_bytes=100 - left, remaining_bytes=left)

    def abort(self):
        self._do("abort", lambda: None)

    def set_knob(self, knob, value):
        self._do(f"knob {knob}", lambda: None)


SIDES = {"a": Side.SOURCE, "b": Side.DESTINATION}


class ScriptedHost:
    """One open host."""

    hypervisor = "scripted"

    def __init__(self, name, world, uri="scripted:///a"):
        self.name, self.world = name, world
        self.uri = uri
        self.uuid = f"host-{name}"
        self.side = SIDES[name]
        self.storage = world.storages.get(name)

    def guest(self, ref):
        copy = self.world.hosts[self.name]
        if ref not in (copy.name, UUID) or copy.state is RunState.ABSENT:
            msg = f"no guest {ref!r}"
            raise GuestNotFound(msg, side=self.side, subject=ref)
        return ScriptedGuest(self.name, self.world)

    def guest_by_uuid(self, uuid):
        assert uuid == UUID
        return ScriptedGuest(self.name, self.world)

    def name_taken_by(self, name):
        copy = self.world.hosts[self.name]
        present = copy.state is not RunState.ABSENT and copy.name == name
        return UUID if present else None

    def define(self, xml):
        def change():
            copy = self.world.hosts[self.name]
            copy.persistent = xml
            if copy.state is RunState.ABSENT:
                copy.state = RunState.SHUTOFF

        self.world.called(f"{self.side}.define", change)
        return ScriptedGuest(self.name, self.world)

    def close(self):
        pass
