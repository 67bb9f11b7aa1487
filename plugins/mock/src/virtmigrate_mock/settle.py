"""Bring a world up to a moment: everything that has happened by itself meanwhile.

Nobody runs between two looks at a world. Whoever looks first settles it: scheduled
events in their order, and between them the transfers, each by its physics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_mock import jobs, mirror
from virtmigrate_mock.happenings import happen
from virtmigrate_mock.machine import Machine
from virtmigrate_mock.state import JobPhase
from virtmigrate_mock.transfer import Conditions, Stage, advance, boundary, rate
from virtmigrate_mock.transfer import begin as begin_memory

if TYPE_CHECKING:
    from virtmigrate_mock.state import Job, Live, State, Transfer


def settle(state: State, now: float) -> None:
    """Let everything that was due until `now` happen."""
    state.now = max(state.now, now)
    while state.events and state.events[0].at <= now:
        event = state.events.pop(0)
        _move_all(state, event.at)
        happen(Machine(state, event.at), event)
    _move_all(state, now)


def link_share(state: State) -> float:
    """MiB/s for each transfer: they share the link alike."""
    if not state.link.up:
        return 0.0
    if len(state.outgoing) <= 1:
        return state.link.rate_mib_s
    moving = sum(job.phase is JobPhase.MOVING for job in state.outgoing.values())
    return state.link.rate_mib_s / max(1, moving)


def next_moment(state: State, job: Job) -> float:
    """When something will happen to this transfer, if nobody meddles."""
    transfer = job.transfer
    if transfer is None:
        return state.now
    guest = state.hosts[job.host].guests.get(job.uuid)
    if guest is None or guest.live is None:
        return state.now
    sending, live = rate(transfer, link_share(state)), guest.live
    running, disks = live.running_since is not None, transfer.mirror
    if disks is not None and not mirror.alike(disks):
        moment = transfer.at + mirror.seconds_left(disks, sending, running=running)
    else:
        sending = mirror.left_for_memory(disks, sending, running=running)
        moment = boundary(transfer, live, sending)
    if state.events:
        moment = min(moment, state.events[0].at)
    if transfer.stalled_at is not None:
        moment = min(moment, transfer.stalled_at + state.stall_timeout_s)
    return moment


def _move_all(state: State, until: float) -> None:
    for job in list(state.outgoing.values()):
        if job.phase is JobPhase.MOVING and job.transfer is not None:
            _move(state, job, job.transfer, until)


def _obstacle(state: State, job: Job, live: Live | None) -> str:
    if live is None:
        return "the guest ended while it moved"
    if not state.hosts[job.peer].up:
        return "lost connection to the destination host"
    if jobs.incoming(Machine(state, state.now), job.peer, job.uuid) is None:
        return "the incoming guest has gone from the destination"
    return ""


def _move(state: State, job: Job, transfer: Transfer, until: float) -> None:
    if until <= transfer.at and not job.abort:
        return  # somebody looked at this very moment already
    host = state.hosts[job.host]
    guest = host.guests.get(job.uuid)
    live = guest.live if guest is not None else None
    obstacle = _obstacle(state, job, live)
    if obstacle or guest is None or live is None:
        jobs.fail(Machine(state, until), job, obstacle)
        return
    if job.abort:
        jobs.fail(Machine(state, until), job, "operation aborted", "aborted")
        return
    sending = rate(transfer, link_share(state))
    if _stalled(transfer, sending, until, state.stall_timeout_s):
        text = f"nothing was sent for {state.stall_timeout_s:g} s"
        jobs.fail(Machine(state, until), job, text)
        return
    if transfer.mirror and not _mirrored(state, job, live, sending, until):
        return
    while True:
        running = live.running_since is not None
        left = mirror.left_for_memory(transfer.mirror, sending, running=running)
        stage = advance(transfer, live, Conditions(left, running), until)
        machine = Machine(state, transfer.at)
        if stage is Stage.STOP and running:
            machine.halt(host, guest, RunState.PAUSED_MIGRATION)
        elif stage is Stage.DONE:
            jobs.complete(machine, job)
            return
        elif stage is Stage.MOVING:
            return


def _mirrored(state: State, job: Job, live: Live, sending: float, until: float) -> bool:
    """Let the disks go on; True = both ends are alike, and memory goes."""
    transfer = job.transfer
    if transfer is None or transfer.mirror is None:
        return True
    disks, running = transfer.mirror, live.running_since is not None
    if mirror.alike(disks):
        if running:
            disks.sent_mib += mirror.written(disks, sending) * max(
                0.0, until - transfer.at
            )
        return True
    seconds = until - transfer.at
    transfer.at += mirror.advance(disks, sending, seconds, running=running)
    full = jobs.fill(Machine(state, transfer.at), job, disks)
    if full:
        jobs.fail(Machine(state, transfer.at), job, f"{full}: no space left on device")
        return False
    if not mirror.alike(disks):
        return False
    begin_memory(transfer, live)
    return True


def _stalled(
    transfer: Transfer, sending: float, until: float, timeout_s: float
) -> bool:
    if sending > 0:
        transfer.stalled_at = None
        return False
    if transfer.stalled_at is None:
        transfer.stalled_at = transfer.at
    return until - transfer.stalled_at >= timeout_s
