"""A world of mock hosts, in memory or in one file: making it, finding it, asking it."""

from __future__ import annotations

import itertools
import re
import time
import uuid as uuids
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import quote
from weakref import WeakValueDictionary

from virtmigrate.errors import BadInput, GuestNotFound, HostUnreachable
from virtmigrate.host import RunState
from virtmigrate_mock import domxml, faults, furnishing
from virtmigrate_mock.clocks import VirtualClock, WorldClock
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.happenings import HAPPENINGS, schedule
from virtmigrate_mock.invariants import violations
from virtmigrate_mock.machine import Machine
from virtmigrate_mock.memory import PLAIN
from virtmigrate_mock.settle import settle
from virtmigrate_mock.state import Event, Fault, HostState, Link, Live, State
from virtmigrate_mock.store import FileStore, MemoryStore
from virtmigrate_mock.styles import style_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from virtmigrate_mock.clocks import AnyClock
    from virtmigrate_mock.memory import Habits
    from virtmigrate_mock.state import GuestState
    from virtmigrate_mock.store import Store
    from virtmigrate_mock.trace import Trace

WORLDS: dict[str, World] = {}
"""Worlds in memory, by name."""
FILES: WeakValueDictionary[str, World] = WeakValueDictionary()
"""Worlds in files that this process has open: one object, so one clock, each."""
NAMESPACE = uuids.UUID("6f1f6a6c-8f1f-4b0a-9b8e-0d4b3c1f5a77")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_numbers = itertools.count(1)


class World:
    """Hosts, guests and a link, a clock, and what is to go wrong.

    Attributes:
        label: Name in memory, or the file's path.
        clock: Its time; hand it to `Migrator(clock=…)`.
        epoch: When it was made, wall time.
        dead: Connections of controllers that were killed.
    """

    def __init__(self, label: str, store: Store, *, in_file: bool = False) -> None:
        """Use `World.create` or `World.open`."""
        self.label = label
        self.store = store
        self.in_file = in_file
        self.dead: set[str] = set()
        self.connections: set[str] = set()
        with store as state:
            self.epoch = state.epoch
            self.clock: AnyClock = (
                VirtualClock(state.now)
                if state.mode == "virtual"
                else WorldClock(state.epoch, state.speed)
            )

    # Making and finding.

    @classmethod
    def create(
        cls,
        name: str | None = None,
        *,
        path: str | Path | None = None,
        hosts: Mapping[str, str] | None = None,
        style: str = "qemu-like",
        link_mib_s: float = 1000.0,
        clock: Literal["virtual", "real"] | None = None,
        speed: float = 1.0,
        replace: bool = False,
    ) -> World:
        """Make a world.

        Args:
            name: Its name in memory; by default a new one.
            path: A file to live in instead.
            hosts: Host name to style; by default `a` and `b`.
            style: Style of the default hosts.
            link_mib_s: What goes through between the hosts, MiB/s.
            clock: `virtual` or `real`; by default virtual in memory, real in a file.
            speed: World seconds per second of a real clock.
            replace: Whether a world of that name may be replaced.

        Raises:
            BadInput: A bad name, style, clock or rate, or it exists already.
        """
        mode: Literal["virtual", "real"] = clock or ("real" if path else "virtual")
        if mode not in ("virtual", "real") or not speed > 0 or not link_mib_s > 0:
            raise BadInput("clock is virtual or real; speed and rate are above 0")
        label = name or f"world-{next(_numbers)}"
        state = State(mode=mode, speed=speed, epoch=time.time())
        state.link = Link(link_mib_s)
        for host, kind in (hosts or {"a": style, "b": style}).items():
            style_named(kind)
            uuid = str(uuids.uuid5(NAMESPACE, f"{path or label}/{host}"))
            state.hosts[_checked(host)] = HostState(host, uuid, kind)
        if path is None:
            return cls._in_memory(_checked(label), state, replace=replace)
        store = FileStore(Path(path).resolve())
        store.create(state, replace=replace)
        return cls._in_file(store)

    @classmethod
    def _in_memory(cls, label: str, state: State, *, replace: bool) -> World:
        if label in WORLDS and not replace:
            raise BadInput(
                f"there is a world {label} already",
                subject=label,
                remedy="choose another name, or replace it",
            )
        world = WORLDS[label] = cls(label, MemoryStore(state))
        return world

    @classmethod
    def open(cls, label: str) -> World:
        """Find a world by its name, or by its file's absolute path.

        Raises:
            HostUnreachable: There is none, or its file can't be read.
        """
        if label.startswith("/"):
            return cls._in_file(FileStore(Path(label)))
        try:
            return WORLDS[label]
        except KeyError:
            raise HostUnreachable(
                f"there is no world {label} in this process",
                subject=label,
                remedy="World.create() it, or use a world in a file",
            ) from None

    @classmethod
    def _in_file(cls, store: FileStore) -> World:
        label = str(store.path)
        with store as state:
            known = FILES.get(label)
            if known is None or known.epoch != state.epoch:
                known = FILES[label] = cls(label, store, in_file=True)
        return known

    @property
    def replaced(self) -> bool:
        """Whether its name means another world by now, or none."""
        return not self.in_file and WORLDS.get(self.label) is not self

    def forget(self) -> None:
        """Take a world out of memory (a file stays)."""
        WORLDS.pop(self.label, None)

    def __enter__(self) -> Self:
        """For `with`: forgotten at the end."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Forget it."""
        self.forget()

    def uri(self, host: str) -> str:
        """URI of one of its hosts."""
        where = quote(self.label) if self.in_file else self.label
        return f"mock://{where}?host={host}"

    # Furnishing.

    def add_guest(  # noqa: PLR0913 - each of them may be told by its name
        self,
        host: str,
        name: str,
        *,
        memory_mib: float = 1024.0,
        working_set_mib: float = 64.0,
        dirty_mib_s: float = 8.0,
        state: RunState = RunState.RUNNING,
        persistent: bool = True,
        habits: Habits = PLAIN,
        disks: Sequence[GuestDisk] = (),
    ) -> str:
        """Put a guest on a host; gives its UUID.

        Args:
            host: Name of the host.
            name: Name of the guest.
            memory_mib: Its memory.
            working_set_mib: The part that it rewrites again and again.
            dirty_mib_s: How fast.
            state: RUNNING, PAUSED or SHUTOFF.
            persistent: Whether it is defined there.
            habits: In which way it rewrites it (`Trace.habits`: as recorded).
            disks: Its disks; an image that is not there is made in the host's pool.

        Raises:
            BadInput: Habits out of range, or a disk in no pool of the host.
        """
        uuid = str(uuids.uuid5(NAMESPACE, f"{self.label}/{name}"))
        physics = (memory_mib, working_set_mib, dirty_mib_s, habits)
        xml = domxml.write(domxml.Domain(name, uuid, *physics, tuple(disks)))
        if habits != PLAIN:
            domxml.read(xml)
        with self.store as held:
            machine = Machine(held, self.now(held))
            place = held.hosts[host]
            for disk in disks:
                furnishing.image_for(machine, place, name, disk)
            guest = machine.adopt(place, uuid, name)
            if persistent or state is RunState.SHUTOFF:
                machine.define(place, guest, xml, name)
            if state is not RunState.SHUTOFF:
                boot = len(held.history) + 1
                live = Live(memory_mib, working_set_mib, dirty_mib_s, xml, boot=boot)
                live.habits, live.disks = habits, tuple(disks)
                machine.create(place, guest, live, RunState.PAUSED)
                if state is RunState.RUNNING:
                    machine.run(place, guest)
        return uuid

    def add_pool(
        self,
        host: str,
        name: str,
        path: str,
        *,
        directory: str = "",
        size_mib: float | None = None,
    ) -> str:
        """Give a host a pool of images; gives the directory's name.

        Args:
            host: Name of the host.
            name: What the host calls it.
            path: Where it is there.
            directory: What is there, for all hosts that name it; "" = the host's own.
            size_mib: Room in a directory that is new; None: without end.
        """
        with self.store as state:
            return furnishing.pool(
                state, state.hosts[host], (name, path), directory, size_mib
            )

    def link_image(self, host: str, path: str, directory: str) -> None:
        """Let a path on one host lead to the image of its name in a directory."""
        with self.store as state:
            furnishing.link(state, state.hosts[host], path, directory)

    def put_image(
        self, host: str, path: str, data: str, size_mib: float = 1024
    ) -> None:
        """Put an image with somebody's data at a free path in a host's pool."""
        with self.store as state:
            machine = Machine(state, self.now(state))
            disk = GuestDisk(path, size_mib=size_mib)
            furnishing.image_for(machine, state.hosts[host], data, disk)

    def images(self) -> dict[str, list[str]]:
        """Names of all images by directory."""
        directories = self.state().directories
        return {name: sorted(each.images) for name, each in directories.items()}

    def script(self, *script: Fault) -> None:
        """Add faults.

        Raises:
            BadInput: One of them can't strike.
        """
        with self.store as state:
            state.faults += [faults.check(fault) for fault in script]

    def at(
        self,
        seconds: float,
        what: str,
        host: str = "",
        guest: str = "",
        value: float = 0.0,
    ) -> None:
        """Let something happen at a moment of the world's clock.

        Args:
            seconds: When; a moment that has passed is now.
            what: See `happenings.HAPPENINGS`.
            host: Where; "" for the link.
            guest: Name or UUID, for an admin's action.
            value: See `state.Event`.

        Raises:
            BadInput: There is no such happening, or no such host.
            GuestNotFound: There is no such guest.
        """
        with self.store as state:
            if what not in HAPPENINGS or host not in ("", *state.hosts):
                raise BadInput(
                    f"{what} on {host or 'the link'} can't happen",
                    subject=what,
                    remedy=f"one of {', '.join(HAPPENINGS)}, on a host of this world",
                )
            uuid = self._uuid(state, guest) if guest else ""
            now = self.now(state)
            schedule(state, Event(max(seconds, now), what, host, uuid, value))
            settle(state, now)

    def play(self, trace: Trace) -> None:
        """Let the link between the hosts go, from now on, as it was recorded."""
        now = self.clock.now()
        for seconds, rate in trace.rates:
            if rate:
                self.at(now + seconds, "link-rate", value=rate)
            self.at(now + seconds, "link-up" if rate else "link-down")

    def befall(
        self, what: str, host: str = "", guest: str = "", value: float = 0.0
    ) -> None:
        """Let something happen now; as `at`."""
        self.at(self.clock.now(), what, host, guest, value)

    def now(self, state: State) -> float:
        """The time; another process may have let some of a virtual one pass."""
        if self.in_file and isinstance(self.clock, VirtualClock):
            self.clock.catch_up(state.now)
        return self.clock.now()

    # Asking.

    def state(self) -> State:
        """Everything, settled up to now. Read only."""
        with self.store as state:
            settle(state, self.now(state))
            return state

    def copies(self, guest: str) -> dict[str, GuestState]:
        """The guest by host, wherever it is known."""
        state = self.state()
        uuid = self._uuid(state, guest)
        return {
            host.name: host.guests[uuid]
            for host in state.hosts.values()
            if uuid in host.guests
        }

    def where(self, guest: str) -> list[str]:
        """Hosts on which its CPUs run: one at most, if all is well."""
        found = self.copies(guest).items()
        return [h for h, g in found if g.live and g.live.running_since is not None]

    def counter(self, guest: str) -> float:
        """Its CPU seconds so far, the highest of all copies."""
        lives = [g.live for g in self.copies(guest).values()]
        now = self.clock.now()
        return max((live.counter(now) for live in lives if live), default=0.0)

    def violations(self, *, may_vanish: tuple[str, ...] = ()) -> list[str]:
        """What the history shows that must never be (see `invariants`).

        Args:
            may_vanish: UUIDs of guests that were asked to be left undefined.
        """
        return violations(self.state().history, may_vanish=may_vanish)

    @staticmethod
    def _uuid(state: State, ref: str) -> str:
        for host in state.hosts.values():
            for guest in host.guests.values():
                if ref in (guest.uuid, guest.name):
                    return guest.uuid
        raise GuestNotFound(f"no guest {ref} in this world", subject=ref)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name[:64]!r} is no name of a world or host",
            subject=name[:64],
            remedy="lower-case letters, digits, dots, inner dashes; at most 64",
        )
    return name


def demo_world(name: str = "demo") -> World:
    """Two qemu-like hosts `a` and `b`, and a busy guest `web` on `a`."""
    world = World.create(name, link_mib_s=1000.0, replace=True)
    world.add_guest("a", "web", memory_mib=4096, working_set_mib=512, dirty_mib_s=200)
    return world
