"""A hypervisor that only answers: two hosts, a guest each, no physics, no cost.

What a migration costs with it is what the core costs.
"""

from __future__ import annotations

from virtmigrate import hookimpl
from virtmigrate.capabilities import Capabilities, How, Progress, Support, ValueSupport
from virtmigrate.errors import GuestNotFound
from virtmigrate.host import CONTRACT, Definitions, RunState, Sighting
from virtmigrate.option_rows import SWITCHES, VALUES

NAME, UUID = "bench", "c7a5fdbd-edaf-9455-926a-d65c16db1809"
XML = "<domain/>"
NATIVE = Support(on=How.NATIVE, off=How.NATIVE, default=False)
ABSENT = Sighting(RunState.ABSENT)
RUNNING = Sighting(RunState.RUNNING, persistent=True)
STOPPED = Sighting(RunState.PAUSED_MIGRATION, persistent=True)


class Host:
    """One of the two."""

    hypervisor = "nothing"

    def __init__(self, name):
        self.name, self.uuid = name, f"host-{name}"
        self.uri = f"nothing:///{name}"
        self.seen = ABSENT
        self.capabilities = Capabilities(
            hypervisor="nothing",
            host=name,
            host_uuid=self.uuid,
            switches={r.name: NATIVE for r in SWITCHES if not r.knob},
            values={r.name: ValueSupport(how=How.NATIVE) for r in VALUES},
            progress=Progress.BYTES,
        )

    def connected(self, side):
        self.side = side
        return self

    def guest(self, ref):
        if self.seen is ABSENT:
            raise GuestNotFound(ref, side=self.side, subject=ref)
        return Guest(self)

    def guest_by_uuid(self, uuid):
        return Guest(self)

    def name_taken_by(self, name):
        return None if self.seen is ABSENT else UUID

    def close(self):
        pass


class Guest:
    """The guest on one host."""

    name, uuid = NAME, UUID

    def __init__(self, host):
        self.host = host

    def look(self):
        return self.host.seen

    def definitions(self):
        return Definitions(XML, XML)

    def sample(self):
        return None


class Nothing:
    """The hypervisor, its plugin, and its world."""

    name = "nothing"
    schemes = frozenset({"nothing"})
    contract = CONTRACT

    def __init__(self):
        self.hosts = {name: Host(name) for name in "ab"}
        self.hosts["a"].seen = RUNNING

    def check_uri(self, uri):
        pass

    def connect(self, uri, side, clock):
        return self.hosts[uri.path[1:]].connected(side)

    @hookimpl
    def virtmigrate_hypervisors(self):
        return [self]

    @hookimpl
    def virtmigrate_capabilities(self, host):
        return host.capabilities

    @hookimpl
    def virtmigrate_prepare(self, ctx, cookie):
        ctx.destination.seen = STOPPED
        return b"cookie"

    @hookimpl
    def virtmigrate_perform(self, ctx, cookie):
        ctx.source.seen = STOPPED
        return b"cookie"

    @hookimpl
    def virtmigrate_finish(self, ctx, cookie, fate):
        ctx.destination.seen = RUNNING
        return b"cookie"

    @hookimpl
    def virtmigrate_confirm(self, ctx, cookie, fate):
        ctx.source.seen = ABSENT
        return True
