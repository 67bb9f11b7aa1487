"""A guest that writes an image's header at the beginning of its raw disk."""

from __future__ import annotations

import pytest

from tests.mock.rig import migrator, move
from tests.mock.test_disks import HERE, MIB, STYLES, THERE, furnished
from tests.requirements import requirement
from virtmigrate import Side
from virtmigrate.phases import Outcome
from virtmigrate.storage import Image

FOREIGN = Image(1 << 40, "qcow2", backing="/etc/shadow", backing_format="raw")


@pytest.mark.parametrize("style", STYLES)
@requirement("disks.headers")
def test_a_raw_disk_is_copied_by_its_length_and_alone(style):
    world = furnished(style)
    with world.store as state:
        state.directories[HERE].images["g.img"].header = FOREIGN
    plan = migrator(world).plan("g", world.uri("a"), world.uri("b"))
    (disk,) = plan.disks
    assert (disk.capacity_bytes, disk.backing) == (1000 * MIB, "")
    (told,) = (f for f in plan.findings if f.id == "image-format-differs")
    assert told.side is Side.SOURCE
    assert "qcow2 of 1,099,511,627,776 bytes over /etc/shadow" in told.message
    assert move(world).outcome is Outcome.SUCCEEDED
    with world.store as state:
        made = state.directories[THERE].images["g.img"]
    assert (made.format, made.capacity_bytes, made.backing) == ("raw", 1000 * MIB, "")
    assert made.header == FOREIGN
    assert world.violations() == []


@requirement("disks.headers")
def test_a_raw_disk_that_is_shared_stays_whatever_it_names():
    world = furnished(shared=True)
    with world.store as state:
        state.directories["nfs"].images["g.img"].header = FOREIGN
    assert move(world).outcome is Outcome.SUCCEEDED
    assert world.images() == {"nfs": ["g.img"]}
    assert world.violations() == []
