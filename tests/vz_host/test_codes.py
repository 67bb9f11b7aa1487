"""Errors by number and domain, as the wire has them: virsh shows their texts alone."""

from __future__ import annotations

import asyncio

import pytest

from tests.vz_host.conftest import virsh
from virtmigrate_lab.vz_host import cookie
from virtmigrate_lab.vz_host.dispatcher import Dispatcher
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.facts import PEER2PEER
from virtmigrate_lab.vz_host.host import guest_xml
from virtmigrate_lab.vz_host.machine import Guest, Machine
from virtmigrate_lab.vz_host.peer import RemotePeer
from virtmigrate_lab.vz_host.wire import Domain, Param

UUID = "0f9d3a52-4a14-5a07-8d0b-1f0a6c3e2d11"
G = Domain("g", UUID)
NOBODY = Domain("nobody", UUID[:-1] + "2")
STRANGER = cookie.bake("5e551011-5ec2-4e75-8a11-0123456789ab")
TO_B = Param("migrate_uri", 7, "vzmigr://vz-b")
COMPRESSED = 0x800


def call(host, name, *fields):
    """One call on a connection of its own: what it answers."""

    async def talk():
        peer = await RemotePeer.connect(host.uri)
        try:
            return await peer.call(name, *fields)
        finally:
            peer.close()

    return asyncio.run(talk())


def perform(*params, given=STRANGER, flags=0, dconnuri=None):
    return "perform", G, dconnuri, list(params), given, flags


def begin(*params, domain=G, flags=0):
    return "begin", domain, list(params), flags


REFUSED = (
    (begin(flags=COMPRESSED), 8, "(0x800) in function vzDomainMigrateBegin3Params"),
    (
        perform(flags=COMPRESSED | PEER2PEER, dconnuri="vz:///system"),
        8,
        "(0x800) in function vzDomainMigratePerform3Params",
    ),
    (begin(Param("graphics_uri", 7, "spice://x")), 74, "'graphics_uri' not supported"),
    (begin(Param("bandwidth", 2, 5)), 8, "invalid type 'uint'"),
    (begin(Param("bandwidth", 4, 5)), 84, "Bandwidth rate limiting"),
    (begin(Param("destination_xml", 7, "<x/>")), 84, "Changing destination XML"),
    (begin(domain=NOBODY), 42, "no domain with matching uuid"),
    (perform(), 1, "migrate uri is not set"),
    (perform(TO_B, given=b""), 1, "Invalid migration cookie"),
    (perform(TO_B, given=STRANGER[:-1]), 1, "Invalid migration cookie"),
    (perform(TO_B, given=b"<vz-migration/>\0"), 1, "missing session-uuid element"),
    (perform(TO_B, given=cookie.bake("x")), 1, "malformed session-uuid element"),
    (perform(Param("migrate_uri", 7, "tcp://vz-b")), 74, "unsupported scheme tcp"),
    (perform(Param("migrate_uri", 7, "vzmigr://vz-b/")), 8, "only scheme, host and"),
    (perform(Param("migrate_uri", 7, "vz-b")), 8, "scheme and host are mandatory"),
    (("job_stats", G, 1), 8, "unsupported flags (0x1) in function vzDomainGetJobStats"),
    (("abort_job", G), 55, "no job is active on the domain"),
    (("resume", G), 55, "Can't change domain state."),
)
"""The call, its number, words of its text."""
IDS = [f"{fields[0]}: {text}" for fields, _, text in REFUSED]


@pytest.mark.parametrize(("fields", "code", "text"), REFUSED, ids=IDS)
def test_an_error_has_its_number_and_the_drivers_domain(
    hosts, furnish, fields, code, text
):
    furnish(uuid=UUID)
    with pytest.raises(VzError) as caught:
        call(hosts["a"], *fields)
    assert (caught.value.code, caught.value.domain) == (code, 48)
    assert text in caught.value.message
    assert hosts.check("g").running_on == ("vz-a",)


def test_only_the_destinations_session_lets_the_source_in(hosts, furnish):
    furnish(uuid=UUID)
    with pytest.raises(VzError, match="session is not valid on the destination"):
        call(hosts["a"], *perform(TO_B))
    assert hosts.check("g").running_on == ("vz-a",)
    # Prepare reads none, whatever it is given.
    given, address = call(hosts["b"], "prepare", [], b"no cookie", 0)
    assert address == TO_B.value
    assert call(hosts["a"], *perform(TO_B, given=given)) == [b""]
    assert hosts.check("g").running_on == ("vz-b",)


def test_confirm_does_nothing_whatever_it_is_told(hosts, furnish):
    furnish(uuid=UUID)
    for cancelled in (0, 1):
        call(hosts["a"], "confirm", G, [], b"no cookie", 0, cancelled)
    assert virsh(hosts["a"], "domstate", "g").out == "running"
    assert len(hosts.check("g").intervals) == 1, "it was never stopped"


def test_a_cancelled_finish_gives_no_domain_and_sets_no_error(hosts, furnish):
    furnish(uuid=UUID)
    with pytest.raises(VzError) as caught:
        call(hosts["a"], "finish", [Param("destination_name", 7, "g")], b"", 0, 1)
    assert (caught.value.code, caught.value.domain) == (1, 7), "the RPC layer's own"


def test_an_abort_before_anything_waits_has_a_number_of_its_own(tmp_path):
    guest = Guest("g", UUID, guest_xml("g", uuid=UUID))

    async def cancelled():
        dispatcher = Dispatcher(Machine.load("vz-a", tmp_path), lambda *_: None)
        where = ("vz-b", 64000)
        moving = asyncio.ensure_future(dispatcher.migrate(guest, where, "", {}))
        await asyncio.sleep(0)
        dispatcher.jobs[UUID].cancel.set()
        await moving

    with pytest.raises(VzError) as caught:
        asyncio.run(cancelled())
    assert caught.value.code == 78
