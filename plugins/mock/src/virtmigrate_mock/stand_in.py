"""A guest of no worth, which takes a way before a real one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_mock import domxml
from virtmigrate_mock.state import Live

if TYPE_CHECKING:
    from virtmigrate_mock.host import MockHost
    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import HostState

MEMORY_MIB = 1.0


def start(host: MockHost, name: str, uuid: str) -> bool:
    """Start it, paused; it is lost when it is ended."""
    xml = domxml.write(domxml.Domain(name, uuid, MEMORY_MIB, 0.0))

    def act(machine: Machine, place: HostState) -> bool:
        guest = machine.adopt(place, uuid, name)
        boot = len(machine.state.history) + 1
        machine.note("stand-in", uuid, place.name)
        live = Live(MEMORY_MIB, 0.0, 0.0, xml, boot=boot)
        machine.create(place, guest, live, RunState.PAUSED)
        return True

    return host.connection.call("stand_in", act, uuid)
