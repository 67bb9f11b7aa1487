"""A host that does not answer, as a `Host`: whatever it is asked, it can't be seen.

So recovery goes the one way that there is, by the decision table, whether a host falls
silent in the middle or could not be opened at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from virtmigrate.errors import HostUnreachable
from virtmigrate.host import RunState, Sighting

if TYPE_CHECKING:
    from virtmigrate.errors import Side
    from virtmigrate.host import Definitions, Sample
    from virtmigrate.plan import HostFacts


class SilentHost:
    """A host of a plan, as far as the plan tells of it."""

    def __init__(self, facts: HostFacts, side: Side, why: str) -> None:
        """Remember who it is.

        Args:
            facts: What the plan says of it.
            side: Whose host it is.
            why: Why it does not answer.
        """
        self.uri = facts.uri
        self.name = facts.name
        self.uuid = facts.uuid
        self.hypervisor = facts.hypervisor
        self.side = side
        self.why = why

    def unreachable(self) -> HostUnreachable:
        """What whoever asks anything gets."""
        return HostUnreachable(
            f"{self.name} does not answer: {self.why}",
            side=self.side,
            subject=self.name,
            remedy="bring the host back, or state that it is off: --fence-proof",
        )

    def guest(self, ref: str) -> NoReturn:
        """Nobody can be looked up there."""
        raise self.unreachable()

    def guest_by_uuid(self, uuid: str) -> SilentGuest:
        """The guest, there or not: nobody knows."""
        return SilentGuest(self, uuid)

    def name_taken_by(self, name: str) -> NoReturn:
        """Nobody knows."""
        raise self.unreachable()

    def define(self, xml: str) -> NoReturn:
        """Nothing can be defined there."""
        raise self.unreachable()

    def close(self) -> None:
        """It was never open."""


class SilentGuest:
    """A guest on such a host."""

    def __init__(self, host: SilentHost, uuid: str) -> None:
        """Name it."""
        self._host = host
        self.uuid = uuid
        self.name = uuid

    def look(self) -> Sighting:
        """It can't be seen."""
        return Sighting(RunState.UNREACHABLE, why=self._host.why)

    def sample(self) -> Sample | None:
        """No transfer is seen."""
        return None

    def _unreachable(self, *_: object) -> NoReturn:
        raise self._host.unreachable()

    def definitions(self) -> Definitions:
        """They can't be read."""
        self._unreachable()

    suspend = resume = destroy = undefine = abort = reset_knobs = _unreachable

    def set_knob(self, knob: str, value: int) -> None:
        """No knob is in reach."""
        self._unreachable(knob, value)
