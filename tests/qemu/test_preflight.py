"""Findings from documents and URIs, without a host; and who stopped a guest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.requirements import requirement
from virtmigrate.errors import BadInput, Side
from virtmigrate.host import Definitions, RunState, Sample, Sighting
from virtmigrate.options import Options
from virtmigrate.plan import Level
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt.control import Control
from virtmigrate_libvirt.facts import HostFacts
from virtmigrate_libvirt.host import LibvirtHost
from virtmigrate_libvirt.xml import parse
from virtmigrate_qemu.documents import faults, refuse_dangers
from virtmigrate_qemu.preflight import wanted
from virtmigrate_qemu.standstill import MARGIN_S, WATCHED_S, Standstill

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
GUEST = f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>g</name><uuid>{UUID}</uuid><vcpu>2</vcpu>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"""

BAD = {
    "another guest": GUEST.replace("c7a5", "0000"),
    "must keep the name": GUEST.replace("<name>g<", "<name>h<"),
    "another emulator": GUEST.replace("/usr/bin/qemu", "/tmp/qemu"),
    "arguments": GUEST.replace(
        "</domain>",
        "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>",
    ),
    "more virtual CPUs": GUEST.replace("<vcpu>2<", "<vcpu>64<"),
    "number up to": GUEST.replace("<vcpu>2<", "<vcpu>1000000000<"),
    "DOCTYPE": "<!DOCTYPE d []>" + GUEST,
    "well-formed": GUEST[:-4],
}


@pytest.mark.parametrize(("why", "text"), BAD.items())
def test_a_document_that_no_daemon_may_see(why, text):
    ((message, remedy),) = faults("dest_xml", text, GUEST)
    assert message.startswith("--xml")
    assert why in message
    assert remedy


def test_good_documents():
    assert list(faults("dest_xml", None, GUEST)) == []
    assert list(faults("dest_xml", GUEST, GUEST)) == []
    without = GUEST.replace("<emulator>/usr/bin/qemu-system-x86_64</emulator>", "")
    assert list(faults("persist_xml", without, GUEST)) == []


def stand_in(uri):
    """A host that was never connected."""
    host = LibvirtHost.__new__(LibvirtHost)
    host.control = Control(parse_uri(uri), Side.DESTINATION)
    host._facts = HostFacts("b", frozenset({"/opt/qemu/bin/qemu"}))
    return host


def request(
    uri="qemu+ssh://b/system",
    state=RunState.RUNNING,
    xml=GUEST,
    insecure=(),
    **asked,
):
    """As much of a `PlanContext` as the pure checks read."""
    return SimpleNamespace(
        options=Options(**asked),
        destination=stand_in(uri),
        insecure=frozenset(insecure),
        guest=SimpleNamespace(name="g", uuid=UUID),
        sighting=Sighting(state),
        definitions=Definitions(xml, xml),
    )


def seen(asked):
    return {finding.id: finding for look in wanted.LOOKS for finding in look(asked)}


def test_nothing_stands_in_the_way():
    assert seen(request()) == {}


LOCAL = [
    "qemu:///system",
    "qemu+ssh://localhost/system",
    "qemu+tls://localhost.x/system",
]


@pytest.mark.parametrize("uri", LOCAL)
@pytest.mark.parametrize("asked", [{"p2p": True}, {"tunnelled": True}])
def test_a_peer_that_would_be_the_source_itself(uri, asked):
    (finding,) = seen(request(uri, **asked)).values()
    assert finding.id == "peer-uri-is-local"
    assert finding.level is Level.BLOCKER
    assert finding.side is Side.DESTINATION


def test_a_peer_that_can_be_told_apart():
    assert seen(request("qemu+unix:///system?socket=/run/b/sock", p2p=True)) == {}
    assert seen(request("qemu:///system")) == {}


def test_rdma_needs_a_limit():
    assert set(seen(request(migrate_uri="rdma://b"))) == {"rdma-without-limit"}
    limited = GUEST.replace(
        "<vcpu>", "<memtune><hard_limit>9</hard_limit></memtune><vcpu>"
    )
    assert seen(request(migrate_uri="rdma://b", xml=limited)) == {}


def test_an_io_error_and_abort_on_error():
    stopped = RunState.PAUSED_IOERROR
    assert set(seen(request(state=stopped, abort_on_error=True))) == {
        "paused-on-io-error"
    }
    assert seen(request(state=stopped)) == {}


def test_a_bad_document_is_a_blocker_of_the_request():
    found = seen(request(dest_xml=BAD["DOCTYPE"], persist_xml=BAD["another guest"]))
    assert set(found) == {"bad-dest-xml", "bad-persist-xml"}
    assert all(finding.side is Side.REQUEST for finding in found.values())
    assert found["bad-dest-xml"].subject == "dest_xml"


ARGUMENTS = BAD["arguments"]
DANGEROUS = {
    "emulator": GUEST.replace("/usr/bin/qemu", "/tmp/qemu"),
    "commandline": ARGUMENTS,
}


@pytest.mark.parametrize("check", DANGEROUS)
@requirement("documents.programs")
def test_what_the_source_would_have_the_destination_run(check):
    found = seen(request(xml=DANGEROUS[check]))
    assert set(found) == {f"runs-{check}"}
    assert f"--insecure {check}" in found[f"runs-{check}"].remedy
    assert seen(request(xml=DANGEROUS[check], insecure=[check])) == {}


@pytest.mark.parametrize("path", ["/usr/libexec/qemu-kvm", "/opt/qemu/bin/qemu"])
def test_an_emulator_that_is_known_or_listed(path):
    assert seen(request(xml=GUEST.replace("/usr/bin/qemu-system-x86_64", path))) == {}


@requirement("documents.programs")
def test_what_is_handed_over_later_is_looked_at_again():
    documents = [parse(GUEST), parse(ARGUMENTS)]
    with pytest.raises(BadInput, match="past libvirt") as caught:
        refuse_dangers(documents, (), ())
    assert caught.value.side is Side.SOURCE
    refuse_dangers(documents, (), {"commandline"})


RATE = 10_000_000
STILL = RunState.PAUSED_MIGRATION


def sample(remaining):
    return Sample(remaining_bytes=remaining, bandwidth_bytes_s=RATE)


def watched(begin_s, end_s, remaining, into):
    """A guest that stands still, sampled ten times a second."""
    for tenth in range(round(begin_s * 10), round(end_s * 10) + 1):
        into.see(tenth / 10, STILL, sample(remaining))


@requirement("lost.run-state")
def test_a_standstill_longer_than_the_switchover_was_somebodys():
    still = Standstill()
    still.see(0.0, RunState.RUNNING, sample(9 * RATE))
    watched(1.0, 9.0, 8 * RATE, still)
    assert still.somebody_s(downtime_ms=400)
    assert still.surely_somebody_s


def test_the_switchovers_own_standstill_is_nobodys():
    still = Standstill()
    still.see(8.7, RunState.RUNNING, sample(RATE // 3))
    watched(8.8, 9.1, RATE // 4, still)
    assert not still.somebody_s(downtime_ms=400)
    assert not still.surely_somebody_s


def test_a_guest_that_was_resumed_again_is_not_held():
    still = Standstill()
    watched(1.0, 3.0, 8 * RATE, still)
    still.see(3.1, RunState.RUNNING, sample(7 * RATE))
    assert not still.somebody_s(downtime_ms=0)
    assert not still.surely_somebody_s


@requirement("lost.run-state")
def test_an_answer_that_is_late_once_all_was_sent_is_nobodys_pause():
    still = Standstill()
    watched(0.0, 0.2, RATE // 4, still)
    watched(0.3, 9.0, 0, still)
    assert not still.somebody_s(downtime_ms=100)


@requirement("lost.run-state")
def test_what_a_frozen_controller_did_not_see_is_nobodys_pause():
    still = Standstill()
    watched(0.0, 0.2, RATE // 4, still)
    watched(0.2 + WATCHED_S + 0.1, 1.4, RATE // 8, still)
    assert not still.somebody_s(downtime_ms=100)


@pytest.mark.parametrize(("seconds", "so"), [(MARGIN_S, False), (0.5, True)])
def test_the_margin(seconds, so):
    still = Standstill()
    still.see(0.0, STILL, sample(RATE))
    still.see(seconds, STILL, sample(RATE))
    assert still.somebody_s(downtime_ms=0) is so
    assert not still.somebody_s(downtime_ms=1000)
