"""The storage of the lab's hosts and guests: what it claims to be, it is."""

from __future__ import annotations

import errno

import pytest

from virtmigrate_lab.errors import CommandFailed, LabRefused
from virtmigrate_lab.pools import POOLS, TINY_MIB
from virtmigrate_lab.processes import wait_for

pytestmark = pytest.mark.lab

MIB = 1 << 20
PATIENCE_S = 20.0
SEEN_BY_BOTH = {
    ("shared", "shared"),
    ("shared", "remount"),
    ("shared", "symlink"),
    ("remount", "shared"),
    ("remount", "remount"),
    ("remount", "symlink"),
    ("symlink", "shared"),
    ("symlink", "remount"),
    ("symlink", "symlink"),
}
"""A pool of host a, and the pools of host b in which its files are."""


def volumes(host, pool):
    lines = host.virsh(f"pool-refresh {pool}; vol-list {pool}").splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def test_a_host_sees_what_another_wrote_only_where_they_share(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    for pool in POOLS:
        a.virsh("vol-create-as", pool, f"{pool}.raw", "4096")
    seen = {
        (volume.removesuffix(".raw"), theirs)
        for theirs in POOLS
        for volume in volumes(b, theirs)
    }
    assert seen == SEEN_BY_BOTH


def test_what_is_made_in_a_pool_from_outside_is_a_volume(lab):
    for host in lab.hosts.values():
        for pool in POOLS:
            made = lab.pool_path(host.name, pool) / f"{host.name}-{pool}.raw"
            made.write_bytes(bytes(4096))
            assert made.name in volumes(host, pool)
            path = host.virsh("vol-path", "--pool", pool, made.name).strip()
            assert path == f"{lab.pool_target(host.name, pool)}/{made.name}"


def test_a_tiny_pool_gets_full(lab):
    path = lab.pool_path("a", "tiny") / "big"
    with pytest.raises(OSError) as caught, path.open("wb") as file:  # noqa: PT012
        for _ in range(TINY_MIB + 1):
            file.write(bytes(MIB))
    assert caught.value.errno == errno.ENOSPC
    assert not list(lab.pool_path("b", "tiny").iterdir())


def test_pools_are_as_new_after_a_test_has_used_them(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    a.virsh("vol-create-as", "shared", "left.raw", "4096")
    b.virsh("pool-refresh", "shared")
    a.virsh("pool-destroy", "local")
    a.virsh("pool-define-as", "mine", "dir", "--target", "/var/tmp")
    a.virsh("pool-start", "mine")
    lab.tidy()
    assert set(a.virsh("pool-list", "--name").split()) == set(POOLS)
    for host in (a, b):
        assert host.virsh("vol-list", "shared").split() == []


def test_pools_come_back_with_their_daemon(lab):
    lab.hosts["b"].daemon.kill()
    lab.daemon_restart("b")
    assert set(lab.hosts["b"].virsh("pool-list", "--name").split()) == set(POOLS)


def test_a_pool_that_no_host_has_is_refused(lab):
    with pytest.raises(LabRefused, match="no pool nfs"):
        lab.pool_path("a", "nfs")


# ---- disks of guests ----------------------------------------------------------------

FLUSH_BLOCKS = 256
BLOCK = 4096
START = {"memory_mib": 16, "working_set_mib": 2, "dirty_rate_mib_s": 2}


def disk_records(lab, name):
    record = lab.guests.heartbeat(name).last_record()
    return record.disks if record else ()


def written(lab, name, *, blocks):
    """Wait until each disk has seen so many writes more."""
    before = [disk.written for disk in disk_records(lab, name)]

    def done():
        now = disk_records(lab, name)
        return all(d.written >= b + blocks for d, b in zip(now, before, strict=True))

    assert wait_for(done, PATIENCE_S)


def judged(lab, name):
    """What the images hold, from outside, with the guest stopped for a moment."""
    (running,) = lab.guest_check(name).running_on
    lab.hosts[running].virsh("suspend", name)
    reports = lab.disks_check(name)
    lab.hosts[running].virsh("resume", name)
    problems = [text for report in reports for text in report.problems]
    assert not problems
    return reports


@pytest.mark.parametrize(
    ("form", "rate"), [("raw", 1), ("qcow2", 8), ("qcow2+base", 4)]
)
def test_a_disk_is_written_at_its_rate_and_is_whole(lab, guest_name, form, rate):
    """By the guest's own clock; verified by the guest and from outside."""
    lab.guest_start(
        guest_name, disks=[f"local:16:{form}"], disk_rate_mib_s=rate, **START
    )
    heartbeat = lab.guests.heartbeat(guest_name)
    first = heartbeat.last_record()
    until = first.clock_ms + 1000
    assert wait_for(lambda: heartbeat.last_record().clock_ms >= until, PATIENCE_S)
    last = heartbeat.last_record()
    blocks = last.disks[0].written - first.disks[0].written
    seconds = (last.clock_ms - first.clock_ms) / 1000
    assert 0.5 * rate < blocks * BLOCK / MIB / seconds < 1.05 * rate
    report = lab.guest_check(guest_name)
    assert report.ok, report.problems
    assert report.disks[0].verified == report.disks[0].blocks == 16 * MIB // BLOCK
    (image,) = judged(lab, guest_name)
    assert image.newest >= report.disks[0].written
    assert image.blocks == report.disks[0].blocks


def test_it_flushes_now_and_then(lab, guest_name):
    lab.guest_start(guest_name, disks=["local:8"], disk_rate_mib_s=8, **START)
    written(lab, guest_name, blocks=2 * FLUSH_BLOCKS)
    (disk,) = disk_records(lab, guest_name)
    assert disk.written - disk.flushed <= FLUSH_BLOCKS
    assert disk.flushed


def test_a_guest_goes_on_where_its_disks_were_before_it_booted_anew(lab, guest_name):
    lab.guest_start(guest_name, disks=["local:4", "shared:4:qcow2"], **START)
    written(lab, guest_name, blocks=64)
    a = lab.hosts["a"]
    a.virsh("destroy", guest_name)
    before = lab.disks_check(guest_name)
    assert [report.ok for report in before] == [True, True]
    began = lab.now()
    a.virsh("start", guest_name)
    heartbeat = lab.guests.heartbeat(guest_name)
    assert wait_for(lambda: heartbeat.heard_since(began), PATIENCE_S)
    written(lab, guest_name, blocks=64)
    report = lab.guest_check(guest_name, since=began)
    assert report.ok, report.problems
    for disk, image in zip(report.disks, before, strict=True):
        assert disk.written >= image.newest + 64


def test_a_block_that_was_lost_is_found_inside_and_outside(lab, guest_name):
    """What a block that was not copied again would be: as it was a round before."""
    lab.guest_start(
        guest_name,
        disks=["local:4"],
        disk_working_set_mib=1,
        disk_rate_mib_s=4,
        **START,
    )
    path = lab.pool_path("a", "local") / f"{guest_name}-hda.raw"
    written(lab, guest_name, blocks=8)
    with path.open("rb") as file:
        stale = file.read(BLOCK)
    written(lab, guest_name, blocks=512)
    a = lab.hosts["a"]
    a.virsh("suspend", guest_name)
    with path.open("r+b") as file:
        file.write(stale)
        file.seek(3 * MIB)
        file.write(b"x")
    (image,) = lab.disks_check(guest_name)
    assert (image.errors, image.first_bad) == (2, 0)
    a.virsh("resume", guest_name)
    report = lab.guest_check(guest_name)
    assert report.disks[0].errors
    assert any("disk hda" in text for text in report.problems)


def test_the_end_that_was_lost_is_found_outside(lab, guest_name):
    """An image that is whole, but older than what the guest has written."""
    lab.guest_start(guest_name, disks=["local:4"], **START)
    path = lab.pool_path("a", "local") / f"{guest_name}-hda.raw"
    a = lab.hosts["a"]
    a.virsh("suspend", guest_name)
    older = path.read_bytes()
    a.virsh("resume", guest_name)
    written(lab, guest_name, blocks=64)
    a.virsh("destroy", guest_name)
    path.write_bytes(older)
    (image,) = lab.disks_check(guest_name)
    assert not image.errors
    assert any("newest write" in text for text in image.problems)


def test_a_full_pool_stops_a_guest_which_goes_on_when_there_is_room(lab, guest_name):
    filler = lab.pool_path("a", "tiny") / "filler"
    filler.write_bytes(bytes((TINY_MIB - 4) * MIB))
    options = {"disk_rate_mib_s": 16, "disk_working_set_mib": 8, **START}
    lab.guest_start(guest_name, disks=["tiny:8"], **options)
    a = lab.hosts["a"]

    def state():
        return a.virsh("domstate", "--reason", guest_name).strip()

    assert wait_for(lambda: state() == "paused (I/O error)", PATIENCE_S)
    filler.unlink()
    a.virsh("resume", guest_name)
    written(lab, guest_name, blocks=2048)
    report = lab.guest_check(guest_name)
    assert report.ok, report.problems


def test_what_was_flushed_outlives_a_killed_qemu(lab, guest_name):
    options = {"disk_rate_mib_s": 8, **START}
    guest = lab.guest_start(guest_name, disks=["local:16:qcow2"], **options)
    written(lab, guest_name, blocks=2 * FLUSH_BLOCKS)
    a = lab.hosts["a"]
    a.qemu(guest.uuid).kill()
    assert wait_for(
        lambda: a.virsh("domstate", guest_name).strip() == "shut off", PATIENCE_S
    )
    (image,) = lab.disks_check(guest_name, killed=True)
    assert image.ok, image.problems
    assert image.least >= FLUSH_BLOCKS


def test_images_are_not_judged_while_they_are_written(lab, guest_name):
    lab.guest_start(guest_name, disks=["local:4"], **START)
    with pytest.raises(LabRefused, match="a: running"):
        lab.disks_check(guest_name)


def test_images_go_with_their_guest(lab, guest_name):
    options = {"disks": ["local:4:qcow2+base", "shared:4"], **START}
    lab.guest_start(guest_name, **options)
    copy = lab.pool_path("b", "local") / f"{guest_name}-hda.qcow2"
    copy.touch()
    assert lab.hosts["a"].virsh("vol-list", "local").count(guest_name) == 4
    lab.guest_stop(guest_name)
    for host in "ab":
        for pool in ("local", "shared"):
            assert not list(lab.pool_path(host, pool).iterdir())
    foreign = lab.pool_path("a", "shared") / f"{guest_name}-hdb.raw"
    foreign.write_text("not a guest's", encoding="utf-8")
    with pytest.raises(LabRefused, match=foreign.name):
        lab.guest_start(guest_name, **options)
    assert foreign.read_text(encoding="utf-8") == "not a guest's"


# ---- what libvirt and QEMU make of it -----------------------------------------------


def test_libvirt_takes_no_pool_of_ours_for_shared(lab, guest_name):
    lab.guest_start(guest_name, disks=["shared:4"], **START)
    a, b = lab.hosts["a"], lab.hosts["b"]
    with pytest.raises(CommandFailed, match="without shared storage is unsafe"):
        a.virsh("migrate", "--live", guest_name, b.uri)


@pytest.mark.parametrize("back", [("a", "b"), ("b", "a")], ids=["there", "back"])
def test_a_shared_disk_is_locked_by_who_runs_its_guest(lab, guest_name, back):
    """Stock libvirt, told that it is safe: the lock goes where the guest goes."""
    there, here = (lab.hosts[name] for name in back)
    lab.guest_start(guest_name, host=there.name, disks=["shared:4"], **START)
    there.virsh("migrate", "--live", "--unsafe", guest_name, here.uri)
    written(lab, guest_name, blocks=32)
    image = f"{lab.pool_target('a', 'shared')}/{guest_name}-hda.raw"
    for host in (there, here):
        with pytest.raises(CommandFailed, match="lock"):
            host.space.run(["qemu-io", "-f", "raw", "-c", "write 0 512", image])
    report = lab.guest_check(guest_name)
    assert report.ok, report.problems
    judged(lab, guest_name)


def test_stock_libvirt_copies_a_disk_that_is_written(lab, guest_name):
    lab.guest_start(
        guest_name,
        disks=["local:16:qcow2", "shared:8"],
        disk_rate_mib_s=2,
        **START,
    )
    a, b = lab.hosts["a"], lab.hosts["b"]
    words = ("--copy-storage-all", "--migrate-disks", "hda", "--unsafe", "--persistent")
    for source, target in ((a, b), (b, a)):
        if target is a:  # it would take what it knows of for the disk to be written
            target.virsh("vol-delete", "--pool", "local", f"{guest_name}-hda.qcow2")
        source.virsh(
            *("migrate", "--live", "--undefinesource", *words),
            *(guest_name, target.uri),
        )
        report = lab.guest_check(guest_name)
        assert report.ok, report.problems
        judged(lab, guest_name)
