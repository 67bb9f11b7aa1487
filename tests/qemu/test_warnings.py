"""What is worth a warning or a note, and how findings are told; no daemon."""

from __future__ import annotations

import itertools
import os

import pytest

from tests.meta.test_findings import in_page
from tests.qemu.blocker import SOURCE
from tests.qemu.blockers import BLOCKERS, PLACES
from tests.qemu.hosts import Told, World, begin_says
from tests.requirements import requirement
from virtmigrate.host import RunState
from virtmigrate.plan import Level
from virtmigrate_qemu import preflight


def found(world, *levels):
    """Ids of what is found, of these levels or of all."""
    return [f.id for f in world.report() if not levels or f.level in levels]


def blockers(world):
    return set(found(world, Level.BLOCKER))


WARNINGS = {
    "emulated-dirty-pages": World(virt="qemu"),
    "cpu-passthrough": World(
        top="<cpu mode='host-passthrough' check='none'/>",
        host=Told(capabilities=(("<model>kvm64</model>", "<model>EPYC</model>"),)),
    ),
    "memory-short": World(host=Told(memory_kib=1024)),
    "hugepages-short": World(
        top="<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages>"
        "</memoryBacking>",
        host=Told(pages=31),
    ),
    "loader-not-listed": World(boot="<loader type='pflash'>/opt/OVMF.fd</loader>"),
    "graphics-port-fixed": World(
        devices="<graphics type='vnc' port='5901' autoport='no'/>"
    ),
    "graphics-address": World(
        devices="<graphics type='vnc'><listen type='address' address='10.0.0.1'/>"
        "</graphics>"
    ),
    "port-fixed": World(
        devices="<serial type='tcp'><source mode='bind' host='0' service='9'/></serial>"
    ),
    "vsock-cid-fixed": World(devices="<vsock><cid auto='no' address='3'/></vsock>"),
    "serial-file": World(
        devices="<serial type='file'><source path='/x'/></serial>",
    ),
    "host-character-device": World(
        devices="<parallel type='dev'><source path='/dev/parport0'/></parallel>"
    ),
    "vhost-user-socket": World(
        devices="<interface type='vhostuser'><source path='/x'/></interface>"
    ),
    "host-drive": World(
        devices="<disk type='block' device='cdrom'><source dev='/dev/sr0'/></disk>"
    ),
    "lun-passthrough": World(
        devices="<disk type='block' device='lun'><source dev='/dev/sdb'/></disk>"
    ),
    "nvdimm-path": World(
        devices="<memory model='nvdimm'><source><path>/x</path></source></memory>"
    ),
    "filesystem-path": World(
        devices="<filesystem><source dir='/srv'/></filesystem>",
    ),
    "hostdev-usb": World(devices="<hostdev mode='subsystem' type='usb'/>"),
    "tpm-passthrough": World(
        devices="<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"
    ),
    "clock-localtime": World(top="<clock offset='localtime'/>"),
    "checkpoints-left": World(here=Told("a", SOURCE.uuid, checkpoints=1)),
    "managed-save-left": World(
        state=RunState.SHUTOFF, here=Told("a", SOURCE.uuid, saved=True)
    ),
    "nvram-left": World(state=RunState.SHUTOFF, boot="<nvram>/x</nvram>"),
    "tpm-left": World(
        state=RunState.SHUTOFF,
        devices="<tpm model='tpm-tis'><backend type='emulator'/></tpm>",
        host=Told(
            kinds=(("<value>passthrough</value>", "<value>emulator</value>"),),
        ),
    ),
    "older-libvirt": World(here=Told("a", SOURCE.uuid, libvirt="10.0.0")),
    "older-qemu": World(here=Told("a", SOURCE.uuid, qemu="8.0.0")),
    "persistent-unchanged": World(options={"dest_xml": World().xml()}),
    "destination-is-localhost": World(host=Told("localhost.localdomain")),
    "migrate-uri-is-local": World(options={"migrate_uri": "tcp://127.0.0.1:49152"}),
    "tls-name-is-address": World(
        options={"tls": True, "migrate_uri": "tcp://10.0.0.2:49152"}
    ),
    "tls-name-not-kept": World(options={"tls": True, "parallel": True}),
    "incremental-copy-copies-nothing": World(
        here=Told("a", SOURCE.uuid, libvirt="7.3.0"),
        devices="<disk/>",
        options={"copy_storage_inc": True},
    ),
    "copy-fails-to-begin": World(
        here=Told("a", SOURCE.uuid, libvirt="8.7.0"),
        devices="<disk/>",
        options={"copy_storage": True},
    ),
    "document-cpu-regression": World(
        here=Told("a", SOURCE.uuid, libvirt="10.3.0"),
        top="<cpu/>",
        options={"dest_xml": World().xml()},
    ),
    "postcopy-false-failure": World(
        here=Told("a", SOURCE.uuid, libvirt="11.0.0"), options={"postcopy": True}
    ),
    "postcopy-crash": World(
        here=Told("a", SOURCE.uuid, libvirt="11.3.0"), options={"postcopy": True}
    ),
}
NOTES = {
    "agent-silent": World(
        devices="<channel type='unix'><target type='virtio' state='disconnected' "
        "name='org.qemu.guest_agent.0'/></channel>"
    ),
    "migrate-port-unusual": World(options={"migrate_uri": "tcp://b:4444"}),
    "shared-paths-misjudged": World(
        here=Told("a", SOURCE.uuid, libvirt="11.2.0"),
        devices="<disk type='file'><source file='/x'/></disk>",
    ),
    "nvram-path": World(boot="<nvram>/var/lib/libvirt/qemu/nvram/g_VARS.fd</nvram>"),
    "nvram-template": World(boot="<nvram template='/usr/share/OVMF_VARS.fd'/>"),
    "not-checked": World(boot="<kernel>/boot/vmlinuz</kernel>"),
    "postcopy-stalls": World(wished={"postcopy": True}),
}


@requirement("preflight.warnings")
@pytest.mark.parametrize(("name", "world"), WARNINGS.items(), ids=WARNINGS)
def test_what_is_worth_a_warning_and_blocks_nothing(name, world):
    assert name in found(world, Level.WARNING)
    assert name not in found(World())
    assert blockers(world) == set()


@pytest.mark.parametrize(("name", "world"), NOTES.items(), ids=NOTES)
def test_what_is_worth_a_note(name, world):
    assert name in found(world, Level.NOTE)
    assert blockers(world) == set()


@requirement("ends.short-queue")
@pytest.mark.parametrize(
    ("source", "options", "user", "why"),
    [
        ("qemu:///system", {}, 0, ""),
        ("qemu:///session", {}, 1000, ""),
        ("qemu:///system", {}, 1000, "as root"),
        ("qemu+ssh://a/system", {}, 0, "on the source's machine"),
        ("qemu:///system", {"p2p": True}, 0, "daemon moves it"),
    ],
)
def test_who_consents_to_post_copy_is_told_why_its_pages_will_wait(
    monkeypatch, source, options, user, why
):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    world = World(source=source, options=options, wished={"postcopy": True})
    told = [f for f in world.report() if f.id == "postcopy-stalls"]
    assert [f.level for f in told] == [Level.NOTE] * bool(why)
    assert all(why in f.message and "tcp_wmem" in f.remedy for f in told)
    assert "postcopy-stalls" not in found(world.but(wished={}))


@requirement("preflight.warnings")
@pytest.mark.parametrize("how", ["options", "wished"])
def test_who_consents_to_post_copy_hears_what_who_asks_for_it_hears(how):
    postcopy = {how: {"postcopy": True}}
    (pmem,) = [row.world for row in BLOCKERS if row.id == "postcopy-pmem"]
    pmem = pmem.but(options={})
    assert "postcopy-pmem" not in blockers(pmem)
    assert "postcopy-pmem" in blockers(pmem.but(**postcopy))
    for libvirt, name in (("11.0.0", "false-failure"), ("11.3.0", "crash")):
        world = World(here=Told("a", SOURCE.uuid, libvirt=libvirt))
        assert f"postcopy-{name}" not in found(world)
        assert f"postcopy-{name}" in found(world.but(**postcopy), Level.WARNING)


def test_a_file_that_it_boots_with_is_named():
    told = {f.id: f.evidence for f in NOTES["nvram-path"].report()}
    assert told["nvram-path"].endswith("/nvram/g_VARS.fd")


def test_a_bridge_that_libvirt_can_not_see_is_no_missing_one_and_told_of():
    virtual = "<virtualport type='openvswitch'/>"
    devices = f"<interface type='bridge'><source bridge='ovs0'/>{virtual}</interface>"
    world = World(devices=devices)
    assert blockers(world) == set()
    (told,) = [
        f for f in world.report() if f.id == "not-checked" and "Open" in f.message
    ]
    assert (told.level, "ovs0" in told.evidence) == (Level.NOTE, True)


def test_a_guest_without_an_agent():
    without = World().request()
    text = without.definitions.live
    begin = text.index("<channel")
    text = text[:begin] + text[text.index("</channel>") + len("</channel>") :]
    without.definitions = type(without.definitions)(text, text)
    with begin_says(None):
        assert "agent-absent" in {f.id for f in preflight.findings(without)}


@requirement("preflight.warnings")
@pytest.mark.parametrize(
    ("mode", "short"),
    [("", True), ("mode='strict'", True), ("mode='preferred'", False)],
)
def test_a_guest_that_is_bound_to_nodes_needs_room_on_these(mode, short):
    bound = f"<numatune><memory {mode} nodeset='0'/></numatune>"
    huge = "<memoryBacking><hugepages/></memoryBacking>"
    for top, name in ((bound, "memory-short"), (bound + huge, "hugepages-short")):
        world = World(top=top, host=Told(pages=32, node=(1024, 31)))
        told = [f for f in world.report() if f.id == name]
        assert [f.level for f in told] == [Level.WARNING] * short
        assert all("bound to (0)" in f.message for f in told)
        assert all("<numatune>" in f.remedy for f in told)
        assert name not in found(World(top=top, host=Told(pages=32)))


@requirement("preflight.warnings")
def test_a_stopped_guest_is_warned_of_what_it_could_not_run_with():
    for row in PLACES:
        if row.world.there is RunState.ABSENT:
            stopped = row.world.but(state=RunState.SHUTOFF)
            assert row.id in found(stopped, Level.WARNING)
            assert blockers(stopped) == set()


@requirement("preflight.secrets")
def test_no_finding_shows_a_secret():
    world = World(
        devices="<graphics type='vnc' port='5901' autoport='no' passwd='hunter2'/>"
        "<filesystem><source dir='/srv' passwd='hunter2'/></filesystem>"
    )
    assert "graphics-port-fixed" in found(world)
    assert "hunter2" not in "".join(f.model_dump_json() for f in world.report())


def test_every_finding_has_a_remedy_and_a_sentence():
    worlds = [row.world for row in BLOCKERS] + [*WARNINGS.values(), *NOTES.values()]
    for finding in itertools.chain.from_iterable(w.report() for w in worlds):
        assert finding.remedy, finding
        assert finding.subject, finding
        assert finding.evidence, finding
        assert not finding.message.endswith("."), finding


@requirement("preflight.documented")
def test_levels_and_sides_are_those_of_the_page():
    page = in_page()
    worlds = [row.world for row in BLOCKERS] + [*WARNINGS.values(), *NOTES.values()]
    worlds += [row.world.but(state=RunState.SHUTOFF) for row in BLOCKERS]
    worlds += [row.world.but(here=SOURCE, drivable=False) for row in BLOCKERS]
    for finding in itertools.chain.from_iterable(w.report() for w in worlds):
        levels, sides = page[finding.id]
        assert str(finding.level) in levels, finding
        assert str(finding.side) in sides, finding
