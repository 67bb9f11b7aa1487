"""Limits of a transfer on the mock: they hold, also where one is not set at first."""

from __future__ import annotations

import pytest

from tests.mock.rig import furnished, migrator
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.presets import preset
from virtmigrate_mock import Fault


@requirement("ends.limit-kept")
@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_stop_that_could_not_be_limited_at_first_is_limited_all_the_same(times):
    world = furnished(memory_mib=256, working_set_mib=17, dirty_mib_s=60)
    if times:
        world.script(Fault("set_knob", "error", times=times))
    events = []
    result = migrator(world, sinks=[events.append]).migrate(
        "g",
        world.uri("a"),
        world.uri("b"),
        Options(bandwidth_mib_s=64, compressed=False),
        policy=preset().limited(max_downtime_ms=200),
    )
    assert result.succeeded
    assert result.downtime_ms <= 210
    assert next(e.value for e in events if e.kind == "acted") == 170
    assert len(result.warnings) == (times > 1), "what was set a moment later is no news"
