"""What is written to disks is measured, and decides how they are copied."""

from __future__ import annotations

import pytest

from tests.mock.rig import migrator
from tests.mock.test_disks import furnished
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.again import OPTION
from virtmigrate.phases import Outcome

LINK = {"bandwidth_mib_s": 100}


def planned(world, measure_s=5.0, **asked):
    mover = migrator(world)
    ends = world.uri("a"), world.uri("b")
    plan = mover.plan("g", *ends, Options(**asked), measure_s=measure_s)
    return mover, plan


@requirement("disks.writes")
def test_writes_above_half_of_the_link_are_synchronous_from_the_start():
    world = furnished(write_mib_s=140)
    mover, plan = planned(world, **LINK)
    row = plan.settlement[OPTION]
    assert (row.asked, row.effective) == (None, True)
    assert row.why == (
        "the guest writes 140.0 MiB/s to what is copied, and the link has 100 MiB/s"
    )
    assert "disk writes: 140.0 MiB/s to what is copied, as measured" in (
        plan.forecast.basis
    )
    result = mover.run(plan)
    assert result.outcome is Outcome.SUCCEEDED
    assert len(mover.journal.entries()) == 1
    assert world.violations() == []


@requirement("disks.writes")
@pytest.mark.parametrize(
    ("writes", "measure_s", "asked"),
    [
        (49, 5.0, LINK),
        (140, 0.0, LINK),
        (140, 5.0, {}),
        (140, 5.0, {**LINK, OPTION: False}),
    ],
    ids=["slower", "not measured", "no link", "said no"],
)
def test_else_they_are_not(writes, measure_s, asked):
    _, plan = planned(furnished(write_mib_s=writes), measure_s, **asked)
    assert plan.settlement[OPTION].effective is False


@requirement("disks.writes")
def test_what_is_written_to_a_disk_that_stays_does_not_count():
    _, plan = planned(furnished(write_mib_s=140, shared=True), **LINK)
    assert plan.settlement[OPTION].effective is False
    assert not any("disk writes" in line for line in plan.forecast.basis)
