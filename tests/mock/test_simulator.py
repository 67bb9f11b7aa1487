"""A thousand stories, each from its seed, and in none the guest is lost."""

from __future__ import annotations

import pytest

from tests.mock.simulator import SEEDS, told
from tests.requirements import requirement

BATCH = 50


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
@requirement("lost.killed")
@requirement("lost.configuration")
@requirement("lost.unknown")
def test_no_story_breaks_an_invariant(first):
    found = {seed: told(seed).wrong for seed in range(first, first + BATCH)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("seed", [7, 146, 500, 999])
def test_a_seed_tells_the_same_story_byte_by_byte(seed):
    assert "\n".join(told(seed).log) == "\n".join(told(seed).log)


def test_stories_differ():
    logs = {"\n".join(told(seed).log) for seed in range(20)}
    assert len(logs) == 20
