"""One figure of a move's samples can not be: the move ends as it would have."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mock.rig import migrator
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.figures import WHOLE
from virtmigrate.presets import preset
from virtmigrate_mock import World
from virtmigrate_mock.guest import MockGuest

honest = MockGuest.sample
GARBAGE = st.sampled_from([None, -1, 1.5, 1 << 70, 10**400, math.nan, math.inf, "x"])
FIELDS = st.sampled_from([*WHOLE, "percent", "pass_ms"])


@requirement("ends.hostile")
@pytest.mark.parametrize("sinks", [True, False])
@given(st.dictionaries(FIELDS, GARBAGE, min_size=1, max_size=3), st.booleans())
def test_a_guest_that_converges_arrives_whatever_is_counted(sinks, absurd, postcopy):
    def sample(guest):
        found = honest(guest)
        return found and replace(found, **absurd)

    world = World.create("test", link_mib_s=64, replace=True)
    world.add_guest("a", "g", memory_mib=128, working_set_mib=32, dirty_mib_s=10)
    events = []
    mover = migrator(world, sinks=[events.append] if sinks else [])
    uris = world.uri("a"), world.uri("b")
    policy = preset().allowing(postcopy=postcopy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MockGuest, "sample", sample)
        result = mover.migrate("g", *uris, Options(compressed=False), policy=policy)
    assert result.succeeded, result
    assert world.where("g") == ["b"]
    assert sinks is any(event.kind == "progress" for event in events)
