"""One connection to one host of a world: every call goes through here.

Here faults strike, the world is settled, and a closed or dead connection ends what
it held.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn, TypeVar

from virtmigrate.errors import HostUnreachable
from virtmigrate_mock import faults, owners
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.jobs import lose
from virtmigrate_mock.machine import Machine
from virtmigrate_mock.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.errors import Side
    from virtmigrate_mock.state import Fault, HostState, Job, State
    from virtmigrate_mock.world import World

T = TypeVar("T")
HANG_S = 30.0
KILLED = 137
"""Exit code of a controller that a fault killed."""


class Connection:
    """A way to one host.

    Attributes:
        world: Which world.
        host: Name of the host.
        side: For errors and faults.
        owner: Marks the jobs that it holds.
    """

    __slots__ = ("closed", "host", "owner", "side", "world")

    def __init__(self, world: World, host: str, side: Side) -> None:
        """Open it; `call` finds out whether the host answers."""
        self.world = world
        self.host = host
        self.side = side
        self.owner = owners.new()
        self.closed = False
        world.connections.add(self.owner.token)

    def call(
        self,
        step: str,
        act: Callable[[Machine, HostState], T],
        uuid: str = "",
        edges: tuple[str, ...] = ("before", "after"),
    ) -> T:
        """Carry `act` out on the host, unless a fault has it otherwise.

        Args:
            step: Name of the call, for faults.
            act: Given the world at this moment, and the host.
            uuid: The guest that it is about.
            edges: Where faults may strike.

        Raises:
            HostUnreachable: The host is down, or the connection is closed.
            HostError: What `act` or a fault raises.
        """
        world = self.world
        if self.closed or world.dead:
            self._see_alive()
        store = world.store
        with store.lock:
            state = store.state
            machine = self.machine(state)
            host = state.hosts[self.host]
            if not state.faults:
                if not host.up:
                    raise self._unreachable("the host is down")
                return act(machine, host)
            struck: list[Fault] = []
            if "before" in edges:
                struck += self._befallen(machine, step, "before", uuid)
            if not struck or not faults.fails(struck[0], self.host):
                if not host.up:
                    raise self._unreachable("the host is down")
                answer = act(machine, host)
                if "after" in edges:
                    struck += self._befallen(machine, step, "after", uuid)
        for fault in struck:
            self.strike(fault, step)
        return answer

    @property
    def idle(self) -> bool:
        """Whether it may serve another migration: it answers, and holds nothing."""
        world = self.world
        if self.closed or world.dead or world.replaced:
            return False
        with world.store as state:
            jobs = [*state.outgoing.values(), *state.incoming.values()]
            busy = any(_token(job) == self.owner.token for job in jobs)
            return not busy and state.hosts[self.host].up

    def _see_alive(self) -> None:
        if self.owner.token in self.world.dead:
            raise ControllerKilled
        if self.closed:
            raise self._unreachable("the connection is closed")

    def _befallen(
        self, machine: Machine, step: str, when: str, uuid: str
    ) -> list[Fault]:
        fault = faults.due(machine.state.faults, step, self.side, self.host, when)
        if fault is None:
            return []
        faults.befall(machine, fault, self.host, uuid)
        return [fault]

    def strike(self, fault: Fault, step: str) -> None:
        """Let the caller feel a fault, outside the lock.

        Raises:
            HostError: As the fault says.
            ControllerKilled: In a memory world, for `kill-controller`.
        """
        if fault.kind in ("hang", "delay"):
            self.world.clock.sleep(fault.for_s or HANG_S)
        if fault.kind == "kill-controller":
            self.kill_controller()
        error = faults.error_of(fault, step, self.side, self.host)
        if error is not None:
            raise error

    def kill_controller(self) -> NoReturn:
        """End the controller as SIGKILL would."""
        world = self.world
        if world.in_file:
            os._exit(KILLED)
        with world.store as state:
            machine = self.machine(state)
            world.dead |= world.connections
            end_jobs(machine, lambda job: _token(job) in world.dead)
        raise ControllerKilled

    def close(self) -> None:
        """Let go; the jobs that it held end as a lost connection ends them."""
        if self.closed or self.owner.token in self.world.dead:
            return
        self.closed = True
        token = self.owner.token
        self.world.connections.discard(token)
        with self.world.store as state:
            if state.outgoing or state.incoming:
                end_jobs(self.machine(state), lambda job: _token(job) == token)

    def machine(self, state: State) -> Machine:
        """The world, in which everything up to now has happened."""
        world = self.world
        now = self._now_in_file(state) if world.in_file else world.clock.now()
        if now > state.now:  # while no time passes, nothing happens by itself
            settle(state, now)
        return Machine(state, now)

    def _now_in_file(self, state: State) -> float:
        """The time, once what other processes left is in order."""
        if state.outgoing or state.incoming:
            # At the last moment that anybody saw it alive, not now.
            end_jobs(Machine(state, state.now), _orphaned)
        return self.world.now(state)

    def _unreachable(self, why: str) -> HostUnreachable:
        return HostUnreachable(
            f"no connection to {self.host}: {why}",
            side=self.side,
            subject=self.host,
            remedy="bring the host back, or open it again",
        )


def nothing(machine: Machine, host: HostState) -> None:
    """An `act` that only asks whether the host answers."""


def end_jobs(machine: Machine, gone: Callable[[Job], bool]) -> None:
    """What becomes of the jobs whose connection has gone: destinations first."""
    for jobs in (machine.state.incoming, machine.state.outgoing):
        for job in [one for one in jobs.values() if gone(one)]:
            lose(machine, job)
    settle(machine.state, machine.now)


def _token(job: Job) -> str:
    return job.owner.token if job.owner else ""


def _orphaned(job: Job) -> bool:
    return job.owner is not None and not owners.alive(job.owner)
