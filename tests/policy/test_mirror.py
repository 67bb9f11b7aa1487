"""Disks that are copied beside memory, with samples as libvirt 9.0 gave them."""

from __future__ import annotations

from tests.requirements import requirement
from virtmigrate.forecast import Link, Workload, foresee
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.mirror import whole
from virtmigrate.outlook import outlook
from virtmigrate.policy import GIB
from virtmigrate.presets import DEFAULT, PRESETS

MIB = 1 << 20
DISK = 256 * MIB
POLICY = PRESETS[DEFAULT]


def mirroring(sent):
    """While the mirror runs: memory is counted by nobody yet."""
    return Sample(
        total_bytes=DISK,
        processed_bytes=sent,
        remaining_bytes=DISK - sent,
        iteration=0,
        disk_total_bytes=DISK,
        disk_processed_bytes=sent,
        disk_remaining_bytes=DISK - sent,
    )


def passing(sent, left, number):
    """While memory goes, and the mirror is kept up."""
    return Sample(
        total_bytes=DISK + 256 * MIB,
        processed_bytes=DISK + sent,
        remaining_bytes=left,
        iteration=number,
        disk_total_bytes=DISK,
        disk_processed_bytes=DISK,
        disk_remaining_bytes=0,
    )


def watched(*samples, each_s=0.1):
    history = History(0.0, workload=Workload(memory_bytes=256 * MIB), copied=DISK)
    for number, sample in enumerate(samples):
        history.add(number * each_s, sample)
    return history


@requirement("disks.progress")
def test_a_mirror_has_no_passes_and_its_end_is_foretold_with_memory():
    history = watched(*(mirroring(n * 6 * MIB) for n in range(20)))
    assert history.passes == []
    assert history.left is None
    ahead = outlook(history, POLICY)
    assert ahead.converges is None
    # 142 MiB of the mirror and 256 MiB of memory at 60 MiB/s
    assert abs(ahead.remaining_s - (142 + 256) / 60) < 0.1


@requirement("disks.progress")
def test_memory_is_judged_without_the_mirror():
    mirror = [mirroring(n * 64 * MIB) for n in range(5)]
    memory = [passing(n * 6 * MIB, (256 - n * 6) * MIB, 1) for n in range(10)]
    history = watched(*mirror, *memory)
    assert [each.number for each in history.passes] == [1]
    assert history.size == 256 * MIB
    assert abs(history.sending() - 60 * MIB) < MIB
    assert history.mirror.left is None


@requirement("disks.progress")
def test_a_mirror_that_stands_still_foretells_nothing():
    history = watched(*(mirroring(6 * MIB) for _ in range(60)))
    assert outlook(history, POLICY).remaining_s is None
    moving = watched(*(mirroring(n * MIB) for n in range(60)))
    assert history.moved_s < 1.0
    assert moving.moved_s > 5.0


@requirement("disks.progress")
def test_the_whole_counts_memory_before_the_hypervisor_does():
    assert whole(mirroring(DISK), 256 * MIB) == (DISK + 256 * MIB, 256 * MIB)
    later = passing(0, 256 * MIB, 1)
    assert whole(later, 256 * MIB) == (DISK + 256 * MIB, 256 * MIB)
    none = Sample(total_bytes=5, remaining_bytes=3)
    assert whole(none, 256 * MIB) == (5, 3)


@requirement("disks.forecast")
def test_a_forecast_and_a_deadline_by_size_count_the_disks():
    still = Workload(memory_bytes=GIB)
    link = Link(64.0, "somebody")
    bare = foresee(still, POLICY, link, frozenset(), runs=False)
    both = foresee(still, POLICY, link, frozenset(), runs=False, disk_bytes=GIB)
    assert abs(both.total_s - 2 * bare.total_s) < 0.1
    assert both.sent_bytes == 2 * bare.sent_bytes
    assert "disks: 1024 MiB" in both.basis[-1]
    nova = PRESETS["nova"]
    assert nova.deadline_s(4 * GIB, 4 * GIB) == nova.deadline_s(8 * GIB)
