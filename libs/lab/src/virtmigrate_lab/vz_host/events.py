"""Lifecycle events, and who listens. The driver has no others: they never fire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from virtmigrate_lab.vz_host.facts import Lifecycle
from virtmigrate_lab.vz_host.procedures import EVENT_LIFECYCLE, EVENT_SIGNATURE
from virtmigrate_lab.vz_host.wire import Domain, pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate_lab.vz_host.machine import Guest

LIFECYCLE = 0
ADDED, BOOTED, SUSPENDED_PAUSED = 0, 0, 0
TOLD: dict[str, tuple[tuple[Lifecycle, int], ...]] = {
    "defined": ((Lifecycle.DEFINED, ADDED),),
    "undefined": ((Lifecycle.UNDEFINED, 0),),
    "start": ((Lifecycle.STARTED, BOOTED),),
    # a resume is told as a start
    "resume": ((Lifecycle.STARTED, BOOTED),),
    "suspend": ((Lifecycle.SUSPENDED, SUSPENDED_PAUSED),),
    "destroy": ((Lifecycle.STOPPED, 1),),
    "shutdown": ((Lifecycle.STOPPED, 0),),
    # states that libvirt does not know: an event of zeros
    "migrating": ((Lifecycle.DEFINED, ADDED),),
    "kept": ((Lifecycle.STARTED, BOOTED),),
    "gone": ((Lifecycle.UNDEFINED, 0),),
    "arrived": ((Lifecycle.DEFINED, ADDED),),
    "landed": ((Lifecycle.STARTED, BOOTED),),
}
"""What becomes of a guest, and what clients are told."""


@dataclass
class Events:
    """The listeners of one host.

    Attributes:
        listeners: Callback id to (the guest's UUID or None, how to send).
    """

    listeners: dict[int, tuple[str | None, Callable[[int, bytes], None]]] = field(
        default_factory=dict
    )
    _next: int = 1

    def register(
        self, event: int, uuid: str | None, send: Callable[[int, bytes], None]
    ) -> int:
        """Listen; any event can be registered, one of them ever fires."""
        number, self._next = self._next, self._next + 1
        if event == LIFECYCLE:
            self.listeners[number] = (uuid, send)
        return number

    def tell(self, guest: Guest, what: str) -> None:
        """Tell whoever listens to this guest."""
        domain = Domain(guest.name, guest.uuid, guest.id)
        for number, (uuid, send) in list(self.listeners.items()):
            if uuid in (None, guest.uuid):
                for event, detail in TOLD[what]:
                    fields = (number, domain, int(event), detail)
                    send(EVENT_LIFECYCLE, pack(EVENT_SIGNATURE, fields))
