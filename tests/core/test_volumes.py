"""Disks that a definition names by pool and volume."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import VirtualClock, World
from tests.core.storages import Directory, MemoryStorage, Mount, failing
from tests.requirements import requirement
from virtmigrate.disk_plan import decide
from virtmigrate.disks import Disk, Sharing, Way
from virtmigrate.errors import AnswerLost, HostError, Side
from virtmigrate.options import Options
from virtmigrate.phases import Outcome
from virtmigrate.plan import Level
from virtmigrate.proving import _proof
from virtmigrate.sharing import Known, Prover

VOLUME = Disk(target="vda", kind="volume", pool="images", path="one.img")


def storages(*, there="/images", name="images", shared=False):
    """Both hosts' storage: the source's pool `images`, the destination's likewise."""
    mine = Directory()
    mine.put("one.img")
    yours = mine if shared else Directory()
    return (
        MemoryStorage(images=Mount(mine, "/images")),
        MemoryStorage(Side.DESTINATION, **{name: Mount(yours, there)}),
    )


def settled(ends, disk=VOLUME, *, moves=True, **asked):
    """The disk as a plan has it, and its findings."""
    prover = Prover(*ends, ("host-a", "host-b"), Known(VirtualClock()))
    disk, proof = _proof(prover, disk)
    (disk,), findings = decide(
        [disk], {"vda": proof}, Options(**asked), moves=moves, vouch=True
    )
    return disk, findings


def told(findings):
    return [(f.id, f.side, f.level) for f in findings]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ["images", "other"])
@requirement("disks.volumes")
def test_a_volume_is_a_file_of_its_pool(shared, name):
    disk, findings = settled(storages(name=name, shared=shared))
    assert (disk.kind, disk.path, disk.there) == ("file", *["/images/one.img"] * 2)
    assert (disk.pool, disk.pool_there) == ("images", name)
    assert disk.way is (Way.STAYS if shared else Way.COPIED)
    assert disk.sharing is (Sharing.SHARED if shared else Sharing.NOT_SHARED)
    assert told(findings) == []


@requirement("disks.volumes")
def test_it_is_found_where_the_pool_is_mounted_elsewhere():
    disk, _ = settled(storages(there="/srv", shared=True))
    assert (disk.there, disk.pool_there, disk.way) == (
        *("/srv/one.img", "images"),
        Way.STAYS,
    )


@requirement("disks.volumes")
def test_the_callers_own_pool_and_volume_are_a_wish_for_a_path():
    wish = {"wanted_pool": "own", "wanted_there": "mine.img"}
    for disk in (VOLUME, Disk(target="vda", path="/images/one.img")):
        found, findings = settled(
            storages(there="/own", name="own"), disk.model_copy(update=wish)
        )
        assert (found.there, found.pool_there) == ("/own/mine.img", "own")
        assert told(findings) == []


HERE, THERE = Side.SOURCE, Side.DESTINATION
NO_FILES = ("pool-not-of-files", Level.BLOCKER)
MISSING = ("pool-missing", Level.BLOCKER)


def blocker(found, side):
    name, level = found
    return name, side, level


@requirement("disks.volumes")
def test_a_pool_of_the_source_that_has_no_files_is_told_by_name():
    here, there = storages()
    here.mounts, here.others = {}, {"images": "logical"}
    disk, findings = settled((here, there))
    assert (disk.kind, disk.sharing) == ("volume", Sharing.UNKNOWN)
    assert told(findings) == [blocker(NO_FILES, HERE)]
    assert "source's pool images is logical, none of files" in findings[0].message
    assert "--unsafe" in findings[0].remedy


@requirement("disks.volumes")
def test_who_vouches_for_it_needs_but_a_pool_of_that_name_there():
    here, there = storages()
    here.mounts, here.others = {}, {"images": "rbd"}
    vouched = ("sharing-vouched", Side.BOTH, Level.WARNING)
    assert told(settled((here, there), unsafe=True)[1]) == [vouched]
    there.mounts = {}
    assert told(settled((here, there), unsafe=True)[1]) == [
        vouched,
        blocker(MISSING, THERE),
    ]
    there.others = {"images": "rbd"}
    assert told(settled((here, there), unsafe=True)[1]) == [vouched]


@requirement("disks.volumes")
def test_a_pool_of_the_destination_that_can_not_have_the_copy_is_told_by_name():
    here, there = storages(there="/own", name="own")
    assert told(settled((here, there))[1]) == [blocker(MISSING, THERE)]
    there.others = {"images": "logical"}
    _, findings = settled((here, there))
    assert told(findings) == [blocker(NO_FILES, THERE)]
    assert "destination's pool images is logical" in findings[0].message
    assert "--xml" in findings[0].remedy


@requirement("disks.volumes")
def test_a_pool_that_the_callers_document_names_has_to_be_there():
    wish = VOLUME.model_copy(update={"wanted_pool": "vg", "wanted_there": "lv"})
    here, there = storages(shared=True)
    assert told(settled((here, there), wish)[1]) == [blocker(MISSING, THERE)]
    there.others = {"vg": "logical"}
    assert told(settled((here, there), wish)[1]) == [blocker(NO_FILES, THERE)]


def test_a_pool_that_is_not_active_at_the_source_is_to_be_started():
    here, there = storages()
    here.mounts = {}
    _, findings = settled((here, there))
    assert told(findings) == [blocker(MISSING, HERE)]
    assert "pool-start images" in findings[0].remedy


def test_a_drive_that_may_arrive_empty_needs_no_pool():
    here, there = storages(there="/own", name="own")
    drive = VOLUME.model_copy(update={"removable": True, "read_only": True})
    assert blocker(MISSING, THERE) in told(settled((here, there), drive)[1])
    drive = drive.model_copy(update={"optional": True})
    assert {f.level for f in settled((here, there), drive)[1]} == {Level.WARNING}


def test_an_offline_move_takes_a_definition_whatever_its_pools_are():
    here, there = storages()
    here.mounts, here.others = {}, {"images": "logical"}
    _, findings = settled((here, there), moves=False)
    assert [f.id for f in findings] == ["disk-left-behind"]


def test_a_host_that_does_not_answer_of_its_pools_makes_it_unknown():
    here, there = storages()
    here.at["pools"].append(failing(HostError("no storage driver")))
    disk, findings = settled((here, there))
    assert (disk.kind, disk.sharing) == ("volume", Sharing.UNKNOWN)
    assert [f.id for f in findings] == ["sharing-unknown"]
    here.at["pools"] = [failing(AnswerLost("no answer"))]
    with pytest.raises(AnswerLost):
        settled((here, there))


@requirement("disks.volumes")
def test_a_guest_with_volumes_moves_with_them():
    here, there = storages(there="/own")
    world = World(disks=[VOLUME], storages={"a": here, "b": there})
    result = Run(world).migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert set(there.mounts["images"].directory.files) == {"one.img"}
