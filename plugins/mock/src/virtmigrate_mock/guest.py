"""`Guest` of the contract, for mock worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import AnswerLost, HostUnreachable
from virtmigrate.host import Definitions, RunState, Sighting
from virtmigrate_mock import in_flight, primitives
from virtmigrate_mock.state import JobPhase, job_key

if TYPE_CHECKING:
    from virtmigrate.host import Sample
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState


ABSENT = Sighting(RunState.ABSENT)


class MockGuest:
    """One guest on one host, there or not."""

    __slots__ = ("_name", "host", "uuid")

    def __init__(self, host: MockHost, uuid: str, name: str) -> None:
        """Hold a reference; nothing is asked."""
        self.host = host
        self.uuid = uuid
        self._name = name

    @property
    def name(self) -> str:
        """Its name on this host; its UUID where it never was."""
        if not self._name:
            with self.host.world.store as state:
                known = state.hosts[self.host.name].guests.get(self.uuid)
            self._name = known.name if known else ""
        return self._name or self.uuid

    def look(self) -> Sighting:
        """Look now."""

        def see(machine: Machine, host: HostState) -> Sighting:
            guest = host.guests.get(self.uuid)
            if guest is None:
                return ABSENT
            job = machine.state.outgoing.get(job_key(host.name, self.uuid))
            moving = job is not None and job.phase is JobPhase.MOVING
            state = guest.state
            if moving and self.host.style.shows_while_moving:
                state = RunState.PAUSED_MIGRATION
            return Sighting(state, guest.persistent_xml is not None, job=moving)

        try:
            return self.host.connection.call("look", see, self.uuid)
        except (HostUnreachable, AnswerLost) as error:
            return Sighting(RunState.UNREACHABLE, why=error.message)

    def definitions(self) -> Definitions:
        """Its exact definitions here.

        Raises:
            GuestNotFound: It is not here.
        """

        def get(machine: Machine, host: HostState) -> Definitions:
            guest = primitives.present(host, self.uuid, self.host.side)
            live = guest.live.xml if guest.live else None
            return Definitions(live, guest.persistent_xml)

        return self.host.connection.call("definitions", get, self.uuid)

    def suspend(self) -> None:
        """Pause its CPUs."""
        self._do("suspend")

    def resume(self) -> None:
        """Let its CPUs run."""
        self._do("resume")

    def destroy(self) -> None:
        """End its process here."""
        self._do("destroy")

    def undefine(self) -> None:
        """Remove its definition (a vz-like host removes the running guest, too)."""
        self._do("undefine")

    def abort(self) -> None:
        """Ask for the end of its transfer."""
        self._do("abort")

    def sample(self) -> Sample | None:
        """Read its transfer; None when there is none."""
        return self.host.connection.call(
            "sample",
            lambda machine, host: in_flight.sample(machine, host, self.uuid),
            self.uuid,
        )

    def set_knob(self, knob: str, value: int) -> None:
        """Turn a knob of its transfer.

        Raises:
            HostError: There is no transfer, or no such knob.
        """
        self.host.connection.call(
            "set_knob",
            lambda machine, host: in_flight.turn(
                primitives.On(machine, host, self.uuid, self.host.side), knob, value
            ),
            self.uuid,
        )

    def _do(self, what: str) -> None:
        act = primitives.DEEDS[what]
        side = self.host.side
        self.host.connection.call(
            what,
            lambda machine, host: act(primitives.On(machine, host, self.uuid, side)),
            self.uuid,
        )
