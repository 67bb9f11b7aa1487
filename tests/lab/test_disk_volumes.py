"""Disks by pool and volume, and raw ones that look otherwise, on real hosts."""

from __future__ import annotations

import struct

import pytest

from tests.lab.test_disk_ways import with_layer
from tests.lab.test_disks import LOCAL, MIB, SHARED, WRITES, files, refusals, sound
from tests.requirements import requirement
from virtmigrate import Outcome
from virtmigrate.disks import Sharing, Way
from virtmigrate.plan import Level
from virtmigrate_libvirt.xml import parse

pytestmark = pytest.mark.lab

SAME = ("nfs", "shared", "symlink")
"""Names by which a host knows the shared directory, once `remount` is `nfs` there."""


def redefined(rig, guest, change):
    """Give a guest another definition, and start it with that; when it began."""
    a = rig.lab.hosts["a"]
    text = change(a.virsh("dumpxml", "--inactive", guest))
    if a.virsh("domstate", guest).strip() == "running":
        a.virsh("destroy", guest)
    path = rig.lab.state_dir / "redefined.xml"
    path.write_text(text, encoding="utf-8")
    began = rig.lab.now()
    a.virsh(f"define {path}; start {guest}")
    return began


def by_volume(rig, guest, *pools):
    """Have a guest on host a name the images of these pools by pool and volume."""

    def change(text):
        for pool in pools:
            directory = rig.lab.pool_target("a", pool)
            head, tail = text.split(f"<source file='{directory}/")
            name, _, rest = tail.partition("'/>")
            head = head[::-1].replace("'file'"[::-1], "'volume'"[::-1], 1)[::-1]
            text = f"{head}<source pool='{pool}' volume='{name}'/>{rest}"
        return text

    rig.lab.hosts["a"].virsh("; ".join(f"pool-refresh {pool}" for pool in pools))
    return redefined(rig, guest, change)


def both_there(rig, guest, host="b"):
    """What the live and the kept definition at a host name its disks by."""
    virsh = rig.lab.hosts[host].virsh
    texts = [virsh(f"dumpxml {words} {guest}") for words in ("", "--inactive")]
    return [[disk.named for disk in parse(text).disks()] for text in texts]


def named_there(rig, guest, host="b"):
    """The same, where both say the same."""
    live, kept = both_there(rig, guest, host)
    assert live == kept
    return live


@pytest.fixture
def instead(rig):
    """Have a host know another pool instead of one of the lab's; undone at the end."""
    undo = []

    def replace(host, pool, *words):
        virsh = rig.lab.hosts[host].virsh
        path = rig.lab.state_dir / f"{pool}-{host}.xml"
        path.write_text(virsh("pool-dumpxml", pool), encoding="utf-8")
        virsh(f"pool-destroy {pool}; pool-undefine {pool}")
        name, *_ = words
        again = f"pool-define {path}; pool-autostart {pool}; pool-start {pool}"
        undo.append((virsh, again))
        virsh(f"pool-define-as {' '.join(words)}; pool-start {name}")
        undo.append((virsh, f"pool-destroy {name}; pool-undefine {name}"))

    yield replace
    for virsh, words in reversed(undo):
        virsh(words)


@requirement("disks.volumes")
def test_volumes_stay_or_are_copied_like_files_there_and_back(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=[SHARED, LOCAL], **WRITES)
    began = by_volume(rig, guest_name, "shared", "local")
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    assert [disk.way for disk in plan.disks] == [Way.STAYS, Way.COPIED]
    named = [("shared", f"{guest_name}-hda.raw"), ("local", f"{guest_name}-hdb.qcow2")]
    for back, host in ((False, "b"), (True, "a")):
        result = rig.move(guest_name, back=back, remove_source_disks=True)
        assert result.outcome is Outcome.SUCCEEDED, result
        assert not result.warnings, result
        assert named_there(rig, guest_name, host) == named
        sound(rig, guest_name, host, began)
    assert (files(rig, "a"), files(rig, "b")) == ([f"{guest_name}-hdb.qcow2"], [])


@pytest.mark.parametrize("options", [{}, {"p2p": True}], ids=["phases", "p2p"])
@requirement("disks.volumes")
def test_volumes_are_named_by_the_pools_that_are_there(
    rig, guest_name, instead, options
):
    """The same directory by another name, and an image in the pool of one."""
    rig.lab.guest_start(guest_name, disks=["remount:8", "local:8"], **WRITES)
    began = by_volume(rig, guest_name, "remount", "local")
    for pool, name in (("remount", "nfs"), ("local", "own")):
        instead("b", pool, name, "dir", "--target", rig.lab.pool_target("b", pool))
    result = rig.move(guest_name, **options)
    assert result.outcome is Outcome.SUCCEEDED, result
    first, second = named_there(rig, guest_name)
    assert first in {(pool, f"{guest_name}-hda.raw") for pool in SAME}
    assert second == ("own", f"{guest_name}-hdb.raw")
    sound(rig, guest_name, "b", began)


@requirement("disks.volumes")
def test_a_pool_of_one_name_under_another_path_needs_no_change(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=["remount:8"], **WRITES)
    began = by_volume(rig, guest_name, "remount")
    assert rig.move(guest_name).succeeded
    ((_, volume),) = named_there(rig, guest_name)
    assert volume == f"{guest_name}-hda.raw"
    sound(rig, guest_name, "b", began)


@requirement("disks.volumes")
def test_of_a_volume_over_a_shared_image_the_top_alone_is_copied(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=["shared:16:qcow2"], **WRITES)
    with_layer(rig, guest_name)
    began = by_volume(rig, guest_name, "local")
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    assert [disk.way for disk in plan.disks] == [Way.TOP_COPIED]
    result = rig.migrator.run(plan)
    assert result.succeeded, result
    name = f"{guest_name}-top.qcow2"
    live, kept = both_there(rig, guest_name)
    assert kept == [("local", name)]
    assert live == [f"{rig.lab.pool_target('b', 'local')}/{name}"]
    rig.runs_only_on("b", guest_name, began)


@requirement("disks.volumes")
def test_a_pool_that_has_no_files_or_is_not_there_is_told_by_name(
    rig, guest_name, instead
):
    rig.lab.guest_start(guest_name, disks=["local:4"], memory_mib=16)
    by_volume(rig, guest_name, "local")
    for host in "ba":
        instead(host, "local", "local", "mpath", "--target", "/dev/mapper")
        (error,) = refusals(rig, guest_name, rig.a, rig.b)
        side = "destination" if host == "b" else "source"
        assert error.side == side
        assert f"the {side}'s pool local is mpath, none of files" in error.message
        assert "dir, fs, netfs" in error.remedy
    rig.lab.hosts["a"].virsh("pool-destroy", "local")
    (error,) = refusals(rig, guest_name, rig.a, rig.b)
    assert "the source has no active storage pool local" in error.message
    rig.lab.hosts["a"].virsh("pool-start", "local")


@requirement("disks.volumes")
def test_a_source_image_that_another_guest_names_by_volume_is_kept(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=["local:8"], memory_mib=16)
    a = rig.lab.hosts["a"]
    uuid = a.virsh("domuuid", guest_name).strip()
    name = f"{guest_name}-hda.raw"
    text = a.virsh("dumpxml", "--inactive", guest_name)
    for old, new in (
        (uuid, "c7a5fdbd-edaf-9455-926a-d65c16db1809"),
        (f"<name>{guest_name}</name>", "<name>other</name>"),
        ("<disk type='file'", "<disk type='volume'"),
        (
            f"file='{rig.lab.pool_target('a', 'local')}/{name}'",
            f"pool='local' volume='{name}'",
        ),
    ):
        assert old in text
        text = text.replace(old, new)
    path = rig.lab.state_dir / "other.xml"
    path.write_text(text, encoding="utf-8")
    a.virsh("define", str(path))
    result = rig.move(guest_name, remove_source_disks=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert "other refers to it" in result.faults[0].message
    assert files(rig, "a") == [name]


# ---- what a guest has written at the beginning of a raw disk -------------------------


LUKS = struct.pack(
    ">6sH32s32s32sII",
    *(b"LUKS\xba\xbe", 1, b"aes", b"xts-plain64", b"sha256"),
    *(4040, 64),
)
"""What LUKS 1 begins with: ciphers, the payload's offset, the length of its key."""


def header(rig, form):
    """The first bytes of an image of 1 GiB, over a file of the host if it can be."""
    if form == "luks":
        # Not by qemu-img: it times its key's derivation, and fails on a busy machine.
        return LUKS.ljust(4096, b"\0")
    path = rig.lab.state_dir / f"header.{form}"
    words = ("-f", form, "-b", "/etc/passwd", "-F", "raw", str(path), "1G")
    rig.lab.hosts["a"].space.run(["qemu-img", "create", "-q", *words])
    return path.read_bytes()[:4096]


@pytest.mark.parametrize("form", ["qcow2", "luks"])
@pytest.mark.parametrize("pool", ["shared", "local"])
@requirement("disks.headers")
def test_a_raw_disk_stays_raw_whatever_its_guest_has_written(
    rig, guest_name, pool, form
):
    """A header names another size, and a file of the host as what lies under it."""
    rig.lab.guest_start(
        guest_name,
        disks=["local:4", f"{pool}:4"],
        memory_mib=16,
        disk_rate_mib_s=0,
    )
    path = rig.lab.pool_path("a", pool) / f"{guest_name}-hdb.raw"
    first = header(rig, form)
    rig.lab.hosts["a"].virsh("destroy", guest_name)
    path.write_bytes(first + path.read_bytes()[len(first) :])
    began = redefined(rig, guest_name, lambda text: text.replace(" type='raw'", "", 2))
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    _, disk = plan.disks
    shared = pool == "shared"
    assert disk.sharing is (Sharing.SHARED if shared else Sharing.NOT_SHARED)
    assert disk.way is (Way.STAYS if shared else Way.COPIED)
    assert (disk.capacity_bytes, disk.backing) == (4 * MIB, "")
    told = [f for f in plan.findings if f.id == "image-format-differs"]
    assert [(f.subject, f.level) for f in told] == [("hdb", Level.WARNING)] * (
        form == "qcow2"
    )
    if told:
        assert "qcow2 of 1,073,741,824 bytes over /etc/passwd" in told[0].message
    result = rig.migrator.run(plan)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.lab.hosts["b"].virsh("suspend", guest_name)
    there = (rig.lab.pool_path("b", pool) / path.name).read_bytes()
    assert there == path.read_bytes()
    assert there.startswith(first)
    rig.lab.hosts["b"].virsh("resume", guest_name)
    assert rig.lab.guest_check(guest_name, since=began).running_on == ["b"]
