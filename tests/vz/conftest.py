"""Two vz hosts, a guest on the first, and a migrator."""

from __future__ import annotations

import pytest

from tests.vz_host.conftest import furnish, hosts, pair, virsh
from virtmigrate import MemoryJournal, Migrator, Options
from virtmigrate.errors import leaves
from virtmigrate_lab.vz_host.machine import read_history

__all__ = ["furnish", "hosts", "pair", "virsh"]


class Mover:
    """Moves guests from vz-a to vz-b.

    Attributes:
        events: What was told.
    """

    def __init__(self, hosts):
        self.hosts = hosts
        self.events = []
        self.journal = MemoryJournal()
        self.migrator = Migrator(journal=self.journal, sinks=[self.events.append])
        self.uris = hosts["a"].uri, hosts["b"].uri

    def __call__(self, guest="g", **asked):
        return self.migrator.migrate(guest, *self.uris, Options(**asked))

    def plan(self, guest="g", **asked):
        return self.migrator.plan(guest, *self.uris, Options(**asked))

    def start(self, guest="g", **asked):
        return self.migrator.start(guest, *self.uris, Options(**asked))

    def refusals(self, guest="g", **asked):
        with pytest.raises(ExceptionGroup) as caught:
            self.plan(guest, **asked)
        return [str(error) for error in leaves(caught.value)]

    def where(self):
        """Host to run state of the guest, as the hosts' files have it."""
        return {
            host.name: guest.state
            for host in self.hosts
            for guest in host.machine.guests.values()
        }


@pytest.fixture
def move(hosts):
    """A way to move; nothing that it does may undefine a guest that runs."""
    yield Mover(hosts)
    lines = read_history(hosts.world)
    assert [x for x in lines if (x["what"], x["why"]) == ("stop", "undefined")] == []
