"""Rarer ways of disks on real hosts: layers, post-copy, a destination that dies."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.test_disks import LOCAL, WRITES, files, sound
from tests.requirements import requirement
from virtmigrate import Outcome
from virtmigrate.disks import Way

pytestmark = pytest.mark.lab


def with_layer(rig, guest):
    """Give a guest that is shut off a layer of its own over its shared disk."""
    a = rig.lab.hosts["a"]
    shared, local = (rig.lab.pool_target("a", pool) for pool in ("shared", "local"))
    base, top = f"{shared}/{guest}-hda.qcow2", f"{local}/{guest}-top.qcow2"
    a.virsh("destroy", guest)
    made = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top]
    a.space.run(made)
    text = a.virsh("dumpxml", "--inactive", guest)
    path = rig.lab.state_dir / "layered.xml"
    path.write_text(text.replace(base, top), encoding="utf-8")
    a.virsh(f"define {path}; start {guest}")


@requirement("disks.right-thing")
def test_of_a_chain_over_a_shared_image_the_top_alone_is_copied(rig, guest_name):
    rig.lab.guest_start(guest_name, disks=["shared:16:qcow2"], **WRITES)
    with_layer(rig, guest_name)
    began = rig.lab.now()
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    (disk,) = plan.disks
    assert disk.way is Way.TOP_COPIED
    assert (
        disk.backing == f"{rig.lab.pool_target('b', 'shared')}/{guest_name}-hda.qcow2"
    )
    assert rig.migrator.run(plan).succeeded
    (top,) = files(rig, "b")
    b = rig.lab.hosts["b"]
    told = ["qemu-img", "info", "-U", f"{rig.lab.pool_target('b', 'local')}/{top}"]
    assert f"backing file: {disk.backing}" in b.space.run(told)
    rig.runs_only_on("b", guest_name, began)


@requirement("disks.right-thing")
def test_copied_before_a_post_copy(rig, guest_name):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=["local:8"], **WRITES)
    result = rig.move(guest_name, postcopy=True, postcopy_after_precopy=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    sound(rig, guest_name, "b", began)


@pytest.mark.parametrize("where", ["a", "b"])
@requirement("recover.disks-kept")
def test_a_daemon_killed_in_the_copy_loses_nothing(rig, guest_name, where):
    """The daemon's death ends the move; what was made for it goes when it is back."""
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=[LOCAL], **WRITES)
    handle = rig.start(guest_name)
    rig.watch.transferring()
    rig.lab.hosts[where].daemon.kill(signal.SIGKILL)
    rig.lab.daemon_restart(where)
    result = handle.wait()
    assert result.outcome in (Outcome.ROLLED_BACK, Outcome.UNKNOWN), result
    rig.lab.link_rate(None)
    if result.outcome is Outcome.UNKNOWN:
        result = rig.migrator.recover(result.migration)
    assert result.outcome is Outcome.ROLLED_BACK, result
    rig.migrator.settle()
    assert files(rig, "b") == []
    sound(rig, guest_name, "a", began)
    assert rig.move(guest_name).succeeded
    sound(rig, guest_name, "b", began)


@requirement("recover.disks-kept")
def test_a_destination_whose_qemu_dies_in_the_copy_is_cleared(rig, guest_name):
    began = rig.lab.now()
    rig.lab.guest_start(guest_name, disks=[LOCAL], **WRITES)
    handle = rig.start(guest_name)
    rig.watch.transferring()
    uuid = rig.lab.hosts["a"].virsh("domuuid", guest_name).strip()
    os.kill(rig.lab.hosts["b"].qemu(uuid).pid, signal.SIGKILL)
    result = handle.wait()
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert files(rig, "b") == []
    sound(rig, guest_name, "a", began)
    rig.lab.link_rate(None)
    assert rig.move(guest_name).succeeded
    sound(rig, guest_name, "b", began)
