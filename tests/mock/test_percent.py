"""A hypervisor that counts percent alone, and has no knobs: what it is told of."""

from __future__ import annotations

import pytest

from tests.mock.rig import furnished, migrator
from tests.requirements import requirement
from virtmigrate.plan import Level
from virtmigrate.presets import preset
from virtmigrate_mock import World


def planned(style, policy, **guest):
    world = furnished(style, **guest)
    return migrator(world).plan("g", world.uri("a"), world.uri("b"), policy=policy)


def told(plan):
    ids = ("limit-not-held", "consent-of-no-use")
    return [(f.id, f.level, f.subject) for f in plan.findings if f.id in ids]


ALL = preset().limited(max_downtime_ms=50).allowing(postcopy=True, pause=True)


@requirement("ends.no-knob")
def test_what_no_knob_can_hold_is_told_before():
    plan = planned("vz-like", ALL)
    assert told(plan) == [
        ("limit-not-held", Level.WARNING, "downtime-ms"),
        ("consent-of-no-use", Level.NOTE, "postcopy"),
        ("consent-of-no-use", Level.NOTE, "suspend"),
    ]
    assert all(f.remedy and f.side == "source" for f in plan.findings)
    assert "--max-downtime: the source can't be told" in plan.explain()


@requirement("ends.no-knob")
@pytest.mark.parametrize(
    ("style", "policy", "guest"),
    [
        ("qemu-like", ALL, {}),
        ("vz-like", preset(), {}),
        ("vz-like", preset().limited(max_total_s=9.0), {}),
        ("vz-like", preset().allowing(postcopy=False, pause=False), {}),
        ("vz-like", preset("vdsm-suspend"), {}),
        ("vz-like", ALL, {"state": "shut off"}),
    ],
)
def test_nothing_is_told_where_nothing_was_asked_for_in_vain(style, policy, guest):
    assert told(planned(style, policy, **guest)) == []


@requirement("ends.forecast")
@pytest.mark.parametrize("dirty", [0, 20])
def test_of_a_percentage_the_time_that_remains_is_told(dirty):
    world = World.create("test", style="vz-like", link_mib_s=64, replace=True)
    world.add_guest("a", "g", memory_mib=2048, working_set_mib=64, dirty_mib_s=dirty)
    events = []
    mover = migrator(world, sinks=[lambda e: events.append((world.clock.now(), e))])
    result = mover.migrate("g", world.uri("a"), world.uri("b"))
    assert result.succeeded
    progress = [(at, e) for at, e in events if e.kind == "progress"]
    shown = [e.percent for _, e in progress]
    assert shown == sorted(shown)
    assert 95 < shown[-1] <= 100
    half_s, half = next((at, e) for at, e in progress if e.percent >= 50)
    came_s = progress[-1][0] - half_s
    assert half.remaining_s == pytest.approx(came_s, rel=0.2)
