"""What may befall a world by itself: links, crashes, and people. A table.

An admin's action is excused in the history: nobody but the admin lost that guest.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_mock.domxml import read
from virtmigrate_mock.jobs import drop_incoming, kill, outgoing
from virtmigrate_mock.state import Event, GuestState, JobPhase, Live, job_key
from virtmigrate_mock.styles import style_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState, State


def schedule(state: State, event: Event) -> None:
    """Put an event in its place."""
    insort(state.events, event, key=lambda one: one.at)


def happen(machine: Machine, event: Event) -> None:
    """Let an event take effect now."""
    machine.note("befell", event.guest, event.host, event.what)
    HAPPENINGS[event.what](machine, event)


def boot(machine: Machine, host: HostState, guest: GuestState) -> None:
    """Start a defined guest afresh."""
    domain = read(guest.persistent_xml or "")
    live = Live(
        domain.memory_mib,
        domain.working_set_mib,
        domain.dirty_mib_s,
        guest.persistent_xml or "",
        boot=len(machine.state.history) + 1,
        habits=domain.habits,
        disks=domain.disks,
    )
    machine.create(host, guest, live, RunState.PAUSED)
    machine.run(host, guest)


def _link_down(machine: Machine, event: Event) -> None:
    machine.state.link.up = False


def _link_up(machine: Machine, event: Event) -> None:
    machine.state.link.up = True


def _link_rate(machine: Machine, event: Event) -> None:
    machine.state.link.rate_mib_s = event.value


def _crash(machine: Machine, event: Event) -> None:
    state = machine.state
    host = state.hosts[event.host]
    host.up = False
    for guest in list(host.guests.values()):
        state.outgoing.pop(job_key(host.name, guest.uuid), None)
        state.incoming.pop(job_key(host.name, guest.uuid), None)
        machine.end(host, guest, "crash")
    for job in list(state.incoming.values()):
        gone = outgoing(machine, job.peer, job.uuid) is None
        if job.peer == host.name and job.daemon and gone:
            drop_incoming(machine, job.host, job.uuid, job.migration)


def _back(machine: Machine, event: Event) -> None:
    machine.state.hosts[event.host].up = True


def _found(machine: Machine, event: Event) -> tuple[HostState, GuestState | None]:
    host = machine.state.hosts[event.host]
    return host, host.guests.get(event.guest)


def _pause(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    if guest is None or guest.state is not RunState.RUNNING:
        return
    job = outgoing(machine, host.name, guest.uuid)
    moving = job is not None and job.phase is JobPhase.MOVING
    if style_named(host.style).locks or not moving:
        machine.halt(host, guest, RunState.PAUSED)


def _resume(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    if guest is not None and guest.state is RunState.PAUSED:
        machine.run(host, guest)


def _end(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    if guest is not None:
        kill(machine, host, guest, "admin")


def _undefine(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    if guest is not None:
        machine.undefine(host, guest, "admin")


def _start(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    if guest is not None and guest.state is RunState.SHUTOFF:
        boot(machine, host, guest)


def _reboot(machine: Machine, event: Event) -> None:
    host, guest = _found(machine, event)
    # One whose CPUs stand still can't.
    if guest is not None and guest.live is not None and guest.state is RunState.RUNNING:
        machine.halt(host, guest, guest.state)
        guest.live.boot = len(machine.state.history) + 1
        guest.live.counter_s = 0.0
        machine.run(host, guest)


def _corrupt(machine: Machine, event: Event) -> None:
    for job in machine.state.incoming.values():
        if job.uuid == event.guest:
            live = machine.state.hosts[job.host].guests[job.uuid].live
            if live is not None:
                live.corrupt = True


def _room(machine: Machine, event: Event) -> None:
    state = machine.state
    for pool in state.hosts[event.host].pools.values():
        state.directories[pool.directory].size_mib = event.value or None


HAPPENINGS: dict[str, Callable[[Machine, Event], None]] = {
    "link-down": _link_down,
    "link-up": _link_up,
    "link-rate": _link_rate,
    "crash": _crash,
    "back": _back,
    "pause": _pause,
    "resume": _resume,
    "destroy": _end,
    "shutdown": _end,
    "undefine": _undefine,
    "start": _start,
    "reboot": _reboot,
    "corrupt-memory": _corrupt,
    "room": _room,
}
ENDS = {"link-down": "link-up", "crash": "back"}
"""What ends a happening that lasts for a while."""
