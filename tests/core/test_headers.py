"""What a guest has written at the beginning of a raw disk is not believed."""

from __future__ import annotations

import pytest

from tests.core.contexts import context
from tests.core.plans import plan_of
from tests.core.scripted import VirtualClock, World
from tests.core.storages import GIB, Directory, MemoryStorage, Mount
from tests.requirements import requirement
from virtmigrate import images
from virtmigrate.disk_plan import decide
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate.errors import Side
from virtmigrate.options import Options
from virtmigrate.plan import Level
from virtmigrate.sharing import Known, Prover
from virtmigrate.storage import Image, read_as

RAW = Disk(target="vda", path="/images/one.img")
MIB = 1 << 20


def storages(*, shared=False):
    """Both hosts' storage: a pool `images`, the same or another one."""
    mine = Directory()
    mine.put("one.img")
    yours = mine if shared else Directory()
    return (
        MemoryStorage(images=Mount(mine, "/images")),
        MemoryStorage(Side.DESTINATION, images=Mount(yours, "/images")),
    )


def settled(ends, disk=RAW, **asked):
    """The disk as a plan has it, and its findings."""
    prover = Prover(*ends, ("host-a", "host-b"), Known(VirtualClock()))
    proof = prover.prove(disk.path, "", disk.format)
    (disk,), findings = decide(
        [disk], {"vda": proof}, Options(**asked), moves=True, vouch=True
    )
    return disk, findings


def told(findings):
    return [(f.id, f.side, f.level) for f in findings]


FOREIGN = Image(
    GIB, "qcow2", 0, "/etc/shadow", "raw", changed_ns=1, length_bytes=4 * MIB
)


@pytest.mark.parametrize(
    ("image", "capacity", "claim"),
    [
        (FOREIGN, 4 * MIB, "qcow2 of 1,073,741,824 bytes over /etc/shadow"),
        (Image(GIB, "vmdk", length_bytes=512), 512, "vmdk of 1,073,741,824 bytes"),
        # LUKS: a pool says raw, and takes the header off the capacity.
        (Image(GIB - MIB, "raw", length_bytes=GIB), GIB, ""),
        (Image(GIB, "iso", length_bytes=GIB), GIB, ""),
        (Image(GIB, "raw"), GIB, ""),
        (Image(GIB, "qcow2"), 0, "qcow2 of 1,073,741,824 bytes"),
    ],
)
@requirement("disks.headers")
def test_of_a_raw_image_nothing_counts_but_its_length(image, capacity, claim):
    read = read_as(image, "raw")
    assert (read.capacity_bytes, read.format, read.claim) == (capacity, "raw", claim)
    assert (read.backing, read.backing_format) == ("", "")
    assert read.changed_ns == image.changed_ns
    assert read_as(image, "qcow2") is image


def with_header(image=FOREIGN, **how):
    here, there = storages(**how)
    here.mounts["images"].directory.files["one.img"] = image
    return here, there


@pytest.mark.parametrize("shared", [True, False])
@requirement("disks.headers")
def test_no_path_in_it_is_followed_and_it_is_told(shared):
    ends = with_header(shared=shared)
    disk, findings = settled(ends)
    assert disk.sharing is (Sharing.SHARED if shared else Sharing.NOT_SHARED)
    assert (disk.capacity_bytes, disk.backing) == (4 * MIB, "")
    assert told(findings) == [("image-format-differs", Side.SOURCE, Level.WARNING)]
    assert findings[0].subject == "vda"
    assert set(ends[0].named("look")) == {"one.img"}


@requirement("disks.headers")
def test_without_its_length_it_is_not_copied():
    _, findings = settled(with_header(Image(GIB, "qcow2")))
    assert "image-size-unknown" in [f.id for f in findings]


@requirement("disks.headers")
def test_a_raw_layer_under_an_image_is_read_as_that_says():
    """What a template begins with its guest has written, when it was none."""
    here, there = storages()
    base = Directory()
    base.files["base.img"] = FOREIGN
    for storage in (here, there):
        storage.mounts["base"] = Mount(base, "/base")
    here.mounts["images"].directory.put(
        "one.img", Image(GIB, "qcow2", 0, "/base/base.img", "raw")
    )
    disk, findings = settled((here, there), RAW.model_copy(update={"format": "qcow2"}))
    assert (disk.way, disk.backing, disk.backing_format) == (
        *(Way.TOP_COPIED, "/base/base.img"),
        "raw",
    )
    assert told(findings) == []
    assert "shadow" not in here.named("look")


@requirement("disks.headers")
def test_a_source_image_with_a_foreign_header_is_still_what_was_copied():
    here, there = with_header()
    there.mounts["images"].directory.put("one.img")
    world = World(disks=[RAW], storages={"a": here, "b": there})
    disk, _ = settled((here, there), migrate_disks=("vda",))
    plan = plan_of().model_copy(update={"disks": (disk,)})
    images._remove(context(world, plan=plan), disk)
    assert here.named("delete")[-1] == "one.img"
    assert "one.img" not in here.mounts["images"].directory.files
