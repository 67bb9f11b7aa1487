"""The source's images of copied disks, where something kept them from being removed."""

from __future__ import annotations

from tests.mock.rig import move
from tests.mock.test_disks import HERE, PATH, furnished
from tests.requirements import requirement
from virtmigrate.phases import Outcome
from virtmigrate_mock.state import Fault


@requirement("disks.right-thing")
def test_an_image_that_stays_since_the_source_was_not_retired_is_told_by_its_path():
    world = furnished()
    world.script(Fault("confirm", "error", message="it is busy"))
    result = move(world, remove_source_disks=True)
    assert result.outcome is Outcome.SUCCEEDED
    assert world.images()[HERE] == ["g.img"]
    told = [fault for fault in result.faults if PATH in fault.message]
    assert [fault.step for fault in told] == ["remove_source_disks"]
    assert told[0].remedy
    assert world.violations() == []
