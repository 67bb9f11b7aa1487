"""Begin, perform and confirm, as the source's daemon carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form
from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_mock import domxml, images, jobs
from virtmigrate_mock.connection import nothing
from virtmigrate_mock.cookies import bake, eat
from virtmigrate_mock.destination_side import (
    arrival_name,
    has_disks,
    live_from,
    persistent_for,
    room_for,
)
from virtmigrate_mock.disk_state import Mirror
from virtmigrate_mock.disks import at_destination, copies
from virtmigrate_mock.host import mock_host
from virtmigrate_mock.primitives import present
from virtmigrate_mock.ride import ride
from virtmigrate_mock.state import Job, JobPhase, Transfer, job_key
from virtmigrate_mock.transfer import begin as begin_transfer

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.options import Options
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState, Live
    from virtmigrate_mock.styles import Style

MIB = 1 << 20


def by_daemon(ctx: Context, source: MockHost) -> bool:
    """Whether the hypervisor carries the phases out inside perform."""
    return ctx.plan.form is Form.PEER_TO_PEER or source.style.daemon


def begin(ctx: Context) -> bytes:
    """Take the job where the style locks, say what must travel.

    Raises:
        HostError: The guest does not run, or another migration has it.
    """
    source = mock_host(ctx.source)
    uuid = ctx.guest.uuid

    def act(machine: Machine, host: HostState) -> bytes:
        guest = present(host, uuid, source.side)
        cold = ctx.options.offline or source.style.offline_by_plain_move
        if guest.live is None and not cold:
            raise _error(source, uuid, "the guest is not running")
        if jobs.outgoing(machine, host.name, uuid) is not None:
            raise _error(source, uuid, "another migration of the guest is active")
        if guest.live is not None and not by_daemon(ctx, source):
            machine.state.outgoing[job_key(host.name, uuid)] = _job(
                ctx, guest.state, JobPhase.BEGUN
            )
        fields = {
            "world": source.world.label,
            "host": host.name,
            "uuid": uuid,
            "name": guest.name,
            "state": guest.state.value,
            "live": ctx.options.dest_xml or (guest.live.xml if guest.live else ""),
            "persistent": guest.persistent_xml or "",
        }
        return bake("begin", fields)

    return source.connection.call("begin", act, uuid)


def _error(host: MockHost, uuid: str, message: str) -> HostError:
    return HostError(message, side=host.side, subject=uuid)


def _job(ctx: Context, was: RunState, phase: JobPhase) -> Job:
    source = mock_host(ctx.source)
    daemon = by_daemon(ctx, source)
    return Job(
        uuid=ctx.guest.uuid,
        host=source.name,
        peer=ctx.destination.name,
        migration=ctx.migration,
        owner=source.connection.owner,
        phase=phase,
        was=was,
        daemon=daemon,
        arrives_as=arrival_name(ctx),
        follows_source=source.style.daemon,
        postcopy=bool(ctx.options.postcopy),
        undefine=source.style.daemon or bool(ctx.options.undefine_source),
        copies=copies(ctx),
        moves_disks=source.style.moves_disks,
    )


def perform(ctx: Context, cookie: bytes) -> bytes:
    """Move the guest.

    Raises:
        HostError: It failed; the source is as it was.
        JobAborted: Somebody asked for the end of it.
        AnswerLost: The source went away meanwhile.
    """
    source = mock_host(ctx.source)
    uuid = ctx.guest.uuid
    if not ctx.options.offline:
        if not by_daemon(ctx, source):
            eat(cookie, "prepare", source.world.label, uuid, source.side)
        source.connection.call(
            "perform",
            lambda machine, host: _start(ctx, machine, host),
            uuid,
            edges=("before",),
        )
        ride(ctx, source)
        source.connection.call("perform", nothing, uuid, edges=("after",))
    return bake("perform", {"world": source.world.label, "uuid": uuid})


def _start(ctx: Context, machine: Machine, host: HostState) -> None:
    source = mock_host(ctx.source)
    uuid = ctx.guest.uuid
    guest = present(host, uuid, source.side)
    if by_daemon(ctx, source):
        job = _job(ctx, guest.state, JobPhase.MOVING)
        _prepare_by_daemon(ctx, machine, host, job)
        machine.state.outgoing[job_key(host.name, uuid)] = job
    else:
        found = jobs.outgoing(machine, host.name, uuid)
        if found is None or found.migration != ctx.migration:
            raise _error(source, uuid, "the guest is not being migrated")
        job = found
        job.phase = JobPhase.MOVING
    if guest.live is None:
        job.phase = JobPhase.DONE if job.daemon else job.phase
        return
    options = ctx.options
    machine.note("stream", uuid, host.name, ",".join(source.style.streams(options)))
    job.transfer = _transfer(options, source.style, guest.live, machine.now)
    if job.copies:
        job.transfer.mirror = _mirror(machine, host, guest.live, job)
        waits = bool(options.copy_storage_synchronous_writes)
        job.transfer.mirror.synchronous = waits
    # What always goes live has no coma of its own, whatever it is told.
    coma = options.live is False and not source.style.daemon
    if coma and guest.live.running_since is not None:
        machine.halt(host, guest, RunState.PAUSED_MIGRATION)
        machine.note("coma", uuid, host.name)


def _transfer(options: Options, style: Style, live: Live, now: float) -> Transfer:
    """The transfer that these options ask for, at its start."""
    methods = options.compression_methods or ("xbzrle",)
    told = bool(options.compressed) and not style.daemon
    cache = options.compression_xbzrle_cache_bytes
    transfer = Transfer(
        started=now,
        at=now,
        total_mib=live.memory_mib,
        remaining_mib=live.memory_mib,
        pass_mib=live.memory_mib,
        cap_mib_s=options.bandwidth_mib_s or 0,
        auto_converge=bool(options.auto_converge) or style.daemon,
        throttle_first=options.auto_converge_initial_percent or 20,
        throttle_step=options.auto_converge_increment_percent or 10,
        xbzrle=told and "xbzrle" in methods,
    )
    if cache is not None:
        transfer.cache_mib = cache / MIB
    return begin_transfer(transfer, live)


def _mirror(machine: Machine, host: HostState, live: Live, job: Job) -> Mirror:
    """What of the disks is in use, and how fast it is rewritten."""
    state, paths = machine.state, {copy.here for copy in job.copies}
    images.begin_copy(machine, state.hosts[job.peer], job.copies)
    found = [images.image_at(state, host, path) for path in paths]
    total = sum(image.allocated_mib for image in found if image is not None)
    writes = sum(disk.write_mib_s for disk in live.disks if disk.path in paths)
    return Mirror(total, total, writes)


def _prepare_by_daemon(
    ctx: Context, machine: Machine, host: HostState, job: Job
) -> None:
    """The daemon prepares the destination itself; a stopped guest is there at once."""
    source, target = mock_host(ctx.source), mock_host(ctx.destination)
    guest = host.guests[job.uuid]
    there = machine.state.hosts[target.name]
    if not there.up:
        raise _error(source, job.uuid, "cannot connect to the destination host")
    room_for(machine, there, job.uuid, job.arrives_as, source.side)
    two_step_pause = ctx.plan.two_step and ctx.plan.form is Form.PEER_TO_PEER
    paused = guest.state is RunState.PAUSED
    arriving = Job(
        uuid=job.uuid,
        host=there.name,
        peer=host.name,
        migration=job.migration,
        owner=None,
        phase=JobPhase.PREPARED,
        was=guest.state,
        daemon=True,
        arrives_as=job.arrives_as,
        land_paused=two_step_pause or paused or bool(ctx.options.paused),
        persist_xml=persistent_for(
            ctx,
            target.style,
            guest.live.xml if guest.live else "",
            guest.persistent_xml or "",
        ),
    )
    text = guest.live.xml if guest.live else guest.persistent_xml or ""
    xml = at_destination(ctx, ctx.options.dest_xml or text)
    has_disks(machine, there, xml, source.side)
    if guest.live is not None:
        jobs.receive(machine, arriving, live_from(domxml.read(xml), xml, arriving))
        return
    images.begin_copy(machine, there, job.copies)
    if gone := images.copied(machine, (host, there), job.copies):
        raise _error(source, job.uuid, gone)
    jobs.receive(machine, arriving, None)
    jobs.land(machine, arriving, RunState.SHUTOFF)
    jobs.retire(machine, job)


def confirm(ctx: Context, fate: Fate) -> bool:
    """Retire the source's copy, or give back what begin took.

    Raises:
        HostError: After GO: there is no job of this migration, yet a copy is left.
    """
    source = mock_host(ctx.source)
    uuid = ctx.guest.uuid

    def act(machine: Machine, host: HostState) -> None:
        job = jobs.outgoing(machine, host.name, uuid)
        guest = host.guests.get(uuid)
        if job is not None and job.migration != ctx.migration:
            raise _error(source, uuid, "another migration has the guest")
        if fate is Fate.CANCELLED:
            if job is not None:
                _give_up(machine, host, job)
        elif job is not None:
            if job.phase is JobPhase.MOVING:
                raise _error(source, uuid, "the guest is still moving")
            jobs.retire(machine, job)
        elif guest is not None and guest.live is not None:
            raise _error(source, uuid, "the guest is not being migrated")
        elif guest is not None and ctx.options.undefine_source:
            machine.undefine(host, guest, "migrated")

    source.connection.call("confirm", act, uuid)
    return True


def _give_up(machine: Machine, host: HostState, job: Job) -> None:
    if job.phase is JobPhase.MOVING:
        jobs.fail(machine, job, "cancelled by the controller", "aborted")
    else:
        jobs.give_back(machine, host, host.guests.get(job.uuid), job)
    machine.state.outgoing.pop(job_key(host.name, job.uuid), None)
