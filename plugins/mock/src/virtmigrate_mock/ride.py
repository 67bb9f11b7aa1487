"""The controller's side of a transfer: wait for it, and let the engine look in.

The transfer belongs to the world, not to this loop: a daemon's goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import AnswerLost, HostError, HostUnreachable, JobAborted
from virtmigrate.host import RunState
from virtmigrate_mock import faults, jobs
from virtmigrate_mock.settle import link_share, next_moment
from virtmigrate_mock.state import JobPhase, job_key

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import Fault, HostState, State

PULSE_S = 0.1
LEAST_S = 1e-6
NEARLY = 1.5
"""A step may be so much longer, if then something happens at its end."""
PATIENCE = 200_000
"""Looks at one transfer before a virtual world gives up on its ever ending."""


@dataclass(frozen=True, slots=True)
class _Reading:
    phase: JobPhase
    stopped: bool = False
    error: str = ""
    kind: str = ""


def ride(ctx: Context, source: MockHost) -> None:
    """Wait until the transfer is over.

    Raises:
        HostError: It failed.
        JobAborted: It was aborted.
        AnswerLost: The source does not answer any more.
    """
    try:
        reading = _ride(ctx, source)
    except HostUnreachable as error:
        raise AnswerLost(
            error.message, side=error.side, subject=error.subject, remedy=error.remedy
        ) from error
    except Exception:
        # The engine gave up (or a fault failed the call): the source goes back.
        _end(ctx, source, "given up by the controller")
        raise
    if reading.phase is JobPhase.FAILED:
        kind = JobAborted if reading.kind == "aborted" else HostError
        raise kind(
            f"migration failed: {reading.error}",
            side=source.side,
            subject=ctx.plan.guest.name,
        )


def _ride(ctx: Context, source: MockHost) -> _Reading:
    uuid, clock = ctx.guest.uuid, source.world.clock
    began = clock.now()
    waiting = _during(source)
    for _ in range(PATIENCE):
        until = _moment(source, uuid)
        if waiting:
            until = min(until, began + waiting[0].at_s)
        clock.sleep(max(until - clock.now(), LEAST_S))
        while waiting and began + waiting[0].at_s <= clock.now():
            _strike(source, waiting.pop(0), uuid)
        reading = _read(source, uuid)
        if reading.phase is not JobPhase.MOVING:
            if reading.phase is JobPhase.COMPLETE:
                ctx.engine.pulse()  # the last figures, the real downtime among them
            return reading
        if not reading.stopped:
            ctx.engine.pulse()
    _end(ctx, source, "it would never converge")
    return _read(source, uuid)


def _during(source: MockHost) -> list[Fault]:
    name, side = source.name, source.side
    with source.world.store as state:
        if not state.faults:
            return []
        found = [
            fault
            for fault in state.faults
            if faults.due([fault], "perform", side, name, "during")
        ]
    return sorted(found, key=lambda fault: fault.at_s)


def _strike(source: MockHost, fault: Fault, uuid: str) -> None:
    connection = source.connection
    with source.world.store as state:
        machine = connection.machine(state)
        faults.befall(machine, fault, source.name, uuid)
    connection.strike(fault, "perform")


def _read(source: MockHost, uuid: str) -> _Reading:
    def act(machine: Machine, host: HostState) -> _Reading:
        state = machine.state
        key = job_key(host.name, uuid)
        job = state.outgoing.get(key)
        if job is None:
            return _Reading(JobPhase.FAILED, error="the job has gone")
        if job.phase in (JobPhase.FAILED, JobPhase.DONE):
            state.outgoing.pop(key)
        stopped = job.transfer is not None and job.transfer.stopped_at is not None
        stalled = job.transfer is not None and job.transfer.stalled_at is not None
        # The last pass is over in a moment: nobody needs to look in, unless it hangs.
        last = stopped and not stalled
        return _Reading(job.phase, last, job.error, job.error_kind)

    return source.connection.call("ride", act, uuid)


def _moment(source: MockHost, uuid: str) -> float:
    """When to look again: at what happens next, or a step on."""
    with source.world.store as state:
        now = source.world.clock.now()
        step = _step_s(state)
        job = state.outgoing.get(job_key(source.name, uuid))
        moment = now if job is None else next_moment(state, job)
        return moment if moment - now <= NEARLY * step else now + step


def _step_s(state: State) -> float:
    return PULSE_S * state.speed if state.mode == "real" else state.step_s


def _end(ctx: Context, source: MockHost, why: str) -> None:
    with source.world.store as state:
        machine = source.connection.machine(state)
        job = jobs.outgoing(machine, source.name, ctx.guest.uuid)
        if job is not None and job.phase is JobPhase.MOVING:
            jobs.fail(machine, job, why)


def pull(ctx: Context, target: MockHost) -> None:
    """Post-copy: wait at the destination until the last page is there.

    Raises:
        AnswerLost: Pages stopped coming; the guest runs, and waits for them.
    """
    clock = target.world.clock
    before, stalled = clock.now(), 0.0
    for _ in range(PATIENCE):
        with target.world.store as state:
            machine = target.connection.machine(state)
            rate = link_share(state)
            if cap := ctx.options.postcopy_bandwidth_mib_s:
                rate = min(rate, cap)
            left = _receive(machine, target.name, ctx.guest.uuid, rate, before)
            before, step = machine.now, _step_s(state)
            stalled = 0.0 if rate else stalled + step
            if stalled > state.stall_timeout_s:
                _cut(machine, target.name, ctx.guest.uuid)
                break
        if left <= 0:
            return
        clock.sleep(max(min(left / rate if rate else step, step), LEAST_S))
    raise AnswerLost(
        "post-copy was cut: pages are missing at the destination",
        side=target.side,
        subject=ctx.plan.guest.name,
        remedy="bring the link back and recover the post-copy",
    )


def _receive(
    machine: Machine, host: str, uuid: str, rate: float, before: float
) -> float:
    """Take the pages that came since `before`; gives what is still missing (MiB)."""
    job = jobs.incoming(machine, host, uuid)
    guest = machine.state.hosts[host].guests.get(uuid)
    if job is None or job.transfer is None or guest is None or guest.live is None:
        return 0.0
    transfer = job.transfer
    came = min(transfer.remaining_mib, rate * (machine.now - before))
    transfer.remaining_mib -= came
    if transfer.remaining_mib <= LEAST_S:
        machine.state.incoming.pop(job_key(host, uuid))
        if guest.state is RunState.POSTCOPY:
            guest.state = RunState.RUNNING
        return 0.0
    return transfer.remaining_mib


def _cut(machine: Machine, host: str, uuid: str) -> None:
    """Neither side is complete, and nothing comes any more."""
    job = jobs.incoming(machine, host, uuid)
    for name in (host, job.peer if job else host):
        guest = machine.state.hosts[name].guests.get(uuid)
        if guest is not None and guest.state is RunState.POSTCOPY:
            machine.halt(machine.state.hosts[name], guest, RunState.POSTCOPY_FAILED)
