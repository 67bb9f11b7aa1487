"""What the daemons of both hosts do to a migration's jobs, whoever asks.

Rules (libvirt's, `qemuMigrationAnyConnectionClosed` for the lost connections):

- driven: a controller that goes away after begin drops the job; during perform the
  transfer goes on as long as the destination holds the incoming guest; after perform
  the source stays paused. The incoming guest is destroyed when the destination's
  connection goes before finish.
- daemon form (peer-to-peer, or a style whose perform does it all): it goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_mock import images
from virtmigrate_mock.domxml import renamed
from virtmigrate_mock.state import GuestState, Job, JobPhase, Live, job_key

if TYPE_CHECKING:
    from virtmigrate_mock.disk_state import Mirror
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState


def content(live: Live, now: float) -> str:
    """What tells two contents of a guest's memory apart: what its CPUs have written."""
    damaged = " damaged" if live.corrupt else ""
    return f"boot {live.boot} {live.counter(now):.9f} s{damaged}"


def outgoing(machine: Machine, host: str, uuid: str) -> Job | None:
    """The guest's job at a source."""
    return machine.state.outgoing.get(job_key(host, uuid))


def incoming(machine: Machine, host: str, uuid: str) -> Job | None:
    """The guest's job at a destination."""
    return machine.state.incoming.get(job_key(host, uuid))


def receive(machine: Machine, job: Job, live: Live | None) -> None:
    """Make the destination's side: an incoming guest, and the job that holds it."""
    host = machine.state.hosts[job.host]
    guest = machine.adopt(host, job.uuid, job.arrives_as)
    guest.name = job.arrives_as
    if live is not None:
        machine.create(host, guest, live, RunState.PAUSED_MIGRATION)
    machine.state.incoming[job_key(job.host, job.uuid)] = job


def fail(machine: Machine, job: Job, error: str, kind: str = "error") -> None:
    """End a transfer at the source: the guest gets its CPUs back, as before it."""
    host = machine.state.hosts[job.host]
    guest = host.guests.get(job.uuid)
    job.phase, job.error, job.error_kind = JobPhase.FAILED, error, kind
    machine.note("failed", job.uuid, job.host, error)
    give_back(machine, host, guest, job)
    if job.daemon:
        drop_incoming(machine, job.peer, job.uuid, job.migration)
    forget_if_orphaned(machine, job)


def give_back(
    machine: Machine, host: HostState, guest: GuestState | None, job: Job
) -> None:
    """Let a guest that only the migration stopped run again."""
    if guest is None or guest.live is None:
        return
    if guest.state is RunState.POSTCOPY:
        guest.state = RunState.POSTCOPY_FAILED
    if guest.state is RunState.PAUSED_MIGRATION:
        machine.note("coma-over", job.uuid, job.host)
        if job.was is RunState.RUNNING:
            machine.run(host, guest)
        else:
            machine.halt(host, guest, job.was)


def complete(machine: Machine, job: Job) -> None:
    """All memory is at the destination; a daemon goes on from here by itself."""
    source = machine.state.hosts[job.host].guests[job.uuid]
    there = incoming(machine, job.peer, job.uuid)
    arrived = machine.state.hosts[job.peer].guests[job.uuid]
    if source.live is None or arrived.live is None or there is None:
        fail(machine, job, "the guest ended while it moved")
        return
    if job.copies:
        ends = machine.state.hosts[job.host], machine.state.hosts[job.peer]
        if gone := images.copied(machine, ends, job.copies):
            fail(machine, job, gone)
            return
    arrived.live.boot = source.live.boot
    arrived.live.counter_s = source.live.counter(machine.now)
    arrived.live.corrupt = arrived.live.corrupt or source.live.corrupt
    job.phase = there.phase = JobPhase.COMPLETE
    seen = content(source.live, machine.now)
    machine.note("switch", job.uuid, job.peer, seen)
    if source.live.disks:
        here = machine.state.hosts[job.host]
        seen = images.contents(machine, here, source.live.disks)
        machine.note("disks-sent", job.uuid, job.host, seen)
    if job.daemon:
        paused = job.follows_source and source.state is RunState.PAUSED
        land(machine, there, RunState.PAUSED if paused else RunState.RUNNING)
        retire(machine, job)
        job.phase = JobPhase.DONE
        machine.state.outgoing[job_key(job.host, job.uuid)] = job
    forget_if_orphaned(machine, job)


def land(
    machine: Machine, job: Job, landing: RunState, *, postcopy: bool = False
) -> None:
    """Finish at the destination: persist as asked, start as asked, drop the job."""
    host = machine.state.hosts[job.host]
    guest = machine.adopt(host, job.uuid, job.arrives_as)
    if job.persist_xml is not None:
        xml = renamed(job.persist_xml, job.arrives_as)
        machine.define(host, guest, xml, job.arrives_as)
    if guest.live is not None:
        machine.note("landed", job.uuid, job.host, content(guest.live, 0.0))
        if guest.live.disks:
            seen = images.contents(machine, host, guest.live.disks)
            machine.note("disks-arrived", job.uuid, job.host, seen)
        machine.note("coma-over", job.uuid, job.host)
        if landing is RunState.RUNNING and not job.land_paused:
            machine.run(host, guest, postcopy=postcopy)
        else:
            machine.halt(host, guest, RunState.PAUSED)
    machine.state.incoming.pop(job_key(job.host, job.uuid), None)


def retire(machine: Machine, job: Job) -> None:
    """Confirm at the source: its copy goes, and its definition as asked."""
    host = machine.state.hosts[job.host]
    guest = host.guests.get(job.uuid)
    machine.state.outgoing.pop(job_key(job.host, job.uuid), None)
    if guest is None:
        return
    if job.undefine:
        machine.undefine(host, guest, "migrated")
    machine.end(host, guest, "migrated")
    for copy in job.copies if job.moves_disks else ():
        images.delete(machine, host, copy.here)


def fill(machine: Machine, job: Job, disks: Mirror) -> str:
    """What has been sent takes room there; gives the image for which there is none."""
    state, share = machine.state, 1.0
    if disks.total_mib > 0:
        share -= disks.remaining_mib / disks.total_mib
    here, there = state.hosts[job.host], state.hosts[job.peer]
    for copy in job.copies:
        image = images.image_at(state, here, copy.here)
        made = images.image_at(state, there, copy.there)
        pool = images.pool_of(there, copy.there)
        if image is None or made is None or pool is None:
            continue  # found out when it is to be complete
        made.allocated_mib = max(made.allocated_mib, image.allocated_mib * share)
        made.changed_s = machine.now
        free = state.directories[pool.directory].free_mib
        if free is not None and free < 0:
            return copy.there
    return ""


def drop_incoming(machine: Machine, host: str, uuid: str, migration: str) -> None:
    """Destroy the incoming guest of this migration. Harmless when there is none."""
    job = incoming(machine, host, uuid)
    if job is None or job.migration != migration:
        return
    machine.state.incoming.pop(job_key(host, uuid))
    there = machine.state.hosts[host]
    guest = there.guests.get(uuid)
    if guest is not None:
        machine.end(there, guest, "cancelled")
        machine.forget(there, guest)


def kill(machine: Machine, host: HostState, guest: GuestState, why: str) -> None:
    """End a guest's process and whatever job hung on it; a transfer finds out."""
    if guest.live is None:
        return
    machine.end(host, guest, why)
    key = job_key(host.name, guest.uuid)
    machine.state.incoming.pop(key, None)
    job = machine.state.outgoing.get(key)
    if job is not None and job.phase is not JobPhase.MOVING:
        machine.state.outgoing.pop(key)


def forget_if_orphaned(machine: Machine, job: Job) -> None:
    """A job that has ended and whose controller has gone is of use to nobody.

    Whoever finds the guest may let it run: no coma is kept up for it any more.
    """
    if job.owner is None and job.phase not in (JobPhase.BEGUN, JobPhase.MOVING):
        machine.note("coma-over", job.uuid, job.host)
        machine.state.outgoing.pop(job_key(job.host, job.uuid), None)


def lose(machine: Machine, job: Job) -> None:
    """The connection that held this job has gone."""
    job.owner = None
    if job_key(job.host, job.uuid) in machine.state.outgoing:
        machine.note("orphaned", job.uuid, job.host, job.phase)
        if job.phase is JobPhase.BEGUN:
            machine.state.outgoing.pop(job_key(job.host, job.uuid))
        forget_if_orphaned(machine, job)
    else:
        drop_incoming(machine, job.host, job.uuid, job.migration)
