"""A plan that was written down, looked at, and carried out; or changed, and refused."""

from __future__ import annotations

import json

import pytest

from tests.core.runs import DESTINATION, SOURCE
from virtmigrate.host import RunState
from virtmigrate.plan_file import read_plan

WORDS = ("-c", SOURCE, "plan", "demo", DESTINATION, "--json")


def test_it_is_carried_out_as_it_was_looked_at(terminal, world, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(terminal(*WORDS, "--no-live").out, encoding="utf-8")
    assert world.calls == []
    said = terminal("run", str(file), "--json")
    assert said.code == 0, said.err
    assert said.json()["effective"]["live"] is False
    assert world.hosts["b"].state is RunState.RUNNING


def test_a_world_that_has_changed_is_refused(terminal, world, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(terminal(*WORDS).out, encoding="utf-8")
    world.hosts["a"].state = RunState.PAUSED
    said = terminal("run", str(file))
    assert said.code == 2
    assert "plan again" in said.err
    assert world.calls == []


def test_what_was_written_is_read_again(terminal):
    text = terminal(*WORDS).out
    plan = read_plan(text)
    assert plan.digest() == json.loads(text)["digest"]
    bare = plan.model_dump_json()
    assert read_plan(bare) == plan


def test_everything_that_is_wrong_is_told(terminal):
    data = json.loads(terminal(*WORDS).out) | {"more": 1, "form": "nonsense"}
    with pytest.raises(ExceptionGroup) as caught:
        read_plan(json.dumps(data))
    told = " ".join(map(str, caught.value.exceptions))
    assert "more" in told
    assert "form" in told
