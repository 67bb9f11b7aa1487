"""What can be done to a guest outside the phases, as libvirt would answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import GuestNotFound, HostError
from virtmigrate.host import RunState
from virtmigrate_mock import jobs
from virtmigrate_mock.settle import settle
from virtmigrate_mock.state import JobPhase
from virtmigrate_mock.styles import style_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.errors import Side
    from virtmigrate_mock.domxml import Domain
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import GuestState, HostState, Job
    from virtmigrate_mock.styles import Style


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
        raise GuestNotFound(f"the guest is not on {host.name}", side=side, subject=uuid)
    return guest


def _unlocked(on: On, what: str, *, but_suspend: bool = False) -> None:
    """A running job keeps others from the guest (libvirt: error 68)."""
    job = on.outgoing()
    arriving = jobs.incoming(on.machine, on.host.name, on.uuid) is not None
    moving = job is not None and job.phase is JobPhase.MOVING
    locked = (job is not None and not but_suspend) if on.style.locks else moving
    if locked or arriving:
        raise on.error(f"{what}: a migration holds the guest's state change lock")


def suspend(on: On) -> None:
    """Pause its CPUs; harmless when they stand."""
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
    guest = on.host.guests.get(on.uuid)
    if guest is None or guest.persistent_xml is None:
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
    "suspend": suspend,
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
