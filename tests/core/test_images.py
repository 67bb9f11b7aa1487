"""Images are made, noted and given back; at the source they go only where asked."""

from __future__ import annotations

import json

import pytest

from tests.core.contexts import context
from tests.core.plans import plan_of
from tests.core.runs import Run
from tests.core.scripted import Copy, World
from tests.core.storages import GIB, Directory, MemoryStorage, Mount, failing
from tests.requirements import requirement
from virtmigrate import images
from virtmigrate.adjudication import Told
from virtmigrate.closing import may_have_run
from virtmigrate.disks import Disk, Way
from virtmigrate.errors import AnswerLost, HostError, Side
from virtmigrate.host import RunState, Sighting
from virtmigrate.phases import Outcome
from virtmigrate.storage import Image

NAMES = ("one.img", "two.img")


class Killed(BaseException):
    """Kill -9, as near as one process can have it."""


def furnished(*names, **world):
    """A guest with images on the source's own storage, and its world."""
    mine, yours = Directory(), Directory()
    for name in names or NAMES:
        mine.put(name)
    yours.put("others.img")
    disks = [
        Disk(target=f"vd{letter}", path=f"/images/{name}")
        for letter, name in zip("ab", names or NAMES, strict=False)
    ]
    storages = {
        "a": MemoryStorage(images=Mount(mine, "/images")),
        "b": MemoryStorage(Side.DESTINATION, images=Mount(yours, "/images")),
    }
    return mine, yours, World(disks=disks, storages=storages, **world)


def held(world, **captured):
    """The same with a context, as if images were to be made now."""
    disks = tuple(
        disk.model_copy(
            update={
                "there": disk.path,
                "way": Way.COPIED,
                "made": True,
                "capacity_bytes": GIB,
            }
        )
        for disk in world.disks
    )
    plan = plan_of().model_copy(update={"disks": disks})
    return context(world, plan=plan, **captured)


@requirement("disks.silly")
@requirement("disks.right-thing")
def test_a_guest_whose_disks_are_not_shared_moves_with_them():
    mine, yours, world = furnished()
    result = Run(world).migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert set(yours.files) == {*NAMES, "others.img"}
    assert yours.files["one.img"].capacity_bytes == GIB
    assert set(mine.files) == set(NAMES), "nobody asked for them to go"


def test_each_image_is_noted_durably_before_it_is_made():
    _, yours, world = furnished()
    run = Run(world)
    noted = []

    def see(name):
        if name in NAMES:
            last = world.calls[-1]
            noted.append((name, last, name in yours.files))

    world.storages["b"].at["make"].append(see)
    run.migrate()
    assert noted == [(name, "journal.noted", False) for name in NAMES]


@requirement("disks.only-ours")
def test_what_is_there_by_now_is_not_touched_and_the_rest_goes():
    _, yours, world = furnished()
    theirs = Image(5, "raw")

    def somebody(name):
        if name == "one.img":
            yours.put("two.img", theirs)

    world.storages["b"].at["made"].append(somebody)
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert "/images/two.img exists there by now" in result.faults[0].message
    assert set(yours.files) == {"two.img", "others.img"}
    assert yours.files["two.img"].capacity_bytes == 5


@requirement("disks.only-ours")
def test_what_somebody_makes_at_the_very_moment_is_not_deleted():
    _, yours, world = furnished("one.img")
    world.storages["b"].at["make"].append(yours.put)
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert set(yours.files) == {"one.img", "others.img"}


def test_no_room_in_the_middle_gives_back_what_was_made():
    _, yours, world = furnished()
    yours.room = None

    def full(name):
        yours.room = 0

    world.storages["b"].at["made"].append(full)
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert "no space left" in result.faults[0].message
    assert set(yours.files) == {"others.img"}
    assert world.hosts["a"].state is RunState.RUNNING


def test_what_was_perhaps_made_is_deleted():
    _, yours, world = furnished()
    world.storages["b"].at["made"].append(failing(AnswerLost("no answer")))
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert set(yours.files) == {"others.img"}


@pytest.mark.parametrize("call", ["prepare", "perform", "finish(go)"])
def test_what_fails_later_leaves_no_image(call):
    _, yours, world = furnished()
    world.breaks(call, "before", HostError("no", side=Side.DESTINATION))
    result = Run(world).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert set(yours.files) == {"others.img"}
    assert result.obligations == ()


@pytest.mark.parametrize("moment", ["make", "made"])
def test_a_controller_killed_meanwhile_leaves_no_image(moment):
    mine, yours, world = furnished()
    run = Run(world)

    def killed(name):
        if name == "two.img":
            world.storages["b"].at[moment].clear()
            raise Killed

    world.storages["b"].at[moment].append(killed)
    with pytest.raises(Killed):
        run.migrate()
    run.journal.crash()
    assert run.migrator.recover("m1").outcome is Outcome.ROLLED_BACK
    assert set(yours.files) == {"others.img"}
    assert set(mine.files) == set(NAMES)


def test_what_could_not_be_deleted_is_owed():
    _, yours, world = furnished()
    world.breaks("perform", "before", HostError("no", side=Side.SOURCE))
    there = world.storages["b"]
    there.at["delete"].append(failing(HostError("stale handle", side=Side.DESTINATION)))
    run = Run(world)
    result = run.migrate()
    assert result.obligations == ("delete_disks",)
    assert any("/images/one.img" in warning for warning in result.warnings)
    there.at["delete"].clear()
    assert [str(debt.state) for debt in run.migrator.settle()] == ["paid"]
    assert set(yours.files) == {"others.img"}


# Deleting at the destination.


def test_only_what_is_noted_is_deleted_and_twice_is_harmless():
    _, yours, world = furnished()
    ctx = held(world)
    images.make(ctx)
    yours.put("three.img")
    images.delete(ctx)
    images.delete(ctx)
    assert set(yours.files) == {"three.img", "others.img"}
    assert json.loads(ctx.notes[images.MADE]) == []


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED_MIGRATION])
def test_nothing_is_deleted_under_a_guest(state):
    _, yours, world = furnished()
    ctx = held(world)
    images.make(ctx)
    world.hosts["b"] = Copy(state)
    with pytest.raises(HostError, match="may use"):
        images.delete(ctx)
    assert set(yours.files) == {*NAMES, "others.img"}


@requirement("recover.disks-kept")
def test_nothing_is_deleted_that_a_definition_refers_to():
    _, yours, world = furnished("one.img")
    ctx = held(world)
    images.make(ctx)
    world.storages["b"].referring["/images/one.img"] = ["demo"]
    with pytest.raises(HostError, match="demo refers to it"):
        images.delete(ctx)
    assert "one.img" in yours.files


def test_the_guests_own_definition_that_was_there_before_keeps_no_image():
    _, yours, world = furnished("one.img")
    world.hosts["b"] = Copy(RunState.SHUTOFF, "<domain/>")
    ctx = held(world, there=Copy(RunState.SHUTOFF, "<domain/>"))
    images.make(ctx)
    world.storages["b"].referring["/images/one.img"] = ["demo"]
    images.delete(ctx)
    assert set(yours.files) == {"others.img"}


GONE = Sighting(RunState.ABSENT)
THERE = Sighting(RunState.SHUTOFF, persistent=True)
RUNS = Sighting(RunState.RUNNING, persistent=True)


@pytest.mark.parametrize(
    ("told", "two_step", "was", "source", "kept"),
    [
        (Told.BEGUN, False, RunState.RUNNING, GONE, False),
        (Told.PERFORMED, True, RunState.RUNNING, GONE, False),
        (Told.PERFORM_INTENDED, False, RunState.RUNNING, RUNS, False),
        (Told.PERFORM_INTENDED, False, RunState.RUNNING, GONE, True),
        (Told.ROLLING_BACK, False, RunState.RUNNING, THERE, True),
        (Told.COMMITTED, True, RunState.RUNNING, GONE, True),
        (Told.COMMITTED, True, RunState.RUNNING, RUNS, True),
        (Told.COMMITTED, False, RunState.SHUTOFF, THERE, False),
        (Told.PERFORMED, False, RunState.SHUTOFF, GONE, True),
    ],
)
@requirement("disks.never-the-newest")
def test_images_on_which_the_guest_may_have_run_are_kept(
    told, two_step, was, source, kept
):
    plan = plan_of()
    guest = plan.guest.model_copy(update={"state": was})
    plan = plan.model_copy(update={"guest": guest, "two_step": two_step})
    assert may_have_run(plan, told, source) is kept


@requirement("disks.never-the-newest")
def test_a_transient_guest_that_ended_after_its_move_leaves_its_images():
    """It ran there after COMMIT, and stopped: nothing shows it, but the journal."""
    _, yours, world = furnished(persistent=False)
    run = Run(world)
    world.breaks("finish(go)", "after", Killed())
    with pytest.raises(Killed):
        run.migrate(persist_dest=False)
    run.journal.crash()
    world.hosts["b"], world.hosts["a"] = Copy(), Copy()
    result = run.migrator.recover("m1")
    assert set(yours.files) == {*NAMES, "others.img"}
    assert any("may have run" in warning for warning in result.warnings)


# Removing at the source.

REMOVE = {"remove_source_disks": True}


@requirement("disks.source-kept")
def test_the_sources_images_go_where_that_is_asked():
    mine, yours, world = furnished()
    result = Run(world).migrate(**REMOVE)
    assert (result.outcome, result.faults) == (Outcome.SUCCEEDED, ())
    assert mine.files == {}
    assert set(NAMES) < set(yours.files)


@requirement("disks.source-kept")
def test_a_shared_image_stays_whatever_is_asked():
    mine, _, world = furnished("one.img")
    world.storages["b"].mounts["images"] = Mount(mine, "/images")
    Run(world).migrate(**REMOVE)
    assert set(mine.files) == {"one.img"}


def removing(*, there=RunState.RUNNING, here=None, shareable=False, **image):
    """A guest that has moved, at the moment before its source's image goes."""
    mine, _, world = furnished("one.img")
    world.disks = [d.model_copy(update={"shareable": shareable}) for d in world.disks]
    ctx = held(world)
    images.make(ctx)
    world.hosts = {"a": here or Copy(), "b": Copy(there)}
    if image:
        mine.put("one.img", Image(**image))
    return mine, world, ctx


@pytest.mark.parametrize(
    "state",
    [RunState.ABSENT, RunState.SHUTOFF, RunState.PAUSED_MIGRATION, RunState.POSTCOPY],
)
@requirement("disks.source-kept")
def test_no_image_goes_while_the_guest_does_not_live_there(state):
    mine, _, ctx = removing(there=state)
    with pytest.raises(HostError, match=r"here: .* stays"):
        images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


@pytest.mark.parametrize(
    "here", [Copy(RunState.RUNNING), Copy(RunState.SHUTOFF, "<domain/>")]
)
@requirement("disks.source-kept")
def test_no_image_goes_that_the_source_still_has_a_guest_for(here):
    mine, _, ctx = removing(here=here)
    with pytest.raises(HostError, match=r"here: .* stays"):
        images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


@requirement("recover.disks-kept")
def test_no_image_goes_that_another_guest_refers_to():
    mine, world, ctx = removing()
    world.storages["a"].referring["/images/one.img"] = ["other"]
    with pytest.raises(HostError, match="other refers to it"):
        images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


def test_no_image_goes_whose_copy_is_not_there():
    mine, world, ctx = removing()
    del world.storages["b"].mounts["images"].directory.files["one.img"]
    with pytest.raises(HostError, match="is not there"):
        images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


def test_no_image_goes_that_is_another_one_by_now():
    mine, _, ctx = removing(capacity_bytes=2 * GIB, format="raw")
    with pytest.raises(HostError, match="not the image that was copied"):
        images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


def test_no_image_goes_that_others_may_share():
    mine, _, ctx = removing(shareable=True)
    images.remove_source(ctx)
    assert set(mine.files) == {"one.img"}


def test_removing_twice_is_harmless():
    mine, _, ctx = removing()
    images.remove_source(ctx)
    images.remove_source(ctx)
    assert mine.files == {}


def test_a_controller_killed_before_it_removed_them_is_made_up_for():
    mine, yours, world = furnished()
    run = Run(world)
    world.breaks("confirm(go)", "after", Killed())
    with pytest.raises(Killed):
        run.migrate(**REMOVE)
    run.journal.crash()
    assert run.migrator.recover("m1").outcome is Outcome.SUCCEEDED
    assert mine.files == {}
    assert set(NAMES) < set(yours.files)


def test_what_could_not_be_removed_stays_and_is_told():
    mine, _, world = furnished()
    world.storages["a"].referring["/images/one.img"] = ["other"]
    result = Run(world).migrate(**REMOVE)
    assert result.outcome is Outcome.SUCCEEDED
    assert "other refers to it" in result.faults[0].message
    assert result.obligations == ()
    assert set(mine.files) == set(NAMES)
