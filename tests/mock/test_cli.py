"""`virtmigrate mock`: worlds in files, made and shown at a terminal."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from tests.mock.rig import move
from virtmigrate_mock import World, memory
from virtmigrate_mock.cli import app

RUN = CliRunner()


def test_made_moved_and_shown(tmp_path):
    path = tmp_path / "w"
    made = RUN.invoke(app, ["create", str(path), "--hosts", "3", "--speed", "1000"])
    assert made.exit_code == 0
    world = World.open(str(path))
    assert made.output.split() == [world.uri(host) for host in "abc"]
    move(world, "demo").raise_unless_succeeded()
    shown = RUN.invoke(app, ["show", str(path)])
    assert "b (qemu-like)\n  demo: running, persistent" in shown.output
    document = json.loads(RUN.invoke(app, ["show", str(path), "--json"]).output)
    assert document["hosts"]["b"]["guests"]["demo"]["state"] == "running"
    assert document["hosts"]["a"]["guests"] == {}
    assert document["violations"] == []


@pytest.mark.parametrize(
    ("storage", "shown"),
    [
        ("local", ("pool images (/images): demo.img", "pool images (/images): empty")),
        ("shared", ("pool images (/images): demo.img",) * 2),
        ("lying", ("pool images (/images): demo.img",) * 2),
    ],
)
def test_a_guest_with_a_disk(tmp_path, storage, shown):
    path = str(tmp_path / "w")
    words = ["--disk", "64", "--disk-writes", "1", "--storage", storage]
    made = RUN.invoke(app, ["create", path, "--speed", "1000", *words])
    assert made.exit_code == 0, made.output
    lines = RUN.invoke(app, ["show", path]).output.splitlines()
    assert tuple(line.strip() for line in lines if "pool" in line) == shown
    world = World.open(path)
    if storage == "lying":
        with pytest.raises(ExceptionGroup, match="can't move"):
            move(world, "demo")
    else:
        move(world, "demo").raise_unless_succeeded()
        document = json.loads(RUN.invoke(app, ["show", path, "--json"]).output)
        assert document["hosts"]["b"]["pools"]["images"]["images"] == ["demo.img"]


@pytest.mark.parametrize("pattern", get_args(memory.Pattern))
def test_a_guest_writes_in_the_pattern_that_was_named(tmp_path, pattern):
    path = str(tmp_path / "w")
    assert RUN.invoke(app, ["create", path, "--pattern", pattern]).exit_code == 0
    (live,) = (guest.live for guest in guests(path))
    assert live.habits.pattern == pattern


def test_without_a_pattern_it_writes_in_order_and_there_are_no_others(tmp_path):
    path = str(tmp_path / "w")
    assert RUN.invoke(app, ["create", path, "--pattern", "zigzag"]).exit_code == 2
    assert RUN.invoke(app, ["create", path]).exit_code == 0
    assert [guest.live.habits for guest in guests(path)] == [memory.PLAIN]


def guests(path):
    """Those of a world's first host."""
    return World.open(path).state().hosts["a"].guests.values()


def test_what_is_wrong_is_said(tmp_path):
    path = str(tmp_path / "w")
    shown = RUN.invoke(app, ["show", path])
    assert (shown.exit_code, "there is no world" in shown.output) == (1, True)
    assert RUN.invoke(app, ["create", path, "--style", "xen"]).exit_code == 2
    assert RUN.invoke(app, ["create", path]).exit_code == 0
    assert RUN.invoke(app, ["create", path]).exit_code == 2
