"""What can be done to a guest on a host, each written into the history.

The history is what `invariants` judges; nothing else may change a guest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.host import RunState
from virtmigrate_mock.images import flush
from virtmigrate_mock.state import GuestState, Live, Record

if TYPE_CHECKING:
    from virtmigrate_mock.state import HostState, State


class Machine:
    """The hosts of one state at one moment.

    Attributes:
        state: The world.
        now: When whatever is done here happens, seconds on the world's clock.
    """

    __slots__ = ("now", "state")

    def __init__(self, state: State, now: float) -> None:
        """Act upon `state` at `now`."""
        self.state = state
        self.now = now

    def note(self, what: str, uuid: str, host: str, detail: str = "") -> None:
        """Write a line of history."""
        self.state.history.append(Record(self.now, what, uuid, host, detail))

    def adopt(self, host: HostState, uuid: str, name: str) -> GuestState:
        """The guest's entry on this host, a new one where there is none."""
        guest = host.guests.get(uuid)
        if guest is None:
            guest = host.guests[uuid] = GuestState(uuid, name, RunState.ABSENT)
        return guest

    def create(
        self, host: HostState, guest: GuestState, live: Live, state: RunState
    ) -> None:
        """Make a process, CPUs standing (an incoming one, for example)."""
        guest.live, guest.state = live, state
        self.note("create", guest.uuid, host.name, state)

    def run(
        self, host: HostState, guest: GuestState, *, postcopy: bool = False
    ) -> None:
        """Start its CPUs. Harmless when they run."""
        live = guest.live
        if live is None:
            return
        guest.state = RunState.POSTCOPY if postcopy else RunState.RUNNING
        if live.running_since is not None:
            return
        live.running_since = self.now
        self._counted("run", host, guest, live)

    def halt(self, host: HostState, guest: GuestState, state: RunState) -> None:
        """Stop its CPUs and show `state` from now on."""
        live = guest.live
        if live is not None and live.running_since is not None:
            live.counter_s = live.counter(self.now)
            live.running_since = None
            if live.disks:
                flush(self, host, live)
            self._counted("halt", host, guest, live)
        guest.state = state

    def end(self, host: HostState, guest: GuestState, why: str) -> None:
        """End its process; its definition stays, a transient guest is gone."""
        if guest.live is None:
            return
        self.halt(host, guest, RunState.SHUTOFF)
        guest.live = None
        self.note("end", guest.uuid, host.name, why)
        self.forget(host, guest)

    def define(self, host: HostState, guest: GuestState, xml: str, name: str) -> None:
        """Make or replace its persistent definition."""
        guest.persistent_xml = xml
        if guest.live is None:
            guest.name = name
            guest.state = RunState.SHUTOFF
        self.note("define", guest.uuid, host.name)

    def undefine(self, host: HostState, guest: GuestState, why: str = "") -> None:
        """Remove its persistent definition. Harmless when there is none."""
        if guest.persistent_xml is None:
            return
        guest.persistent_xml = None
        self.note("undefine", guest.uuid, host.name, why)
        self.forget(host, guest)

    def forget(self, host: HostState, guest: GuestState) -> None:
        """Drop the entry of a guest that neither runs nor is defined here."""
        if guest.live is None and guest.persistent_xml is None:
            guest.state = RunState.ABSENT
            host.guests.pop(guest.uuid, None)

    def _counted(
        self, what: str, host: HostState, guest: GuestState, live: Live
    ) -> None:
        record = Record(self.now, what, guest.uuid, host.name)
        record.counter_s, record.boot = live.counter_s, live.boot
        self.state.history.append(record)
