"""The matrix of blockers, and what must be no blocker: whole pre-flights, no daemon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.qemu.blockers import BLOCKERS, CORE, DEVICES, PLACES, wrong
from tests.qemu.hosts import UUID, Connection, Told, World, begin_says
from tests.requirements import requirement
from virtmigrate.disks import Disk, Sharing
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Level
from virtmigrate_qemu import preflight
from virtmigrate_qemu.preflight.devices import TABLE
from virtmigrate_qemu.preflight.room import numbers

SOURCE = Told("a", "aaaaaaaa-0000-0000-0000-000000000000")


def found(world, *levels):
    """Ids of what is found, of these levels or of all."""
    return [f.id for f in world.report() if not levels or f.level in levels]


def blockers(world):
    return set(found(world, Level.BLOCKER))


def named(*rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: f"{row.id}-{row.side}")


@requirement("preflight.blockers")
@named(*BLOCKERS)
def test_each_blocker_alone_with_its_side_and_remedy(row):
    assert wrong(row) == []


@requirement("preflight.blockers")
def test_there_are_many():
    assert len({(row.id, row.side) for row in BLOCKERS}) >= 40


def test_a_complaint_is_made_of_what_is_not_found_or_not_alone():
    row = BLOCKERS[0]
    assert wrong(row._replace(world=World()))
    assert wrong(row._replace(remedy="pray"))
    assert wrong(row._replace(world=row.world.but(job=True)))


ONLY_SAID = {row.id for row in TABLE if not row.path}
WRITTEN = [
    row
    for row in (*DEVICES, *PLACES)
    if (row.world.devices or row.world.top)
    and row.id not in ONLY_SAID
    and not row.world.host.networks
]
"""Rows of which the definition tells by itself."""


@requirement("preflight.all-at-once")
@given(st.lists(st.sampled_from(range(len(WRITTEN))), min_size=2, unique=True))
def test_several_at_once_in_one_report(chosen):
    rows = [WRITTEN[number] for number in chosen]
    # A source says the first reason only. Rows on which versions differ may then be
    # warnings: nobody has asked about them.
    together = World(
        devices="".join(row.world.devices for row in rows),
        top="".join(row.world.top for row in rows),
        here=Told(SOURCE.name, SOURCE.uuid, verdict=rows[0].world.here.verdict),
    )
    told = {(f.id, f.side) for f in together.report() if f.level is not Level.NOTE}
    verdict = rows[0].world.here.verdict
    expected = {
        (row.id, row.side) for row in rows if verdict or not row.world.here.verdict
    }
    assert expected <= told
    assert "source-refuses" not in {name for name, _ in told}


def test_everything_at_once():
    worlds = [row.world for row in WRITTEN]
    every = World(
        devices="".join(w.devices for w in worlds),
        top="".join(w.top for w in worlds),
        here=Told("a", SOURCE.uuid, snapshots=1, verdict=DEVICES[0].world.here.verdict),
        host=Told(names={"g": "22222222-0000-0000-0000-000000000000"}),
        job=True,
    )
    told = {f.id for f in every.report() if f.level is not Level.NOTE}
    assert {row.id for row in WRITTEN} | {
        "snapshots",
        "name-taken",
        "job-active",
    } <= told


MOVES = {
    "bare": World(),
    "tcg": World(virt="qemu"),
    "usb": World(devices="<hostdev mode='subsystem' type='usb'/>"),
    "teamed": World(
        devices="<hostdev type='pci'><teaming type='transient' persistent='n'/>"
        "</hostdev>"
    ),
    "vGPU that moves": World(devices="<hostdev type='mdev'/>"),
    "vDPA that moves": World(devices="<interface type='vdpa'/>"),
    "virtiofs that moves": World(
        devices="<filesystem><driver type='virtiofs'/></filesystem>"
    ),
    "9p not mounted": World(
        devices="<filesystem><source dir='/s'/><target dir='t'/></filesystem>"
    ),
    "SCSI": World(devices="<hostdev type='scsi'/>"),
    "master": World(
        devices="<shmem role='master'><model type='ivshmem-plain'/></shmem>"
    ),
    "no feature": World(
        top="<cpu><feature policy='disable' name='invtsc'/></cpu>",
    ),
    "known pace": World(
        top="<cpu><feature name='invtsc'/></cpu>"
        "<clock><timer name='tsc' frequency='2445400000'/></clock>"
    ),
    "cpu not checked": World(
        top="<cpu mode='custom' check='none'><model>Skylake-Server</model></cpu>",
        host=Told(cpu=(91, "no avx512f")),
    ),
    "network": World(
        devices="<interface type='network'><source network='red'/></interface>",
        host=Told(networks={"red": True}),
    ),
    "bridge": World(
        devices="<interface type='bridge'><source bridge='br7'/></interface>",
        host=Told(interfaces=frozenset({"br7"})),
    ),
    "filter": World(
        devices="<interface type='user'><filterref filter='clean'/></interface>",
        host=Told(filters=frozenset({"clean"})),
    ),
    "huge pages": World(
        top="<memoryBacking><hugepages/></memoryBacking>", host=Told(pages=32)
    ),
    "pinned": World(top="<cputune><vcpupin vcpu='0' cpuset='1,9'/></cputune>"),
    "nodes": World(top="<numatune><memory mode='strict' nodeset='0'/></numatune>"),
    "automatic": World(top="<numatune><memory placement='auto'/></numatune>"),
    "dac": World(top="<seclabel type='dynamic' model='dac'/>"),
    "defined there": World(there=RunState.SHUTOFF, host=Told(names={"g": UUID})),
    "spice": World(devices="<graphics type='spice'/>"),
    "most": World(vcpus=255),
    "tcp": World(options={"migrate_uri": "tcp:b:49152"}),
    "ipv6": World(options={"migrate_uri": "tcp://[fd00::1]:49152"}),
    "unix": World(options={"migrate_uri": "unix:///run/x"}),
    "old client": World(drivable=False),
}


@requirement("preflight.no-false-blocker")
@pytest.mark.parametrize("world", MOVES.values(), ids=MOVES)
def test_what_libvirt_would_move_passes(world):
    assert blockers(world) == set()


@requirement("preflight.no-false-blocker")
@named(*(row for row in DEVICES if row.world.here.verdict))
def test_where_the_source_would_let_it_go_no_device_blocks(row):
    assert blockers(row.world.but(here=SOURCE)) == set()


def test_the_sources_own_words_are_not_told_twice():
    for row in DEVICES:
        if row.id != "source-refuses":
            assert "source-refuses" not in found(row.world)


def test_a_disk_of_which_the_core_has_told_is_not_told_of_again():
    unsafe = next(row for row in BLOCKERS if row.id == "disks-unsafe")
    apart = Disk(target="vda", path="/x", sharing=Sharing.NOT_SHARED)
    assert blockers(unsafe.world.but(disks=(apart,))) == set()
    shared = apart.model_copy(update={"sharing": Sharing.SHARED})
    assert blockers(unsafe.world.but(disks=(shared,))) == {"disks-unsafe"}


def test_where_nobody_can_ask_only_what_all_versions_refuse_blocks():
    devices = (
        "<hostdev type='mdev'/><shmem name='s'><model type='ivshmem-plain'/></shmem>"
    )
    world = World(devices=devices, drivable=False)
    assert blockers(world) == {"shmem-role"}
    assert "hostdev-mdev" in found(world, Level.WARNING)


CALLS = sorted(name for name in vars(Connection) if not name.startswith("_"))


@requirement("preflight.not-checked")
@pytest.mark.parametrize("call", CALLS)
def test_what_a_host_does_not_answer_is_named(call):
    devices = (
        "<interface type='network'><source network='red'/></interface>"
        "<interface type='bridge'><source bridge='br7'/></interface>"
        "<interface type='user'><filterref filter='clean'/></interface>"
        f"<disk><source><auth><secret uuid='{UUID}'/></auth></source></disk>"
    )
    top = "<cpu check='full'><model>EPYC</model></cpu>"
    if call == "getFreePages":
        top += "<memoryBacking><hugepages/></memoryBacking>"
    told = Told(
        networks={"red": True},
        interfaces=frozenset({"br7"} if call != "listAllDevices" else ()),
        filters=frozenset({"clean"}),
        secrets=frozenset({UUID}),
        silent=frozenset({call}),
    )
    world = World(devices=devices, top=top, host=told)
    if call == "lookupByUUIDString":
        world = world.but(
            there=RunState.SHUTOFF, host=Told(names={"g": UUID}, silent=told.silent)
        )
    request = world.request()
    with begin_says(None):
        findings = preflight.findings(request)
    (unknown,) = [
        f for f in findings if f.id == "not-checked" and f.level is Level.WARNING
    ]
    assert unknown.side is Side.DESTINATION
    assert call in unknown.evidence
    assert unknown.message.startswith("the destination could not be asked for")
    assert call in request.destination.connection.asked


def test_a_host_that_does_not_answer_at_all_is_not_asked_again():
    world = World(there=RunState.UNREACHABLE)
    request = world.request()
    with begin_says(None):
        findings = preflight.findings(request)
    assert request.destination.connection.asked == []
    (one,) = [f for f in findings if f.id == "not-checked" and f.level is Level.WARNING]
    assert "free memory" in one.message


def test_only_what_the_definition_needs_is_asked():
    request = World().request()
    with begin_says(None):
        preflight.findings(request)
    assert request.destination.connection.asked == [
        "getDomainCapabilities",
        "getMemoryStats",
    ]
    assert set(request.source.connection.asked) == {"lookupByUUIDString"}


def test_what_stays_true_is_asked_once():
    request = World(top="<cpu check='full'><model>EPYC</model></cpu>").request()
    with begin_says(None):
        for _ in range(3):
            preflight.findings(request)
    asked = request.destination.connection.asked
    assert asked.count("getDomainCapabilities") == 1
    assert asked.count("compareHypervisorCPU") == 1
    assert asked.count("getMemoryStats") == 3


def test_sets_of_numbers_as_libvirt_writes_them():
    assert numbers("0-3,^1,8") == {0, 2, 3, 8}
    assert numbers("") == numbers("x") == numbers("3-1") == set()
    assert max(numbers("0-999999999999")) < 1 << 15


def test_the_core_is_in_the_matrix():
    assert len(CORE) == 8
