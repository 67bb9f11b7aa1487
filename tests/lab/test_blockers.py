"""Blockers that real hosts have: told before anything begins, and real ones.

What we refuse, stock `virsh migrate` fails at too; what is only warned of, moves.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import libvirt
import pytest

from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.errors import Refused, Side, leaves
from virtmigrate.plan import Level
from virtmigrate_lab import commands
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import CommandFailed
from virtmigrate_qemu import preflight

pytestmark = pytest.mark.lab

AUTODESTROY = 2
"""`VIR_DOMAIN_START_AUTODESTROY`."""
IMAGE = "/run/virtmigrate-lab/transient.img"
MASTER = "<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"
TRANSIENT = (
    f"<disk type='file'><source file='{IMAGE}'/><target dev='vda' bus='virtio'/>"
    "<transient/></disk>"
)
BRIDGE = "<interface type='bridge'><source bridge='br7'/><model type='e1000'/>"
ENDED = "</interface>"


@dataclass
class Stage:
    """A guest with such devices on host a, and what is found of it."""

    rig: object
    folder: Path
    found: list = field(default_factory=list)
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self):
        lab = self.rig.lab
        self.a, self.b = lab.hosts["a"], lab.hosts["b"]

    def xml(self, devices="", top=""):
        text = GuestOptions(
            name="g", uuid=self.uuid, memory_mib=16, working_set_mib=1
        ).to_xml("a")
        text = text.replace("</devices>", f"{devices}</devices>")
        return text.replace("<devices>", f"{top}<devices>", 1)

    def start(self, devices="", top=""):
        self.a.virsh("create", self.file("guest.xml", self.xml(devices, top)))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def edited(self, *changes):
        """Its migratable document with changes, for the destination."""
        text = self.a.virsh("dumpxml", "g", "--migratable")
        for old, new in changes:
            assert old in text, text
            text = text.replace(old, new, 1)
        return text

    def blockers(self, **options):
        """Ids and sides of what is in the way; nothing begins, nothing changes."""
        before = self.everything()
        with pytest.raises(ExceptionGroup) as caught:
            self.rig.move("g", **options)
        refusals = leaves(caught.value)
        assert all(isinstance(e, Refused) and e.remedy and e.side for e in refusals)
        assert self.rig.watch.kinds() == []
        assert self.everything() == before
        found = [f for f in self.found if f.level is Level.BLOCKER]
        assert {f.message for f in found} <= {e.message for e in refusals}
        return {(f.id, f.side) for f in found}

    def everything(self):
        """All that the hosts would tell of."""
        return [
            host.virsh(*words)
            for host in (self.a, self.b)
            for words in (
                ("list", "--all", "--uuid"),
                ("net-list", "--all"),
                ("pool-list", "--all"),
                ("nwfilter-list",),
            )
        ] + [self.a.virsh("dumpxml", "g"), self.a.virsh("domstate", "g", "--reason")]

    def stock_fails(self, *words):
        """What stock virsh says of the same move."""
        with pytest.raises(CommandFailed) as caught:
            self.a.virsh("migrate", "--live", *words, "g", self.b.uri)
        return caught.value.stderr


@pytest.fixture
def stage(rig, tmp_path, monkeypatch):
    """A stage that keeps what the pre-flight finds."""
    stage = Stage(rig, tmp_path)
    findings = preflight.findings

    def kept(request):
        stage.found = list(findings(request))
        return stage.found

    monkeypatch.setattr(preflight, "findings", kept)
    return stage


@pytest.fixture
def bridge(stage):
    """A bridge that only host a has."""
    words = ("ip", "link", "add", "br7", "type", "bridge")
    run(stage.a, *words)
    run(stage.a, "ip", "link", "set", "br7", "up")
    yield "br7"
    run(stage.a, "ip", "link", "del", "br7")


def run(host, *words):
    return commands.run(host.command(*words))


HERE, THERE = Side.SOURCE, Side.DESTINATION


@requirement("preflight.blockers")
def test_a_peer_of_shared_memory(stage):
    stage.start(MASTER)
    assert stage.blockers() == {("shmem-role", HERE)}
    assert "ivshmem" in stage.stock_fails()


@requirement("preflight.all-at-once")
@requirement("preflight.untouched")
def test_everything_that_stands_in_the_way_in_one_report(stage, bridge):
    run(stage.a, "truncate", "-s", "1M", IMAGE)
    stage.start(
        MASTER
        + TRANSIENT
        + BRIDGE
        + ENDED
        + f"<interface type='direct'><source dev='{bridge}'/></interface>"
    )
    taken = stage.xml().replace(stage.uuid, str(uuid.uuid4()))
    stage.b.virsh("define", stage.file("taken.xml", taken))
    with pytest.raises(ExceptionGroup) as caught:
        stage.rig.move("g")
    told = " ".join(e.message for e in leaves(caught.value))
    assert "another guest is called g" in told
    assert stage.blockers() >= {
        ("shmem-role", HERE),
        ("transient-disk", HERE),
        ("bridge-missing", THERE),
        ("interface-missing", THERE),
    }


@requirement("preflight.blockers")
def test_a_bridge_that_only_the_source_has(stage, bridge):
    stage.start(BRIDGE + ENDED)
    assert stage.blockers() == {("bridge-missing", THERE)}
    assert bridge in stage.stock_fails()
    run(stage.b, "ip", "link", "add", bridge, "type", "bridge")
    try:
        result = stage.rig.move("g")
    finally:
        run(stage.b, "ip", "link", "del", bridge)
    assert result.outcome is Outcome.SUCCEEDED, result


@requirement("preflight.blockers")
def test_a_network_that_is_missing_and_one_that_is_not_active(stage, bridge):
    network = "<network><name>red</name><forward mode='bridge'/><bridge name='br7'/>"
    text = stage.file("red.xml", f"{network}</network>")
    stage.a.virsh("net-define", text)
    stage.a.virsh("net-start", "red")
    try:
        stage.start("<interface type='network'><source network='red'/></interface>")
        assert stage.blockers() == {("network-missing", THERE)}
        assert "red" in stage.stock_fails()
        stage.b.virsh("net-define", text)
        assert stage.blockers() == {("network-inactive", THERE)}
        assert "red" in stage.stock_fails()
    finally:
        stage.a.virsh("destroy", "g")
        stage.a.virsh("net-destroy", "red")
        stage.a.virsh("net-undefine", "red")
        stage.b.virsh("net-undefine", "red")


ELSEWHERE = {
    "pinned-cpus-missing": ("<os>", "<cputune><emulatorpin cpuset='500'/></cputune>"),
    "numa-node-missing": ("<os>", "<numatune><memory nodeset='7'/></numatune>"),
    "security-model-missing": (
        "</domain>",
        "<seclabel type='dynamic' model='selinux' relabel='yes'/>",
    ),
    "nwfilter-missing": (ENDED, "<filterref filter='nobody'/>"),
}


@requirement("preflight.all-at-once")
def test_what_the_destination_lacks_of_another_document(stage, bridge):
    stage.start(BRIDGE + ENDED)
    changes = [(where, new + where) for where, new in ELSEWHERE.values()]
    document = stage.edited(*changes, ("bridge='br7'", "bridge='br8'"))
    expected = {(name, THERE) for name in (*ELSEWHERE, "bridge-missing")}
    assert stage.blockers(dest_xml=document) == expected
    run(stage.b, "ip", "link", "add", bridge, "type", "bridge")
    try:
        # each by itself is one for libvirt too
        for where, new in ELSEWHERE.values():
            one = stage.file("one.xml", stage.edited((where, new + where)))
            assert stage.stock_fails("--xml", one)
    finally:
        run(stage.b, "ip", "link", "del", bridge)


HUGE = "<memoryBacking><hugepages><page size='16384'/></hugepages></memoryBacking>"
MACHINES = {
    "machine-missing": ("pc-i440fx-7.2", "pc-i440fx-9.9"),
    "arch-missing": ("arch='x86_64'", "arch='s390x'"),
    "cpu-unknown": ("check='none'", "check='full'", "qemu64", "Nonesuch"),
    "cpu-incompatible": ("check='none'", "check='full'", "qemu64", "Skylake-Server"),
    "hugepages-unsupported": ("<os>", f"{HUGE}<os>"),
}


@requirement("preflight.blockers")
@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_that_the_destination_does_not_have(stage, name):
    stage.start()
    words = MACHINES[name]
    document = stage.edited(*zip(words[::2], words[1::2], strict=True))
    assert (name, THERE) in stage.blockers(dest_xml=document)


@requirement("preflight.blockers")
def test_a_uuid_that_has_another_name_there(stage):
    stage.start()
    stage.b.virsh("define", stage.file("old.xml", stage.xml().replace(">g<", ">old<")))
    assert stage.blockers() == {("uuid-taken", THERE)}
    assert "old" in stage.stock_fails()
    result = stage.rig.move("g", dest_name="old")
    assert result.outcome is Outcome.SUCCEEDED, result


@requirement("preflight.blockers")
def test_snapshots(stage):
    stage.start()
    snapshot = (
        "<domainsnapshot><name>one</name><state>shutoff</state><creationTime>1"
        "</creationTime><memory snapshot='no'/>"
        f"{stage.a.virsh('dumpxml', 'g', '--inactive')}</domainsnapshot>"
    )
    described = stage.file("snapshot.xml", snapshot)
    stage.a.virsh("snapshot-create", "g", described, "--redefine")
    assert stage.blockers() == {("snapshots", HERE)}
    assert "1 snapshots" in stage.stock_fails()
    stage.a.virsh("snapshot-delete", "g", "one", "--metadata")
    assert stage.rig.move("g").outcome is Outcome.SUCCEEDED


@requirement("preflight.blockers")
def test_a_guest_that_ends_with_its_client(stage):
    client = libvirt.open(stage.a.uri)
    try:
        client.createXML(stage.xml(), AUTODESTROY)
        assert stage.blockers() == {("autodestroy", HERE)}
        assert "auto destroy" in stage.stock_fails()
    finally:
        client.close()


@requirement("preflight.no-false-blocker")
def test_what_is_only_warned_of_moves(stage):
    stage.start(
        "<filesystem type='mount'><source dir='/srv'/><target dir='t'/></filesystem>"
        "<graphics type='vnc' port='5955' autoport='no' passwd='hunter2'/>"
        "<serial type='file'><source path='/run/virtmigrate-lab/s.log'/></serial>"
        "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='4555'/>"
        "</serial><interface type='user'><model type='e1000'/></interface>",
        "<clock offset='localtime'/>",
    )
    plan = stage.rig.migrator.plan("g", stage.rig.a, stage.rig.b, Options())
    assert "hunter2" not in plan.model_dump_json()
    told = {f.id for f in plan.findings if f.level is Level.WARNING}
    assert told >= {
        "filesystem-path",
        "graphics-port-fixed",
        "serial-file",
        "port-fixed",
        "clock-localtime",
    }
    assert not [f for f in stage.found if f.level is Level.BLOCKER]
    result = stage.rig.move("g")
    assert result.outcome is Outcome.SUCCEEDED, result
    assert stage.rig.state("b", "g") == "running"
