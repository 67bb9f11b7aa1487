"""Guests with disks between hosts whose storage is shared, apart, lying or failing."""

from __future__ import annotations

import threading

import pytest

from tests.mock.rig import MANAGER, Driver, connect, migrator, move
from tests.requirements import requirement
from virtmigrate import MemoryJournal, Migrator, Options, Side
from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.planning import Request
from virtmigrate.storage import Image, Storage
from virtmigrate_mock import World
from virtmigrate_mock.disk_state import GuestDisk, Mirror
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.mirror import advance, alike, seconds_left
from virtmigrate_mock.state import Fault

PATH = "/images/g.img"
STYLES = ("qemu-like", "vz-like")
HERE, THERE = "a:/images", "b:/images"
MIB = 1 << 20


def furnished(style="qemu-like", *, shared=False, path="/images", **more):
    """Two hosts with a pool each, or the same; a guest with a disk on a."""
    world = World.create("disks", style=style, link_mib_s=100, replace=True)
    directory = "nfs" if shared else ""
    world.add_pool("a", "images", "/images", directory=directory)
    size = more.pop("room_mib", None)
    world.add_pool("b", "images", path, directory=directory, size_mib=size)
    guest = {"memory_mib": 64, "dirty_mib_s": 8}
    writes, disks = more.pop("write_mib_s", 10), more.pop("disks", None)
    if disks is None:
        disks = [GuestDisk(PATH, size_mib=1000, write_mib_s=writes)]
    world.add_guest("a", "g", disks=disks, **(guest | more))
    return world


def refused(world, **asked):
    """Ids of the blockers."""
    with pytest.raises(ExceptionGroup) as caught:
        move(world, **asked)
    return [str(error) for error in caught.value.exceptions]


# Worlds.


@pytest.mark.parametrize("style", STYLES)
@requirement("disks.silly")
@requirement("disks.right-thing")
def test_what_is_not_shared_is_copied_with_what_the_guest_writes_meanwhile(style):
    world = furnished(style)
    result = move(world)
    assert result.outcome is Outcome.SUCCEEDED
    kept = [] if style == "vz-like" else ["g.img"]
    assert world.images() == {HERE: kept, THERE: ["g.img"]}
    assert world.violations() == []
    # 500 MiB in use, 100 MiB/s, of which the guest's writes take 10.
    assert 500 / 90 < result.timing.total_ms / 1000 < 500 / 90 + 2


@pytest.mark.parametrize("style", STYLES)
@requirement("disks.right-thing")
def test_what_is_shared_stays(style):
    world = furnished(style, shared=True)
    assert move(world).outcome is Outcome.SUCCEEDED
    assert world.images() == {"nfs": ["g.img"]}
    assert world.violations() == []


def test_what_is_shared_under_another_path_stays_and_the_definition_follows():
    world = furnished(shared=True, path="/srv/nfs")
    assert move(world).outcome is Outcome.SUCCEEDED
    assert world.images() == {"nfs": ["g.img"]}
    there = world.copies("g")["b"]
    for xml in (there.live.xml, there.persistent_xml):
        assert "'/srv/nfs/g.img'" in xml.replace('"', "'")
    assert world.violations() == []


def test_a_style_whose_definitions_can_not_be_changed_refuses_another_path():
    (why,) = refused(furnished("vz-like", shared=True, path="/srv/nfs"))
    assert "its path can't be changed" in why


@pytest.mark.parametrize("style", STYLES)
@requirement("disks.existence")
def test_another_file_at_the_same_path_is_never_written_to(style):
    world = furnished(style)
    world.put_image("b", PATH, "somebody else's")
    (why,) = refused(world)
    assert "it would be overwritten" in why
    assert world.images() == {HERE: ["g.img"], THERE: ["g.img"]}


@requirement("disks.existence")
def test_a_name_that_leads_elsewhere_on_one_host_is_not_shared():
    world = furnished(shared=True)
    world.link_image("b", PATH, "b:/private")
    world.put_image("b", PATH, "somebody else's", 1000)
    (why,) = refused(world)
    assert "is not proven to be the same image" in why


@requirement("disks.validate")
def test_unsafe_vouches_for_what_can_not_be_told_and_the_world_sees_a_lie():
    def lying():
        world = furnished()
        world.put_image("b", PATH, "somebody else's", 1000)
        world.script(Fault("look-image", "error", host="b", times=9))
        return world

    assert "can't be told" in refused(lying())[0]
    world = lying()
    assert move(world, unsafe=True).outcome is Outcome.SUCCEEDED
    assert any("its disks are not those" in text for text in world.violations())


@requirement("disks.source-kept")
def test_the_sources_image_goes_where_that_is_asked():
    world = furnished()
    assert move(world, remove_source_disks=True).faults == ()
    assert world.images() == {HERE: [], THERE: ["g.img"]}
    assert world.violations() == []


def test_a_disk_of_many_layers_is_copied_by_its_top():
    world = furnished(disks=[])
    for host in "ab":
        world.add_pool(host, "base", "/base", directory="base")
    world.put_image("a", "/base/base.img", "template")
    world.put_image("a", PATH, "g", 1000)
    with world.store as state:
        image = state.directories[HERE].images["g.img"]
        image.format, image.backing, image.backing_format = (
            "qcow2",
            "/base/base.img",
            "raw",
        )
    world.add_guest("a", "layered", disks=[GuestDisk(PATH, format="qcow2")])
    assert move(world, "layered").outcome is Outcome.SUCCEEDED
    assert world.state().directories[THERE].images["g.img"].backing == "/base/base.img"
    assert world.violations() == []


def test_there_and_back_again():
    world = furnished()
    assert move(world, remove_source_disks=True).outcome is Outcome.SUCCEEDED
    world.clock.sleep(10)
    back = migrator(world).migrate(
        "g", world.uri("b"), world.uri("a"), Options(remove_source_disks=True)
    )
    assert back.outcome is Outcome.SUCCEEDED
    assert world.images() == {HERE: ["g.img"], THERE: []}
    assert world.violations() == []


# Storage that fails.


@pytest.mark.parametrize("style", STYLES)
def test_no_room_in_the_middle_leaves_nothing_and_can_be_tried_again(style):
    world = furnished(style, room_mib=2000)
    world.put_image("b", "/images/ballast.img", "x", 1000)
    world.at(world.clock.now() + 2, "room", "b", value=700)
    result = move(world)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "no space left on device" in result.faults[0].message
    assert world.images() == {HERE: ["g.img"], THERE: ["ballast.img"]}
    world.befall("room", "b")
    assert move(world).outcome is Outcome.SUCCEEDED
    assert world.violations() == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["error", "lost-answer"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_image_that_could_not_be_made_leaves_nothing(style, kind, when):
    world = furnished(style)
    world.script(Fault("make-image", kind, when, host="b"))
    result = move(world)
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.images() == {HERE: ["g.img"], THERE: []}
    assert world.where("g") == ["a"]
    assert world.violations() == []


@pytest.mark.parametrize("kind", ["error", "lost-answer", "unreachable"])
def test_a_proof_that_fails_leaves_no_nonce(kind):
    world = furnished(shared=True)
    world.script(Fault("look-image", kind, host="b"))
    with pytest.raises((ExceptionGroup, HostError)):
        move(world)
    assert world.images() == {"nfs": ["g.img"]}


def _cancel(event, cancel):
    if event.kind == "progress":
        cancel.set()


@pytest.mark.parametrize("style", STYLES)
def test_cancelled_in_the_middle_of_the_copy_nothing_is_left(style):
    world = furnished(style)
    cancel = threading.Event()
    mover = migrator(world, sinks=[lambda event: _cancel(event, cancel)])
    ends = world.uri("a"), world.uri("b")
    result = mover._migrate("m", Request("g"), ends, cancel)
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.images() == {HERE: ["g.img"], THERE: []}
    assert world.where("g") == ["a"]
    assert world.violations() == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("at_s", [0.5, 3.0, 5.7])
@requirement("disks.only-ours")
def test_killed_in_the_middle_of_the_copy_recovery_leaves_what_is_needed(style, at_s):
    world = furnished(style)
    world.script(Fault("perform", "kill-controller", "during", at_s=at_s))
    journal = MemoryJournal()

    def mover():
        return Migrator(manager=MANAGER, journal=journal, clock=world.clock)

    with pytest.raises(ControllerKilled):
        mover().migrate("g", world.uri("a"), world.uri("b"))
    result = mover().recover(journal.entries()[0].migration)
    moved = result.outcome is Outcome.SUCCEEDED
    assert moved is (style == "vz-like")
    assert world.where("g") == (["b"] if moved else ["a"])
    lies = world.images()
    assert lies[THERE] == (["g.img"] if moved else [])
    assert lies[HERE] == ([] if moved else ["g.img"])
    assert world.violations() == []


def test_a_stopped_vz_like_guest_moves_with_its_disks():
    world = furnished("vz-like", state=RunState.SHUTOFF)
    assert move(world).outcome is Outcome.SUCCEEDED
    assert world.images() == {HERE: [], THERE: ["g.img"]}
    assert world.violations() == []


# What the judge sees.


def copied_by_hand(world):
    """A migration as far as its perform, without anybody's looking at storage."""
    driver = Driver(world, copy_storage=True)
    there = driver.destination.storage
    there.make(there.pools()[0], "g.img", Image(1000 * MIB, "raw"))
    return driver, there


@requirement("disks.never-the-newest")
def test_the_judge_sees_that_the_newest_copy_was_deleted():
    world = furnished()
    driver, there = copied_by_hand(world)
    driver.through("confirm")
    world.clock.sleep(1)
    there.delete(there.pools()[0], "g.img")
    assert any("last copy of its data" in text for text in world.violations())


def test_the_judge_sees_that_the_only_copy_was_deleted():
    world = furnished()
    here = connect(world, "a").storage
    here.delete(here.pools()[0], "g.img")
    found = world.violations()
    assert any("last copy" in text for text in found)
    assert any("under a guest" in text for text in found)


def test_the_judge_sees_that_data_was_overwritten():
    world = furnished()
    driver, _ = copied_by_hand(world)
    with world.store as state:
        state.directories[THERE].images["g.img"].data = "somebody else's"
    driver.through("perform")
    assert any("overwritten" in text for text in world.violations())


def test_the_judge_sees_other_disks_under_a_guest_that_moved():
    world = furnished(shared=True)
    driver = Driver(world)
    with world.store as state:
        state.hosts["b"].pools["images"].links["g.img"] = "private"
        state.directories["private"] = type(state.directories["nfs"])()
    world.put_image("b", PATH, "somebody else's")
    driver.through("finish")
    assert any("its disks are not those" in text for text in world.violations())


# Physics and figures.


def test_disks_go_first_and_are_told_apart_from_memory():
    world = furnished()
    seen = []
    driver = Driver(
        world, lambda _: seen.append(driver.ctx.guest.sample()), copy_storage=True
    )
    there = driver.destination.storage
    there.make(there.pools()[0], "g.img", Image(1000 * MIB, "raw"))
    driver.through("perform")
    first, last = seen[0], seen[-1]
    assert first.disk_total_bytes == last.disk_total_bytes == 500 * MIB
    assert first.total_bytes == 500 * MIB, "no memory yet"
    assert first.disk_processed_bytes == first.processed_bytes
    assert 0 < first.disk_remaining_bytes < 500 * MIB
    assert first.remaining_bytes == first.disk_remaining_bytes
    assert last.total_bytes == (500 + 64) * MIB
    assert last.disk_remaining_bytes == 0
    assert last.processed_bytes > last.disk_processed_bytes >= 500 * MIB


def test_a_guest_without_disks_has_no_bytes_of_disks():
    world = furnished(disks=[])
    seen = []
    driver = Driver(world, lambda _: seen.append(driver.ctx.guest.sample()))
    driver.through("perform")
    assert {sample.disk_total_bytes for sample in seen} == {0}


def test_a_guest_that_writes_faster_than_the_link_never_gets_there():
    mirror = Mirror(100.0, 100.0, write_mib_s=50.0)
    assert seconds_left(mirror, 50.0, running=True) == float("inf")
    assert advance(mirror, 50.0, 10.0, running=True) == 10.0
    assert (mirror.remaining_mib, mirror.sent_mib) == (100.0, 500.0)
    assert advance(mirror, 50.0, 10.0, running=False) == 2.0
    assert alike(mirror)


def test_postcopy_waits_for_the_disks():
    world = furnished()
    driver = Driver(
        world,
        lambda count: count == 1 and driver.ctx.guest.set_knob("postcopy", 1),
        copy_storage=True,
        postcopy=True,
    )
    there = driver.destination.storage
    there.make(there.pools()[0], "g.img", Image(1000 * MIB, "raw"))
    with pytest.raises(HostError, match="wait for the disks"):
        driver.through("perform")


# Storage itself.


def test_storage_is_a_storage():
    world = furnished()
    host = connect(world, "b", Side.DESTINATION)
    storage = host.storage
    assert isinstance(storage, Storage)
    (pool,) = storage.pools()
    assert storage.make(
        pool, "x", Image(MIB, "qcow2", backing="/b", backing_format="r")
    )
    image = storage.look(pool, "x")
    assert (image.capacity_bytes, image.format, image.backing) == (MIB, "qcow2", "/b")
    assert not storage.make(pool, "x", Image(2 * MIB, "raw"))
    assert storage.look(pool, "x") == image
    assert list(storage.names(pool)) == ["x"]
    for _ in range(2):
        storage.delete(pool, "x")
    assert storage.look(pool, "x") is None
    assert connect(world, "a").storage.users(PATH) == ["g"]
    assert storage.users(PATH) == []


def test_a_guests_writes_show_in_the_times_of_its_image():
    world = furnished()
    storage = connect(world, "a").storage
    (pool,) = storage.pools()
    before = storage.look(pool, "g.img").changed_ns
    world.clock.sleep(1)
    assert storage.look(pool, "g.img").changed_ns > before
    world.befall("pause", "a", "g")
    still = storage.look(pool, "g.img").changed_ns
    world.clock.sleep(1)
    assert storage.look(pool, "g.img").changed_ns == still


def test_disks_outlive_a_file(tmp_path):
    """Pools, images and a copy on its way go to JSON and back."""
    world = World.create(path=tmp_path / "w.json", clock="virtual", link_mib_s=100)
    for host in "ab":
        world.add_pool(host, "images", "/images")
    world.add_guest("a", "g", memory_mib=64, disks=[GuestDisk(PATH, write_mib_s=1)])
    assert move(world).outcome is Outcome.SUCCEEDED
    assert list(world.images().values()) == [["g.img"], ["g.img"]]
    assert world.violations() == []
