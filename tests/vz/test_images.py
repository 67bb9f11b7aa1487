"""Images: shared ones stay, others are made, copied, and taken back, and no more."""

from __future__ import annotations

import os

import pytest

from tests.requirements import requirement
from tests.vz.conftest import OWN, SHARED, content, pool, volumes
from tests.vz_host.conftest import virsh
from virtmigrate import Migrator, Outcome
from virtmigrate.disks import Sharing, Way
from virtmigrate.plan import Level
from virtmigrate_lab.vz_host.host import DISK

SIZE = 1 << 16


def no_nonce(hosts):
    for host in hosts:
        for name in ("images", "shared"):
            assert [v for v in volumes(host, name) if "proof" in v] == []


@requirement("disks.silly")
@requirement("vz.images")
def test_an_own_disk_is_made_there_and_moves(move, furnish, image):
    furnish(disks=(image(OWN),))
    (disk,) = move.plan().disks
    assert (disk.sharing, disk.way) == (Sharing.NOT_SHARED, Way.COPIED)
    assert (disk.there, disk.made, disk.capacity_bytes) == (OWN, True, SIZE)
    assert move().succeeded
    assert move.hosts["b"].file(OWN).read_bytes() == content(SIZE)
    assert not move.hosts["a"].file(OWN).exists()
    no_nonce(move.hosts)


@requirement("disks.right-thing")
@requirement("vz.images")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("run", [True, False], ids=["running", "stopped"])
def test_each_disk_takes_its_own_way(move, furnish, image, run, p2p):
    furnish(disks=(image(SHARED), image(OWN)), run=run)
    assert [disk.way for disk in move.plan().disks] == [Way.STAYS, Way.COPIED]
    assert move(p2p=p2p).succeeded
    a, b = move.hosts["a"], move.hosts["b"]
    assert a.file(SHARED).read_bytes() == content(SIZE)
    assert b.file(OWN).read_bytes() == content(SIZE)
    assert (volumes(a), volumes(b), volumes(b, "shared")) == ([], ["g.img"], ["g.img"])
    no_nonce(move.hosts)


def test_a_container_moves_with_its_ploop(move, furnish, image):
    ploops = image("/vz/images/root.hdd", form="ploop"), image(
        "/shared/images/data.hdd", form="ploop"
    )  # fmt: skip
    furnish(container=True, disks=ploops)
    assert [disk.way for disk in move.plan().disks] == [Way.COPIED, Way.STAYS]
    assert move().succeeded
    a, b = move.hosts["a"], move.hosts["b"]
    assert (b.file(ploops[0]) / "root.hds").read_bytes() == content(SIZE)
    assert (b.file(ploops[0]) / "DiskDescriptor.xml").exists()
    assert (a.file(ploops[1]) / "root.hds").read_bytes() == content(SIZE)
    assert volumes(a) == []


def test_layers_become_one_image(move, furnish, image):
    """The layer below is shared, yet Virtuozzo does not copy top layers alone."""
    image(SHARED)
    words = ("--format", "qcow2", "--backing-vol", SHARED)
    a = move.hosts["a"]
    assert virsh(a, "vol-create-as", "images", "g.img", "1M", *words).code == 0
    layered = DISK.format(path=OWN, letter="a").replace("'raw'", "'qcow2'")
    furnish(devices=layered)
    (disk,) = move.plan().disks
    assert (disk.way, disk.backing) == (Way.COPIED, "")
    assert move.found(Level.NOTE) == ["chain-flattened"]
    assert move().succeeded


def test_a_template_is_no_disk(move, furnish):
    furnish(container=True)
    assert move.plan().disks == ()
    assert move().succeeded


@requirement("disks.existence")
def test_a_file_at_the_same_path_is_no_proof(move, furnish, image):
    furnish(disks=(image(OWN),))
    virsh(move.hosts["b"], "vol-create-as", "images", "g.img", "64K")
    move.hosts["b"].file(OWN).write_bytes(b"somebody else's")
    (text,) = move.refusals()
    assert f"{OWN} exists there and is not proven to be the same image" in text
    assert "it would be overwritten" in text
    assert "--xml" not in text, "Virtuozzo takes no other document"
    assert move.hosts["b"].file(OWN).read_bytes() == b"somebody else's"
    no_nonce(move.hosts)


@requirement("disks.existence")
@requirement("disks.validate")
def test_two_exports_under_one_path_are_not_shared(move, furnish, image):
    furnish(disks=(image(SHARED),))
    b = move.hosts["b"]
    b.control(store={"mounts": {"/shared": "other"}})
    b.file("/shared/images").mkdir(parents=True)
    (disk,) = move.plan().disks
    assert (disk.sharing, disk.way) == (Sharing.NOT_SHARED, Way.COPIED)
    b.file(SHARED).write_bytes(b"somebody else's")
    (text,) = move.refusals()
    assert "it would be overwritten" in text
    b.file(SHARED).unlink()
    assert move().succeeded
    assert b.file(SHARED).read_bytes() == content(SIZE)


def test_a_name_that_leads_to_another_file_is_not_shared(move, furnish, image):
    """The directory is the same, by another mount; the name in it is a link."""
    furnish(disks=(image(SHARED),))
    b = move.hosts["b"]
    b.control(store={"mounts": {"/shared": "linked"}})
    directory = b.file("/shared/images")
    directory.mkdir(parents=True)
    (directory / "g.img").symlink_to(b.root / "another")
    (b.root / "another").write_bytes(b"somebody else's")
    (text,) = move.refusals()
    assert "it would be overwritten" in text
    assert (b.root / "another").read_bytes() == b"somebody else's"


def test_a_link_to_the_shared_directory_is_shared(move, furnish, image):
    furnish(disks=(image(SHARED),))
    b = move.hosts["b"]
    b.control(store={"mounts": {}})
    b.file("/shared").symlink_to(b.world / "shared")
    (disk,) = move.plan().disks
    assert (disk.sharing, disk.there) == (Sharing.SHARED, SHARED)
    assert move().succeeded
    assert b.file(SHARED).read_bytes() == content(SIZE)


def test_shared_under_another_path_is_refused_until_it_is_there_too(
    move, furnish, image
):
    """libvirt's vz driver takes no other document, so the path must be the same."""
    furnish(disks=(image(SHARED),))
    b = move.hosts["b"]
    virsh(b, "pool-destroy", "shared")
    b.control(store={"mounts": {"/mnt/all": "shared"}})
    pool(b, "all", "/mnt/all/images")
    (text,) = move.refusals()
    assert "disk sda would be /mnt/all/images/g.img there" in text
    assert "have its storage at /shared/images there too, and a storage pool" in text
    b.control(store={"mounts": {"/mnt/all": "shared", "/shared": "shared"}})
    virsh(b, "pool-start", "shared")
    assert move().succeeded
    assert move.hosts["a"].file(SHARED).read_bytes() == content(SIZE)


@requirement("disks.validate")
@requirement("vz.images")
def test_where_no_pool_has_the_directory_a_pool_is_the_remedy(move, furnish, image):
    a, b = move.hosts["a"], move.hosts["b"]
    path = "/extra/g.img"
    a.file(path).parent.mkdir(parents=True)
    a.file(path).write_bytes(content(SIZE))
    furnish(disks=(path,))
    (text,) = move.refusals()
    assert f"whether both hosts share {path} can't be told" in text
    assert "pool-define-as" in text
    assert "--unsafe" not in text
    pool(a, "extra", "/extra")
    (text,) = move.refusals()
    assert "no storage pool there has /extra: its image can't be made" in text
    assert "pool-define-as NAME dir --target /extra" in text
    pool(b, "extra", "/extra")
    assert move().succeeded
    assert b.file(path).read_bytes() == content(SIZE)


def test_what_has_gone_at_the_source_is_refused(move, furnish):
    furnish(disks=(OWN,))
    (text,) = move.refusals()
    assert f"how big {OWN} is can't be asked" in text


def test_copies_that_do_not_fit_are_refused_and_such_that_may_grow_warned_of(
    move, furnish, image
):
    furnish(disks=(image(OWN, 1 << 20),))
    b = move.hosts["b"]
    b.control(store={"room_bytes": 1 << 19})
    (text,) = move.refusals()
    assert "the copies need 1,048,576 bytes in /vz/images, and it has 524,288" in text
    b.control(store={"room_bytes": 3 << 20})
    os.truncate(move.hosts["a"].file(OWN), 8 << 20)
    assert "no-room-to-grow" in move.found(Level.WARNING)


@pytest.mark.parametrize("path", [OWN, SHARED])
def test_a_cd_stays_where_it_is(move, furnish, image, path):
    cd = (
        "<disk type='file' device='cdrom'><driver name='vz' type='raw'/>"
        f"<source file='{image(path)}'/><target dev='sdz' bus='sata'/><readonly/>"
        "</disk>"
    )
    furnish(devices=cd)
    if path == OWN:
        (text,) = move.refusals()
        assert f"{OWN} is not there, and what a guest only reads is not copied" in text
        return
    assert move().succeeded
    assert move.hosts["a"].file(path).read_bytes() == content(SIZE)


@pytest.mark.parametrize(
    "asked", [{"migrate_disks": ("sda",)}, {"copy_storage_inc": True},
              {"copy_storage": False}, {"remove_source_disks": False}],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_chosen_is_refused_by_name(move, furnish, image, asked):
    furnish(disks=(image(OWN),))
    (option,) = asked
    assert option in [error.subject for error in move.errors(**asked)]


@requirement("vz.disks-warned")
def test_a_kept_definition_is_warned_of_lost_disks(move, furnish, image):
    furnish(disks=(image(OWN), image(SHARED)))
    result = move(undefine_source=False)
    assert result.succeeded
    assert any("disks" in warning for warning in result.warnings)
    a, b = move.hosts["a"], move.hosts["b"]
    assert (volumes(a), volumes(b)) == ([], ["g.img"])
    assert a.file(SHARED).read_bytes() == content(SIZE)


def test_there_and_back(move, furnish, image):
    furnish(disks=(image(OWN), image(SHARED)))
    before = virsh(move.hosts["a"], "dumpxml", "g").out
    for _ in range(2):
        assert move().succeeded
        move.uris = move.uris[::-1]
    a, b = move.hosts["a"], move.hosts["b"]
    assert virsh(a, "dumpxml", "g").out == before
    assert (volumes(a), volumes(b)) == (["g.img"], [])
    assert {a.file(p).read_bytes() for p in (OWN, SHARED)} == {content(SIZE)}


@requirement("disks.existence")
def test_what_came_between_plan_and_move_is_not_touched(move, furnish, image):
    furnish(disks=(image(OWN),))
    there = move.hosts["b"].file(OWN)

    def come(event):
        if event.kind == "step-started" and event.step == "make_disks":
            there.write_bytes(b"somebody else's")

    migrator = Migrator(journal=move.journal, sinks=[come])
    result = migrator.migrate("g", *move.uris)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "exists there by now: it is not touched" in result.faults[0].message
    assert there.read_bytes() == b"somebody else's"
    assert move.where() == {"vz-a": "running"}
