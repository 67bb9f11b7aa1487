"""What a hypervisor can't do with disks is neither planned nor given as a remedy."""

from __future__ import annotations

import pytest

from virtmigrate.disk_plan import decide
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate.options import Options
from virtmigrate.sharing import Proof
from virtmigrate.storage import Image, Pool

PATH = "/images/g.img"
TOP = Image(1 << 20, "qcow2", 1 << 10, backing="/shared/base.img")


def decided(*, taken=False, room=None, **able):
    proof = Proof(
        Sharing.NOT_SHARED, "seen", PATH, TOP, Pool("images", "/images", room),
        taken=taken, base=("/shared/base.img", "raw"),
    )  # fmt: skip
    disk = Disk(target="vda", path=PATH, format="qcow2")
    return decide([disk], {"vda": proof}, Options(), moves=True, vouch=False, **able)


@pytest.mark.parametrize(
    ("tops", "way", "base"),
    [(True, Way.TOP_COPIED, "/shared/base.img"), (False, Way.COPIED, "")],
)
def test_a_layer_alone_is_copied_only_where_it_can_be(tops, way, base):
    (disk,), findings = decided(tops=tops)
    assert (disk.way, disk.backing, disk.made) == (way, base, True)
    assert [f.id for f in findings] == ([] if tops else ["chain-flattened"])


@pytest.mark.parametrize("document", [True, False])
@pytest.mark.parametrize("trouble", [{"taken": True}, {"room": 1}])
def test_another_path_is_a_remedy_only_where_a_document_is_taken(document, trouble):
    _, findings = decided(document=document, **trouble)
    (remedy,) = [f.remedy for f in findings if f.remedy]
    assert ("--xml" in remedy) is document
