"""`LibvirtHost` and `LibvirtGuest` over libvirt's in-process test driver."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate.errors import BadInput, GuestNotFound, HostError, Side
from virtmigrate.host import Guest, Host, RunState, Sighting
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt.host import LibvirtHost, ours

NOBODY = "00000000-1111-2222-3333-444444444444"
MADE = """<domain type='test'><name>made</name>
<uuid>11111111-1111-2222-3333-444444444444</uuid><memory>8192</memory>
<os><type>hvm</type></os></domain>"""


@pytest.fixture
def host():
    opened = LibvirtHost(parse_uri("test:///default"), Side.SOURCE, "test")
    yield opened
    opened.close()


@pytest.fixture
def guest(host):
    """A running guest with a definition of its own."""
    made = host.define(MADE)
    host.control.tell("starting", lambda c: c.lookupByName("made").create())
    yield made
    made.destroy()
    made.undefine()


@requirement("plugins.objects")
def test_they_satisfy_the_contract(host, guest):
    assert isinstance(host, Host)
    assert isinstance(guest, Guest)
    assert ours(host) is host


def test_who_it_is(host):
    assert host.driver == "TEST"
    assert host.uri == "test:///default"
    assert host.name
    assert host.side is Side.SOURCE


def test_guests_are_found_by_name_and_by_uuid(host, guest):
    assert host.guest("made").uuid == guest.uuid
    assert host.guest(guest.uuid.upper()).name == "made"
    assert host.name_taken_by("made") == guest.uuid
    assert host.name_taken_by("nobody") is None
    with pytest.raises(GuestNotFound) as caught:
        host.guest("nobody")
    assert caught.value.side is Side.SOURCE


def test_a_guest_that_is_not_there_is_absent(host):
    nobody = host.guest_by_uuid(NOBODY)
    assert nobody.look() == Sighting(RunState.ABSENT, why="no such guest")
    assert nobody.name == NOBODY
    with pytest.raises(GuestNotFound):
        nobody.definitions()
    nobody.resume()
    nobody.destroy()
    nobody.undefine()
    assert nobody.sample() is None


def test_a_life(guest):
    assert guest.look() == Sighting(RunState.RUNNING, persistent=True, why="running")
    guest.suspend()
    assert guest.look().state is RunState.PAUSED
    assert guest.look().why == "paused (user)"
    guest.resume()
    guest.resume()
    assert guest.look().state is RunState.RUNNING
    guest.destroy()
    guest.destroy()
    assert guest.look().state is RunState.SHUTOFF
    guest.undefine()
    guest.undefine()
    assert guest.look().state is RunState.ABSENT


def test_definitions_live_and_persistent(guest):
    both = guest.definitions()
    assert "<name>made</name>" in both.live
    assert "<name>made</name>" in both.persistent
    guest.destroy()
    assert guest.definitions().live is None


def test_a_definition_is_read_before_it_is_sent(host):
    with pytest.raises(BadInput):
        host.define("<!DOCTYPE x []><domain/>")


def test_an_order_that_fails_is_a_host_error(host):
    with pytest.raises(HostError) as caught:
        host.guest_by_uuid(NOBODY).suspend()
    assert caught.value.side is Side.SOURCE


def test_a_pause_by_somebody_is_shown_as_such(guest, monkeypatch):
    monkeypatch.setattr(
        "virtmigrate_libvirt.states.TABLE", {(3, -1): RunState.PAUSED_MIGRATION}
    )
    guest.suspend()
    assert guest.look().state is RunState.PAUSED_MIGRATION
    guest.held = True
    assert guest.look().state is RunState.PAUSED


def test_a_dead_control_connection_is_replaced(host, guest):
    host.wire("keeps the driver's world alive")
    host.control._link.close()
    assert guest.look().state is RunState.RUNNING


def test_a_host_that_is_gone_is_unreachable_and_no_error(host, guest, monkeypatch):
    host.control.drop()
    gone = parse_uri("qemu+unix:///system?socket=/nonexistent/sock")
    monkeypatch.setattr(host.control, "uri", gone)
    seen = guest.look()
    monkeypatch.undo()
    assert seen.state is RunState.UNREACHABLE
    assert "/nonexistent/sock" in seen.why


def test_a_migration_has_a_connection_of_its_own(host):
    wire = host.wire("m1")
    assert host.wire("m1") is wire
    assert host.wire("m2") is not wire
    assert host.wired("m1")
    host.unwire("m1")
    host.unwire("m1")
    assert not host.wired("m1")


def test_a_dead_wire_is_replaced_only_where_that_is_safe(host):
    wire = host.wire("m1")
    wire.close()
    with pytest.raises(HostError):
        host.wire("m1", reopen=False)
    assert host.wire("m1").alive


def test_a_connection_that_was_left_clean_serves_the_next_migration(host):
    wire = host.wire("m1")
    host.unwire("m1", clean=True)
    assert not host.wired("m1")
    assert host.reusable
    assert host.wire("m2") is wire
    assert host.wire("m3") is not wire


@pytest.mark.parametrize("why", ["not clean", "dead", "in use"])
def test_a_connection_that_may_be_tied_to_something_serves_nobody_else(host, why):
    wire = host.wire("m1")
    if why == "dead":
        wire.close()
    if why == "in use":
        with wire.held("a call whose answer was lost"):
            host.unwire("m1", clean=True)
    host.unwire("m1", clean=why != "not clean")
    assert host.wire("m2") is not wire
    assert not wire.alive


def test_a_spare_connection_that_died_meanwhile_is_replaced(host):
    wire = host.wire("m1")
    host.unwire("m1", clean=True)
    wire.close()
    assert host.wire("m2").alive


def test_closing_twice_is_harmless():
    opened = LibvirtHost(parse_uri("test:///default"), Side.SOURCE, "test")
    opened.wire("m1")
    spare = opened.wire("m2")
    opened.unwire("m2", clean=True)
    opened.close()
    opened.close()
    assert not opened.wired("m1")
    assert not spare.alive
