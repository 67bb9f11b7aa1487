"""Prepare and finish, as the destination's daemon carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_mock import domxml, images, jobs
from virtmigrate_mock.cookies import bake, eat
from virtmigrate_mock.disks import at_destination
from virtmigrate_mock.host import mock_host
from virtmigrate_mock.primitives import by_name
from virtmigrate_mock.ride import pull
from virtmigrate_mock.state import Job, JobPhase, Live, job_key

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.errors import Side
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState
    from virtmigrate_mock.styles import Style


def arrival_name(ctx: Context) -> str:
    """What the guest is called at the destination."""
    return ctx.options.dest_name or ctx.plan.guest.name


def room_for(
    machine: Machine, host: HostState, uuid: str, name: str, side: Side
) -> None:
    """See that a guest can arrive here.

    Raises:
        HostError: Its name or identity is taken.
    """
    holder = by_name(host, name)
    there = host.guests.get(uuid)
    if holder is not None and holder.uuid != uuid:
        raise HostError(
            f"{name} is already defined with UUID {holder.uuid}",
            side=side,
            subject=name,
        )
    if there is not None and there.live is not None:
        raise HostError(f"{name} is already active here", side=side, subject=name)
    if jobs.incoming(machine, host.name, uuid) is not None:
        raise HostError(f"{name} is already on its way here", side=side, subject=name)


def has_disks(machine: Machine, host: HostState, xml: str, side: Side) -> None:
    """See that the disks of a definition are here.

    Raises:
        HostError: One is not.
    """
    disks = domxml.read(xml, side).disks
    if disks and (path := images.missing(machine.state, host, disks)):
        raise HostError(
            f"cannot access storage file {path}: no such file", side=side, subject=path
        )


def persistent_for(
    ctx: Context, style: Style, live: str, persistent: str
) -> str | None:
    """The definition to leave at the destination; None for a transient guest."""
    if not (ctx.options.persist_dest or style.always_persistent):
        return None
    return at_destination(ctx, ctx.options.persist_xml or persistent or live)


def live_from(domain: domxml.Domain, xml: str, job: Job) -> Live:
    """The process that waits for the memory."""
    return Live(
        domain.memory_mib,
        domain.working_set_mib,
        domain.dirty_mib_s,
        domxml.renamed(xml, job.arrives_as),
        habits=domain.habits,
        disks=domain.disks,
    )


def prepare(ctx: Context, cookie: bytes) -> bytes:
    """Make an incoming guest, paused; where a daemon does it later, only look.

    Raises:
        HostError: No room, or a cookie that is none.
    """
    target = mock_host(ctx.destination)
    uuid = ctx.guest.uuid

    name = arrival_name(ctx)

    def act(machine: Machine, host: HostState) -> None:
        told = eat(cookie, "begin", target.world.label, uuid, target.side)
        room_for(machine, host, uuid, name, target.side)
        daemon = ctx.plan.form is Form.PEER_TO_PEER or target.style.daemon
        if daemon and not ctx.options.offline:
            return
        was = RunState(told["state"])
        job = Job(
            uuid=uuid,
            host=host.name,
            peer=ctx.source.name,
            migration=ctx.migration,
            owner=target.connection.owner,
            phase=JobPhase.PREPARED,
            was=was,
            arrives_as=name,
            land_paused=was is RunState.PAUSED or bool(ctx.options.paused),
            persist_xml=persistent_for(
                ctx, target.style, told["live"], told["persistent"]
            ),
        )
        live = None
        if not ctx.options.offline:
            xml = at_destination(ctx, told["live"])
            domain = domxml.read(xml, target.side)
            has_disks(machine, host, xml, target.side)
            live = live_from(domain, xml, job)
        jobs.receive(machine, job, live)

    target.connection.call("prepare", act, uuid)
    fields = {"world": target.world.label, "host": target.name, "uuid": uuid}
    return bake("prepare", fields)


def finish(ctx: Context, fate: Fate) -> bytes:
    """Start the guest (or leave it paused), or clear the incoming one away.

    Raises:
        HostError: It was not started; what was incoming is destroyed.
        AnswerLost: In post-copy, the pages stopped coming.
    """
    target = mock_host(ctx.destination)
    uuid = ctx.guest.uuid

    def act(machine: Machine, host: HostState) -> bool:
        if fate is Fate.CANCELLED:
            jobs.drop_incoming(machine, host.name, uuid, ctx.migration)
            return False
        return _go(ctx, target, machine, host)

    try:
        pulling = target.connection.call("finish", act, uuid)
    except (AnswerLost, HostUnreachable):
        raise
    except HostError:
        _kill_incoming(ctx, target)
        raise
    if pulling:
        pull(ctx, target)
    if fate is Fate.CANCELLED:
        return b""
    return bake("finish", {"world": target.world.label, "uuid": uuid})


def _kill_incoming(ctx: Context, target: MockHost) -> None:
    """A finish that fails kills what was incoming (libvirt: Finish3 gives NULL)."""
    with target.world.store as state:
        machine = target.connection.machine(state)
        jobs.drop_incoming(machine, target.name, ctx.guest.uuid, ctx.migration)


def _go(ctx: Context, target: MockHost, machine: Machine, host: HostState) -> bool:
    uuid = ctx.guest.uuid
    job = jobs.incoming(machine, host.name, uuid)
    guest = host.guests.get(uuid)
    if job is None or job.migration != ctx.migration:
        cold = ctx.landing is RunState.SHUTOFF
        if guest and (guest.persistent_xml if cold else guest.live):
            return False
        raise HostError("there is no incoming guest", side=target.side, subject=uuid)
    if ctx.options.offline:
        jobs.land(machine, job, RunState.SHUTOFF)
        return False
    if job.phase is not JobPhase.COMPLETE or guest is None or guest.live is None:
        raise HostError("the guest is incomplete", side=target.side, subject=uuid)
    postcopy = job.transfer is not None
    jobs.land(machine, job, ctx.landing, postcopy=postcopy)
    if postcopy:
        machine.state.incoming[job_key(host.name, uuid)] = job
    return postcopy
