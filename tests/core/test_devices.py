"""Whether two hosts have the same block device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.devices import Device, prove, worldwide
from virtmigrate.disks import Sharing

GIB = 1 << 30
LUN = "6001405aa0b1c2d3e4f5061728394a5b"
WWN = f"/dev/disk/by-id/wwn-0x{LUN}"
OTHER = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
SERIAL = "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001"


def device(*paths, gib=8):
    return Device(paths, gib * GIB)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (WWN, f"naa.{LUN}"),
        (f"/dev/disk/by-id/scsi-3{LUN}", f"naa.{LUN}"),
        (f"/dev/disk/by-id/dm-uuid-mpath-3{LUN.upper()}", f"naa.{LUN}"),
        (f"/dev/mapper/3{LUN}", f"naa.{LUN}"),
        (OTHER, "naa.5000c500a1b2c3d4"),
        ("/dev/disk/by-id/nvme-eui.0025385b01404f12", "eui.0025385b01404f12"),
        (SERIAL, None),
        ("/dev/disk/by-id/wwn-0x3000000000000001", None),  # given by whoever likes
        (f"{WWN}-part1", None),
        ("/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi0-0-0-0", None),
        ("/dev/mapper/mpatha", None),
        ("/dev/sdb", None),
        (f"/tmp/wwn-0x{LUN}", None),
        (f"wwn-0x{LUN}", None),
    ],
)
@requirement("disks.devices")
def test_what_is_a_name_that_is_given_once(path, name):
    assert worldwide(path) == (name or "")


@pytest.mark.parametrize(
    ("path", "wanted", "here", "there", "sharing", "found"),
    [
        # by the kernel's order, which may differ
        ("/dev/sdb", "", ["/dev/sdb", WWN], ["/dev/sdb", WWN], "shared", "/dev/sdb"),
        ("/dev/sdb", "", ["/dev/sdb", WWN], ["/dev/sdc", WWN], "shared", WWN),
        (WWN, "", ["/dev/sdb", WWN], ["/dev/sdc", WWN], "shared", WWN),
        # where the path of the source is another device
        (
            "/dev/sdb",
            "",
            ["/dev/sdb", WWN],
            [["/dev/sdb", OTHER], ["/dev/sdc", WWN]],
            "shared",
            WWN,
        ),
        # multipathd's own path, of which no host tells but by what is under it
        (
            f"/dev/mapper/3{LUN}",
            "",
            ["/dev/sdb", WWN],
            ["/dev/sdc", WWN],
            "shared",
            f"/dev/mapper/3{LUN}",
        ),
        ("/dev/sdb", "", ["/dev/sdb", WWN], ["/dev/sdb", OTHER], "not shared", None),
        ("/dev/sdb", "", ["/dev/sdb", WWN], ["/dev/sdb"], "unknown", None),
        ("/dev/sdb", "", ["/dev/sdb", WWN], ["/dev/sdz"], "unknown", None),
        ("/dev/sdb", "", ["/dev/sdb", SERIAL], ["/dev/sdb", SERIAL], "unknown", None),
        ("/dev/sdb", "", ["/dev/sda", WWN], ["/dev/sdb", WWN], "unknown", None),
        # where the caller wants it
        (
            "/dev/sdb",
            "/dev/sdc",
            ["/dev/sdb", WWN],
            ["/dev/sdc", WWN],
            "shared",
            "/dev/sdc",
        ),
        ("/dev/sdb", "/dev/sdd", ["/dev/sdb", WWN], ["/dev/sdc", WWN], "unknown", None),
        (
            "/dev/sdb",
            "/dev/sdd",
            ["/dev/sdb", WWN],
            ["/dev/sdd", OTHER],
            "not shared",
            None,
        ),
    ],
)
@requirement("disks.devices")
def test_two_hosts_devices_are_compared_by_their_names(
    path, wanted, here, there, sharing, found
):
    several = there if isinstance(there[0], list) else [there]
    proof = prove(path, wanted, [device(*here)], [device(*each) for each in several])
    assert proof.sharing == Sharing(sharing), proof.evidence
    if found:
        assert proof.there == found


def test_a_device_that_is_of_another_size_there_is_not_taken_for_it():
    here, other = device("/dev/sdb", WWN), device("/dev/sdb", WWN, gib=9)
    drive = Device(("/dev/sdb", WWN))
    for ends in ((here, other), (here, drive), (drive, drive)):
        proof = prove("/dev/sdb", "", ends[:1], ends[1:])
        assert proof.sharing is Sharing.UNKNOWN


def test_a_path_of_multipathd_is_believed_only_with_what_is_under_it():
    path, there = f"/dev/mapper/3{LUN}", device("/dev/sdc", WWN)
    assert prove(path, "", [], [there]).sharing is Sharing.UNKNOWN
    under = device("/dev/sdb", WWN)
    assert prove(path, "", [under], [there]).sharing is Sharing.SHARED


paths = st.sampled_from(
    [WWN, OTHER, SERIAL, *(f"/dev/sd{n}" for n in "abc"), f"/dev/mapper/3{LUN}"]
)
devices = st.lists(
    st.builds(device, paths, paths, gib=st.integers(1, 2)),
    max_size=3,
    unique_by=tuple(lambda each, n=n: each.paths[n] for n in range(2)),
).filter(lambda some: len({p for d in some for p in d.paths}) == _paths(some))


def _paths(some):
    return sum(len(set(each.paths)) for each in some)


@given(paths, st.just("") | paths, devices, devices)
@requirement("disks.devices")
def test_what_is_shared_has_one_name_on_both_hosts(path, wanted, here, there):
    proof = prove(path, wanted, here, there)
    if proof.sharing is not Sharing.SHARED:
        return
    mine = next((each.names for each in here if path in each.paths), None)
    mine = mine or frozenset([worldwide(path)])
    at = [each for each in there if proof.there in each.paths]
    assert any(each.names & mine for each in there)
    assert not at or at[0].names & mine
    assert not wanted or proof.there == wanted
