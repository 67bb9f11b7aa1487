"""Domain documents, hostile ones first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.errors import BadInput, Side
from virtmigrate_libvirt.facts import host_facts
from virtmigrate_libvirt.xml import parse

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
HEAD = f"<name>g</name><uuid>{UUID}</uuid>"
GOOD = f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  {HEAD}<vcpu placement='static'>4</vcpu>
  <memtune><hard_limit unit='KiB'>1048576</hard_limit></memtune>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><source file='/a.img'/><target dev='vda'/></disk>
    <disk type='block' device='disk'><source dev='/dev/b'/><target dev='vdb'/>
      <shareable/></disk>
    <disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
  </devices>
</domain>"""

BILLION = (
    '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    f"<domain>{HEAD}<title>&c;</title></domain>"
)
EXTERNAL = (
    '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    f"<domain>{HEAD}<title>&x;</title></domain>"
)
HOSTILE = {
    "internal entity": BILLION,
    "external entity": EXTERNAL,
    "external DTD": f'<!DOCTYPE d SYSTEM "http://x/"><domain>{HEAD}</domain>',
    "empty": "",
    "no XML": "hello",
    "truncated": GOOD[:-20],
    "control character": f"<domain>{HEAD}&#1;</domain>",
    "surrogate": f"<domain>{HEAD}\ud800</domain>",
    "too large": f"<domain>{HEAD}<title>{'x' * (1 << 20)}</title></domain>",
    "too deep": f"<domain>{HEAD}{'<a>' * 70}{'</a>' * 70}</domain>",
    "absurdly deep": f"<domain>{HEAD}{'<a>' * 9000}{'</a>' * 9000}</domain>",
    "another root": f"<network>{HEAD}</network>",
    "no uuid": "<domain><name>g</name></domain>",
    "two uuids": f"<domain>{HEAD}<uuid>{UUID}</uuid></domain>",
    "two names": f"<domain>{HEAD}<name>h</name></domain>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_documents_are_refused(text):
    with pytest.raises(BadInput) as caught:
        parse(text, side=Side.SOURCE, subject="--xml")
    assert caught.value.side is Side.SOURCE
    assert caught.value.subject == "--xml"
    assert caught.value.remedy
    assert len(str(caught.value)) < 1000


@given(st.text(max_size=300))
def test_any_text_is_a_document_or_refused(text):
    with pytest.raises(BadInput):
        parse(text)


@given(st.text(alphabet="<>&;!/abdoimn='\"[] -", max_size=200))
def test_anything_inside_a_domain_is_read_or_refused(inside):
    try:
        document = parse(f"<domain>{HEAD}{inside}</domain>")
    except BadInput:
        return
    assert document.name == "g"


def test_what_is_read():
    document = parse(GOOD)
    assert document.name == "g"
    assert document.uuid == UUID
    assert document.kind == "kvm"
    assert document.emulator == "/usr/bin/qemu-system-x86_64"
    assert document.vcpus == 4
    assert document.hard_limit
    assert not document.passes_arguments
    vda, vdb, sda = document.disks()
    assert (vda.target, vda.kind, vda.source) == ("vda", "file", "/a.img")
    assert vdb.shareable
    assert vdb.source == "/dev/b"
    assert sda.read_only
    assert sda.source == ""


def test_arguments_for_the_emulator_are_seen():
    tail = "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>"
    assert parse(GOOD.replace("</domain>", tail)).passes_arguments


def test_a_renamed_copy_leaves_the_original():
    document = parse(GOOD)
    renamed = document.renamed("h & co")
    assert renamed.name == "h & co"
    assert document.name == "g"
    assert parse(renamed.text()).name == "h & co"


def test_what_a_host_says_of_itself():
    text = (
        f"<capabilities><host><uuid>{UUID.upper()}</uuid></host><guest><arch>"
        "<emulator>/opt/qemu</emulator><domain><emulator>/opt/two</emulator></domain>"
        "</arch></guest></capabilities>"
    )
    facts = host_facts(text, side=Side.SOURCE)
    assert facts.uuid == UUID
    assert facts.emulators == {"/opt/qemu", "/opt/two"}
    with pytest.raises(BadInput):
        host_facts("<capa", side=Side.SOURCE)


TOO_MUCH = {
    "virtual CPUs": "<vcpu>1000000000</vcpu>",
    "virtual CPUs, as libvirt may read them": "<vcpu>0x7fffffff</vcpu>",
    "virtual CPUs that run": "<vcpu current='1000000000'>2</vcpu>",
    "I/O threads": "<iothreads>4294967295</iothreads>",
    "a socket": "<cpu><topology sockets='4294967295' cores='1' threads='1'/></cpu>",
    "controllers": "<devices><controller type='scsi' index='4294967295'/></devices>",
    "controllers of an address": "<devices><disk><address type='drive' "
    "controller='4294967295'/></disk></devices>",
    "ports": "<devices><controller type='usb' ports='4294967295'/></devices>",
    "queues": "<devices><interface><driver queues='4294967295'/></interface></devices>",
    "memory slots": "<maxMemory slots='4294967295'>1</maxMemory>",
    "memory": "<memory unit='TiB'>99999999</memory>",
    "devices": f"<devices>{'<input/>' * 1025}</devices>",
    "elements": "<a/>" * 20_001,
    "text": f"<title>{'x' * 70_000}</title>",
    "an attribute": f"<title a='{'x' * 70_000}'/>",
}


@pytest.mark.parametrize("what", TOO_MUCH)
@requirement("documents.bounded")
def test_nothing_is_named_that_makes_a_daemon_run_out_of_memory(what):
    with pytest.raises(BadInput) as caught:
        parse(f"<domain>{HEAD}{TOO_MUCH[what]}</domain>")
    assert caught.value.remedy


DISK = "<disk><address type='drive' controller='3'/></disk>"


def test_what_a_large_host_can_run_is_let_through():
    text = (
        "<vcpu current='8'>1024</vcpu><iothreads>64</iothreads>"
        "<memory unit='TiB'>24</memory><maxMemory slots='64'>9</maxMemory>"
        f"<devices>{DISK * 600}</devices>"
    )
    cpus = 1024
    assert parse(f"<domain>{HEAD}{text}</domain>").vcpus == cpus


def test_every_program_that_a_definition_runs_is_seen():
    inside = (
        "<bootloader>/usr/bin/pygrub</bootloader><devices>"
        "<emulator> /usr/bin/kvm </emulator><interface><script path='/tmp/up'/>"
        "</interface><filesystem><binary path='/tmp/fsd'/></filesystem></devices>"
    )
    programs = {"/usr/bin/pygrub", "/usr/bin/kvm", "/tmp/up", "/tmp/fsd"}
    assert parse(f"<domain>{HEAD}{inside}</domain>").programs == programs


CONTAINER = f"""<domain type='vz'>{HEAD}<devices>
  <filesystem type='file'><driver type='ploop' format='ploop'/>
    <source file='/vz/root.hdd'/><target dir='/'/></filesystem>
  <filesystem type='template'><source template='centos'/><target dir='/t'/></filesystem>
</devices></domain>"""


def test_a_containers_ploops_are_told_apart_from_its_templates():
    ploop, template = parse(CONTAINER).filesystems()
    told = ploop.kind, ploop.format, ploop.source, ploop.target
    assert told == ("file", "ploop", "/vz/root.hdd", "/")
    assert template.kind == "template"
    assert parse(CONTAINER).disks() == []


def test_what_a_host_runs_is_read():
    told = "<capabilities><guest><os_type>exe</os_type></guest></capabilities>"
    assert host_facts(told, side=Side.SOURCE).os_types == {"exe"}


VOLUMES = f"""<domain type='qemu'>{HEAD}<devices>
<disk type='volume' device='disk'><source pool='p' volume='v.img' index='1'/>
<backingStore type='file'><source file='/base'/></backingStore>
<target dev='vda'/></disk>
<disk type='file' device='disk'><source file='/a.img'/><target dev='vdb'/></disk>
</devices></domain>"""


@requirement("disks.volumes")
def test_a_volume_is_named_by_pool_and_name():
    first, second = parse(VOLUMES).disks()
    assert (first.kind, first.pool, first.source) == ("volume", "p", "v.img")
    assert (first.named, second.named) == (("p", "v.img"), "/a.img")
    stray = VOLUMES.replace("file='/a.img'", "file='/a.img' pool='p'")
    assert parse(stray).disks()[1].named == "/a.img"


@requirement("disks.volumes")
def test_an_image_elsewhere_is_named_as_it_was_before():
    """A volume by its pool there, if there is one, and a file by its path."""
    places = {"vda": ("/b/w.img", "q"), "vdb": ("/b/a.img", "q")}
    document = parse(VOLUMES)
    moved = document.with_images(places)
    assert [disk.named for disk in moved.disks()] == [("q", "w.img"), "/b/a.img"]
    assert "backingStore" not in moved.text()
    assert document.text() == parse(VOLUMES).text()


@requirement("disks.volumes")
def test_a_volume_without_a_pool_there_becomes_a_file():
    moved = parse(VOLUMES).with_images({"vda": ("/b/w.img", "")})
    assert moved.disks()[0].kind == "file"
    assert [disk.named for disk in moved.disks()] == ["/b/w.img", "/a.img"]
    assert "pool" not in moved.text()


@requirement("disks.devices")
def test_a_device_elsewhere_stays_a_device():
    device = VOLUMES.replace("type='file' device='disk'><source file='/a.img'", "X", 1)
    device = device.replace("X", "type='block' device='disk'><source dev='/dev/sdb'")
    moved = parse(device).with_images({"vdb": ("/dev/sdc", "")})
    assert [(d.kind, d.source) for d in moved.disks()][1] == ("block", "/dev/sdc")
    assert "/dev/sdb" not in moved.text()
