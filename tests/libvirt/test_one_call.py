"""What the source's daemon is told when it does everything by itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.requirements import requirement
from virtmigrate.errors import Side
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt import one_call, whole
from virtmigrate_libvirt.control import Control
from virtmigrate_libvirt.host import LibvirtHost
from virtmigrate_libvirt.one_call import PeerToPeer


class Link:
    """Carries a call out at once."""

    def call(self, doing, function, *, deadline_s):
        return function(SimpleNamespace(lookupByUUIDString=lambda uuid: uuid))


class Unopened(LibvirtHost):
    """A host of which only its URI matters."""

    def __init__(self, uri, side):
        self.control = Control(parse_uri(uri), side)

    def wire(self, migration):
        return Link()

    def unwire(self, migration):
        pass


@pytest.fixture
def told(monkeypatch):
    """The URIs that daemons are given."""
    uris = []
    monkeypatch.setattr(whole, "to_uri", lambda domain, uri, *_: uris.append(uri))
    monkeypatch.setattr(one_call, "await_answer", lambda call, ctx, **_: call())
    monkeypatch.setattr(one_call, "Over", lambda ctx: None)
    return uris


@requirement("transport.never-asks")
def test_the_source_s_daemon_is_told_never_to_ask_either(told):
    ctx = SimpleNamespace(
        source=Unopened("qemu:///system", Side.SOURCE),
        destination=Unopened("qemu+ssh://b/system", Side.DESTINATION),
        plan=SimpleNamespace(guest=SimpleNamespace(uuid="u")),
        migration="m",
    )
    PeerToPeer(lambda _: (2, {})).perform(ctx, b"")
    assert told == ["qemu+ssh://b/system?no_tty=1"]
