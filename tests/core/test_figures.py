"""Figures that can not be: whatever is counted, a move ends as it would have."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.runs import Run
from tests.core.scripted import World
from tests.core.test_monitor import Watched
from tests.requirements import requirement
from virtmigrate import Migrator
from virtmigrate.figures import WHOLE, cleaned
from virtmigrate.host import Sample

NUMBERS = (*WHOLE, "percent", "pass_ms")
garbage = st.one_of(
    st.none(),
    st.sampled_from(
        [0, -1, 1.5, 1 << 60, 1 << 70, 10**400, -(10**400), math.nan, math.inf, "x"]
    ),
    st.booleans(),
    st.floats(),
    st.integers(),
)
absurd = st.builds(
    Sample,
    **dict.fromkeys(NUMBERS, garbage),
    postcopy=st.sampled_from([False, None, 0, math.nan]),
    stopped=st.sampled_from([None, True, False, "x"]),
)


@requirement("ends.hostile")
@given(absurd)
def test_what_can_not_be_a_measurement_is_none(sample):
    clean = cleaned(sample)
    for name in WHOLE:
        value = getattr(clean, name)
        assert value is None or (type(value) is int and value >= 0), name
    for value in (clean.percent, clean.pass_ms):
        assert value is None or math.isfinite(value)
    assert clean.postcopy is False
    assert clean.stopped in (None, True, False)
    assert cleaned(clean) == clean


@requirement("ends.hostile")
def test_a_measurement_stays_as_it_is():
    count = 1 + (1 << 60)
    sample = replace(Sample(percent=12.5, pass_ms=3.5), **dict.fromkeys(WHOLE, count))
    assert cleaned(sample) == sample
    ints = {field.name for field in fields(Sample) if field.type == "int | None"}
    assert ints == set(WHOLE)


@requirement("ends.hostile")
@given(st.lists(absurd, min_size=1, max_size=12))
def test_absurd_figures_are_watched_to_the_end(samples):
    watched = Watched()
    left = iter(samples)
    watched.ctx.guest.sample = lambda: next(left, samples[-1])
    watched.for_seconds(len(samples))
    watched.monitor.complete()
    assert "source.abort" not in watched.world.calls
    told = [e for e in watched.events if e.kind == "progress"]
    assert len(told) == len(samples)


@requirement("ends.hostile")
@pytest.mark.parametrize("sinks", [True, False])
@given(absurd)
def test_absurd_figures_stop_no_move(sinks, sample):
    run = Run(World(counts=sample))
    if not sinks:
        run.migrator = Migrator(
            manager=run.manager, journal=run.journal, clock=run.world.clock
        )
    result = run.migrate()
    assert result.succeeded, result
