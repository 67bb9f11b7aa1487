"""Block devices on real hosts: what both know by one name in the world is shared.

Lab hosts have one kernel, so a loop device is the same on both. No udev runs there: the
tests write what it would have written of a disk of a storage network. What the daemons
and QEMU make of that is real.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.test_disk_volumes import redefined
from tests.lab.test_disks import WRITES, refusals, sound
from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.disks import Sharing, Way
from virtmigrate_libvirt.xml import parse

pytestmark = pytest.mark.lab

BY_ID = Path("/dev/disk/by-id")
LUN, OTHER = "6001405aa0b1c2d3e4f5061728394a5b", "5000c500a1b2c3d4"


class Loops:
    """Loop devices of this machine, and what udev says of them on a host."""

    def __init__(self, rig):
        self.rig = rig
        self.made = []
        self.said = []

    def over(self, guest):
        """A device over the image of a guest's disk in the shared pool."""
        image = self.rig.lab.state_dir / "storage" / "shared" / f"{guest}-hda.raw"
        device = ran("losetup", "--find", "--show", str(image)).strip()
        self.made.append(device)
        return device

    def called(self, host, device, wwn):
        """Have a host's udev say a name of a device, and a new daemon hear it."""
        number = Path(device).stat().st_rdev
        record = f"/run/udev/data/b{os.major(number)}:{os.minor(number)}"
        path = self.rig.lab.hosts[host].outside(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = ("I:1", "E:ID_TYPE=disk", "E:ID_BUS=scsi", f"E:ID_SERIAL=3{wwn}")
        text = "\n".join((f"S:disk/by-id/wwn-0x{wwn}", *lines, ""))
        path.write_text(text, encoding="ascii")
        self.said.append(path)

    def linked(self, device, wwn):
        """Make the link that udev makes; hosts of a lab share this machine's /dev."""
        BY_ID.mkdir(parents=True, exist_ok=True)
        link = BY_ID / f"wwn-0x{wwn}"
        link.symlink_to(device)
        self.said.append(link)
        return str(link)

    def heard(self):
        """Both daemons look for devices when they start."""
        for host in "ab":
            self.rig.lab.hosts[host].daemon.kill()
            self.rig.lab.daemon_restart(host)

    def end(self):
        for path in self.said:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty, or was never there
            BY_ID.rmdir()
            BY_ID.parent.rmdir()
        for device in self.made:  # one that a guest still has goes with that guest
            ran("losetup", "--detach", device)


def ran(*words):
    done = subprocess.run(words, check=True, capture_output=True, encoding="utf-8")
    return done.stdout


@pytest.fixture
def loops(rig):
    if os.geteuid() or not Path("/dev/loop-control").exists():
        pytest.skip("loop devices need root, and a kernel that has them")
    found = Loops(rig)
    yield found
    found.end()


def on_device(rig, guest, device):
    """Have a guest on host a use a device in place of the image under it."""
    source = f"<source file='{rig.lab.pool_target('a', 'shared')}/{guest}-hda.raw'/>"

    def change(text):
        head, tail = text.split(source)
        at = head.rindex("<disk type='file'")
        disk = head[at:].replace("'file'", "'block'", 1)
        disk = disk.replace("type='raw'", "type='raw' cache='none'", 1)
        return f"{head[:at]}{disk}<source dev='{device}'/>{tail}"

    return redefined(rig, guest, change)


def devices(rig, guest, host):
    """What both definitions of a guest name its disk by."""
    virsh = rig.lab.hosts[host].virsh
    texts = [virsh(f"dumpxml {words} {guest}") for words in ("", "--inactive")]
    found = [(d.kind, d.source) for text in texts for d in parse(text).disks()]
    assert len(set(found)) == 1, found
    return found[0]


@pytest.fixture
def device(rig, guest_name, loops):
    """The device of a guest that writes to it, and when it began."""
    rig.lab.guest_start(guest_name, disks=["shared:8"], **WRITES)
    return loops.over(guest_name)


@pytest.mark.parametrize("options", [{}, {"p2p": True}], ids=["phases", "p2p"])
@requirement("disks.devices")
def test_a_device_that_both_know_by_one_name_stays_there_and_back(
    rig, guest_name, loops, device, options
):
    for host in "ab":
        loops.called(host, device, LUN)
    loops.heard()
    began = on_device(rig, guest_name, device)
    plan = rig.migrator.plan(guest_name, rig.a, rig.b)
    assert [(d.sharing, d.way) for d in plan.disks] == [(Sharing.SHARED, Way.STAYS)]
    assert f"naa.{LUN}" in plan.disks[0].evidence
    for back, host in ((False, "b"), (True, "a")):
        result = rig.move(guest_name, back=back, **options)
        assert result.outcome is Outcome.SUCCEEDED, result
        assert devices(rig, guest_name, host) == ("block", device)
        sound(rig, guest_name, host, began)


@pytest.mark.parametrize("asked", [False, True], ids=["link", "document"])
@requirement("disks.devices")
def test_a_device_is_followed_to_the_path_that_it_has_there(
    rig, guest_name, loops, device, asked
):
    """There the source's path leads to another device, as `/dev/sdb` may."""
    elsewhere = loops.over(guest_name)
    for host, path, name in (
        ("a", device, LUN),
        ("b", device, OTHER),
        ("b", elsewhere, LUN),
    ):
        loops.called(host, path, name)
    loops.heard()
    began = on_device(rig, guest_name, device)
    there = elsewhere if asked else loops.linked(elsewhere, LUN)
    documents = pointed(rig, guest_name, device, elsewhere) if asked else {}
    wanted = Options.checked(documents)
    (disk,) = rig.migrator.plan(guest_name, rig.a, rig.b, wanted).disks
    assert (disk.sharing, disk.there) == (Sharing.SHARED, there)
    result = rig.migrator.migrate(guest_name, rig.a, rig.b, wanted)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert devices(rig, guest_name, "b") == ("block", there)
    sound(rig, guest_name, "b", began)


def pointed(rig, guest, device, elsewhere):
    """The caller's own documents, in which the disk is another device."""
    virsh = rig.lab.hosts["a"].virsh
    found = {"dest_xml": "--migratable", "persist_xml": "--inactive"}
    return {
        name: virsh("dumpxml", words, guest).replace(f"'{device}'", f"'{elsewhere}'")
        for name, words in found.items()
    }


@pytest.mark.parametrize("said", [OTHER, ""], ids=["another", "no name"])
@requirement("disks.devices")
def test_a_device_of_the_same_path_is_no_proof(rig, guest_name, loops, device, said):
    loops.called("a", device, LUN)
    if said:
        loops.called("b", device, said)
    loops.heard()
    began = on_device(rig, guest_name, device)
    errors = refusals(rig, guest_name, rig.a, rig.b)
    words = "another device" if said else "can't be told"
    assert [words in error.message for error in errors] == [True]
    assert errors[0].remedy
    vouched = rig.migrator.check(
        guest_name, rig.a, rig.b, Options.checked({"unsafe": True})
    )
    assert bool(vouched.plan) is not bool(said)
    sound(rig, guest_name, "a", began)
