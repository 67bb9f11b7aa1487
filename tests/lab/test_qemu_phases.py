"""The qemu plugin on real hosts: what both show, lost messages, the pre-flight."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.errors import Refused, Side, leaves
from virtmigrate.host import RunState, Sighting
from virtmigrate.uri import parse_uri
from virtmigrate_lab.proxy import Cut, Drop, FaultProxy
from virtmigrate_libvirt.drive import Drive
from virtmigrate_libvirt.host import LibvirtHost
from virtmigrate_libvirt.rules import Reached

pytestmark = pytest.mark.lab

BEGIN, PREPARE, PERFORM, FINISH, CONFIRM = 302, 303, 305, 306, 307
MOVE = 0x1 | 0x8 | 0x10
COMING = RunState.PAUSED_MIGRATION


@pytest.fixture
def hosts(rig):
    """Both hosts, opened without an engine."""
    pair = (
        LibvirtHost(parse_uri(rig.a), Side.SOURCE, "qemu"),
        LibvirtHost(parse_uri(rig.b), Side.DESTINATION, "qemu"),
    )
    yield pair
    for host in pair:
        host.close()


def test_what_both_hosts_show_between_the_phases(hosts, guest):
    """Between perform and confirm the source's job stays active, with 0 left."""
    here = hosts[0].guest(guest)
    there = hosts[1].guest_by_uuid(here.uuid)

    def seen():
        source, destination = here.look(), there.look()
        return source.state, source.job, destination.state, destination.job

    drive = Drive("m1", (here.uuid, guest), hosts, (MOVE, {}), {})
    assert seen() == (RunState.RUNNING, False, RunState.ABSENT, False)
    cookie = drive.begin(protects=True)
    assert seen() == (RunState.RUNNING, True, RunState.ABSENT, False)
    cookie = drive.prepare(cookie)
    assert seen() == (RunState.RUNNING, True, COMING, True)
    cookie = drive.perform(cookie)
    assert seen() == (COMING, True, COMING, True)
    drive.check_destination()
    assert here.sample().remaining_bytes == 0
    cookie = drive.finish(cookie, paused=False)
    assert seen() == (COMING, True, RunState.RUNNING, False)
    drive.confirm(cookie)
    assert seen() == (RunState.ABSENT, False, RunState.RUNNING, False)
    assert there.look() == Sighting(RunState.RUNNING, persistent=True, why="running")


@pytest.mark.parametrize("far", ["begin", "prepare", "perform"])
def test_a_drive_that_is_cancelled_leaves_the_source_running(hosts, guest, far):
    here = hosts[0].guest(guest)
    drive = Drive("m1", (here.uuid, guest), hosts, (MOVE, {}), {})
    cookie = drive.begin(protects=True)
    if far != "begin":
        cookie = drive.prepare(cookie)
    if far == "perform":
        drive.perform(cookie)
        assert drive.reached is Reached.PERFORMED
    drive.cancel_destination()
    drive.cancel_source()
    assert here.look() == Sighting(RunState.RUNNING, persistent=True, why="running")
    assert hosts[1].guest_by_uuid(here.uuid).look().state is RunState.ABSENT


LOST = [
    # message, on whose wire, which of them, where the guest ends
    (Cut(BEGIN, "reply", nth=2), "a", "a"),  # the first one is the rehearsal
    (Cut(PREPARE, "call"), "b", "a"),
    (Cut(PREPARE, "reply"), "b", "a"),
    (Cut(PERFORM, "call"), "a", "a"),
    (Cut(PERFORM, "reply"), "a", "a"),
    (Cut(FINISH, "call"), "b", "a"),
    (Cut(FINISH, "reply"), "b", "b"),
    (Cut(CONFIRM, "call"), "a", "b"),
    (Cut(CONFIRM, "reply"), "a", "b"),
    (Drop(CONFIRM, "reply"), "a", "b"),
]


@requirement("lost.finish-reply")
@pytest.mark.parametrize(
    ("rule", "wire", "ends"), LOST, ids=[f"{r.procedure}-{r.what}" for r, *_ in LOST]
)
def test_any_message_lost_leaves_one_guest(rig, guest, rule, wire, ends):
    began = rig.lab.now()
    with FaultProxy(rig.lab.hosts[wire], rules=[rule]) as proxy:
        uris = {"a": rig.a, "b": rig.b, wire: proxy.uri}
        result = rig.migrator.migrate(guest, uris["a"], uris["b"])
    assert rule.fired.is_set(), "the fault was never injected"
    assert result.outcome is {"a": Outcome.ROLLED_BACK, "b": Outcome.SUCCEEDED}[ends]
    rig.runs_only_on(ends, guest, began)
    assert rig.state("b" if ends == "a" else "a", guest) == ""
    assert rig.persistent(ends, guest)


def refusals(rig, guest, **asked):
    with pytest.raises(ExceptionGroup) as caught:
        rig.migrator.plan(guest, rig.a, rig.b, Options.checked(asked))
    found = leaves(caught.value)
    assert all(isinstance(error, Refused) and error.remedy for error in found)
    return found


def untouched(rig, guest):
    assert rig.state("a", guest) == "running"
    assert rig.state("b", guest) == ""


def test_a_disk_that_nobody_can_compare_is_told_of_once(rig, guest, tmp_path):
    """The core says which disk it is; the source's own verdict adds nothing to it."""
    image = tmp_path / "disk.img"
    image.write_bytes(b"\0" * (1 << 20))
    virsh = rig.lab.hosts["a"].virsh
    virsh("destroy", guest)
    virsh("attach-disk", guest, str(image), "vda", "--config")
    virsh("start", guest)
    (error,) = refusals(rig, guest)
    assert error.side is Side.BOTH
    assert str(image) in error.message
    assert "--unsafe" in error.remedy
    untouched(rig, guest)
    assert rig.migrator.plan(guest, rig.a, rig.b, Options(unsafe=True))


def test_documents_are_read_before_a_daemon_sees_them(rig, guest):
    xml = rig.lab.hosts["a"].virsh("dumpxml", guest, "--migratable")
    hostile = '<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/hostname">]>\n' + xml
    (error,) = refusals(rig, guest, dest_xml=hostile, persist_xml=xml)
    assert error.side is Side.REQUEST
    assert "DOCTYPE" in error.message
    untouched(rig, guest)


def test_another_abi_is_refused_in_the_plan(rig, guest):
    xml = rig.lab.hosts["a"].virsh("dumpxml", guest, "--migratable")
    bigger = xml.replace("<memory unit='KiB'>65536<", "<memory unit='KiB'>131072<")
    assert bigger != xml
    (error,) = refusals(rig, guest, dest_xml=bigger, persist_xml=xml)
    assert error.side is Side.SOURCE
    untouched(rig, guest)


def test_a_document_of_ones_own_travels(rig, guest):
    began = rig.lab.now()
    xml = rig.lab.hosts["a"].virsh("dumpxml", guest, "--migratable")
    titled = xml.replace("</uuid>", "</uuid><title>moved</title>", 1)
    result = rig.move(guest, dest_xml=titled, persist_xml=titled)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert "<title>moved</title>" in rig.lab.hosts["b"].virsh("dumpxml", guest)
    rig.runs_only_on("b", guest, began)
