"""What can be done to a guest outside the phases, as libvirt would answer it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Knob, Progress
from virtmigrate.errors import GuestNotFound, HostError
from virtmigrate.host import RunState, Sample
from virtmigrate_mock import jobs
from virtmigrate_mock.settle import link_share, settle
from virtmigrate_mock.state import JobPhase
from virtmigrate_mock.styles import style_named
from virtmigrate_mock.transfer import rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.errors import Side
    from virtmigrate_mock.domxml import Domain
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import GuestState, HostState, Job, Transfer
    from virtmigrate_mock.styles import Style

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class On:
    """What a primitive acts upon."""

    machine: Machine
    host: HostState
    uuid: str
    side: Side

    @property
    def guest(self) -> GuestState:
        """The guest, or GuestNotFound."""
        return present(self.host, self.uuid, self.side)

    @property
    def style(self) -> Style:
        """How this host answers."""
        return style_named(self.host.style)

    def outgoing(self) -> Job | None:
        """Its job at a source."""
        return jobs.outgoing(self.machine, self.host.name, self.uuid)

    def error(self, message: str) -> HostError:
        """The host says no."""
        return HostError(message, side=self.side, subject=self.uuid)


def by_name(host: HostState, name: str) -> GuestState | None:
    """The guest of this name."""
    return next((g for g in host.guests.values() if g.name == name), None)


def present(host: HostState, uuid: str, side: Side) -> GuestState:
    """The guest of this UUID.

    Raises:
        GuestNotFound: It is not on this host.
    """
    guest = host.guests.get(uuid)
    if guest is None:
        raise GuestNotFound(
            f"the guest is not on {host.name}", side=side, subject=uuid
        )
    return guest


def _unlocked(on: On, what: str, *, but_suspend: bool = False) -> None:
    """A running job keeps others from the guest (libvirt: error 68)."""
    job = on.outgoing()
    arriving = jobs.incoming(on.machine, on.host.name, on.uuid) is not None
    moving = job is not None and job.phase is JobPhase.MOVING
    locked = (job is not None and not but_suspend) if on.style.locks else moving
    if locked or arriving:
        raise on.error(f"{what}: a migration holds the guest's state change lock")


def _suspend(on: On) -> None:
    guest = on.guest
    if guest.live is None:
        raise on.error("suspend: the guest is not running")
    if guest.state is RunState.RUNNING:
        _unlocked(on, "suspend", but_suspend=True)
        on.machine.halt(on.host, guest, RunState.PAUSED)


def _resume(on: On) -> None:
    guest = on.guest
    if guest.live is None:
        raise on.error("resume: the guest is not running")
    if guest.state is RunState.RUNNING:
        return
    _unlocked(on, "resume")
    if guest.state in (RunState.POSTCOPY, RunState.POSTCOPY_FAILED):
        raise on.error("resume: the guest is in post-copy")
    on.machine.run(on.host, guest)


def _destroy(on: On) -> None:
    guest = on.guest
    if guest.live is None:
        raise on.error("destroy: the guest is not running")
    job = on.outgoing()
    if job is not None and job.phase is JobPhase.MOVING and not on.style.locks:
        raise on.error("destroy: cannot acquire state change lock")
    jobs.kill(on.machine, on.host, guest, "destroy")


def _undefine(on: On) -> None:
    guest = on.guest
    if guest.persistent_xml is None:
        return
    _unlocked(on, "undefine")
    on.machine.undefine(on.host, guest)
    if on.style.undefine_ends:
        on.machine.end(on.host, guest, "undefine")


def _abort(on: On) -> None:
    job = on.outgoing()
    if job is None or job.phase is not JobPhase.MOVING:
        raise on.error("no job is active on the guest")
    job.abort = True
    settle(on.machine.state, on.machine.now)


DEEDS: dict[str, Callable[[On], None]] = {
    "suspend": _suspend,
    "resume": _resume,
    "destroy": _destroy,
    "undefine": _undefine,
    "abort": _abort,
}


def define(
    machine: Machine, host: HostState, domain: Domain, xml: str, side: Side
) -> None:
    """Make or replace a definition.

    Raises:
        HostError: The name is another guest's, or a migration locks the guest.
    """
    on = On(machine, host, domain.uuid, side)
    holder = by_name(host, domain.name)
    if holder is not None and holder.uuid != domain.uuid:
        raise on.error(f"the name {domain.name} is taken by {holder.uuid}")
    _unlocked(on, "define")
    guest = machine.adopt(host, domain.uuid, domain.name)
    machine.define(host, guest, xml, domain.name)


# In flight.


def turn(on: On, knob: str, value: int) -> None:
    """Turn a knob of a running transfer.

    Raises:
        HostError: No transfer runs, or this host has no such knob.
    """
    job = on.outgoing()
    if job is None or job.phase is not JobPhase.MOVING or job.transfer is None:
        raise on.error("no job is active on the guest")
    if knob not in on.style.knobs:
        raise on.error(f"there is no knob {knob} here")
    KNOBS[Knob(knob)](on, job, job.transfer, value)


def _downtime(on: On, job: Job, transfer: Transfer, value: int) -> None:
    transfer.downtime_ms = value


def _bandwidth(on: On, job: Job, transfer: Transfer, value: int) -> None:
    transfer.cap_mib_s = value


def _suspended(on: On, job: Job, transfer: Transfer, value: int) -> None:
    _suspend(on)


def _cache(on: On, job: Job, transfer: Transfer, value: int) -> None:
    """Taken, but these physics know no page cache."""


def _postcopy(on: On, job: Job, transfer: Transfer, value: int) -> None:
    if not job.postcopy or job.daemon:
        raise on.error("post-copy was not permitted when the job began")
    if on.guest.state is not RunState.RUNNING:
        raise on.error("post-copy needs a running guest")
    transfer.postcopy = True
    transfer.stopped_at = transfer.done_at = on.machine.now
    transfer.remaining_mib += transfer.dirtied_mib
    on.machine.halt(on.host, on.guest, RunState.POSTCOPY)
    jobs.complete(on.machine, job)
    arriving = jobs.incoming(on.machine, job.peer, job.uuid)
    if arriving is not None:
        arriving.transfer = replace(transfer)


KNOBS: dict[Knob, Callable[[On, Job, Transfer, int], None]] = {
    Knob.DOWNTIME_MS: _downtime,
    Knob.BANDWIDTH_MIB_S: _bandwidth,
    Knob.POSTCOPY: _postcopy,
    Knob.SUSPEND: _suspended,
    Knob.XBZRLE_CACHE_BYTES: _cache,
}


def sample(machine: Machine, host: HostState, uuid: str) -> Sample | None:
    """Read a transfer, as this style counts; the last reading stays till confirm."""
    job = jobs.outgoing(machine, host.name, uuid)
    if job is None or job.transfer is None:
        return None
    if job.phase not in (JobPhase.MOVING, JobPhase.COMPLETE):
        return None
    transfer, live = job.transfer, host.guests[uuid].live
    left = transfer.remaining_mib + transfer.dirtied_mib
    elapsed_ms = round((transfer.at - transfer.started) * 1000)
    if style_named(host.style).progress is Progress.PERCENT:
        percent = 100.0 * (1 - min(left, transfer.total_mib) / transfer.total_mib)
        return Sample(elapsed_ms=elapsed_ms, percent=float(int(percent)))
    sending = rate(transfer, link_share(machine.state))
    running = live is not None and live.running_since is not None
    return Sample(
        elapsed_ms=elapsed_ms,
        total_bytes=round(transfer.total_mib * MIB),
        processed_bytes=round(transfer.sent_mib * MIB),
        remaining_bytes=round(left * MIB),
        dirty_bytes_s=round(live.dirty_mib_s * MIB) if live and running else 0,
        bandwidth_bytes_s=round(sending * MIB),
        iteration=transfer.iteration,
        downtime_ms=_downtime_ms(transfer, left, sending),
        throttle_percent=transfer.throttle_percent,
        postcopy=transfer.postcopy,
    )


def _downtime_ms(transfer: Transfer, left: float, sending: float) -> int | None:
    if transfer.stopped_at is not None and transfer.done_at is not None:
        return round((transfer.done_at - transfer.stopped_at) * 1000)
    return round(left / sending * 1000) if sending else None
