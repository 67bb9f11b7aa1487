"""Worlds in files: seen by every process, and still there when one is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.mock.rig import connect, migrator, move
from tests.requirements import requirement
from virtmigrate import BadInput, HostUnreachable, Outcome
from virtmigrate.host import RunState
from virtmigrate_mock import Fault, World

CONTROLLER = """
import sys
from virtmigrate import MemoryJournal, Migrator, Options
from virtmigrate_mock import World
world = World.open(sys.argv[1])
mover = Migrator(clock=world.clock, journal=MemoryJournal(), sinks=[
    lambda event: print(event.kind, flush=True)])
mover.migrate("g", world.uri("a"), world.uri("b"), Options(p2p=sys.argv[2] == "p2p"))
"""


def in_file(tmp_path, **more):
    world = World.create(path=tmp_path / "world.json", **more)
    world.add_guest("a", "g", memory_mib=2000, dirty_mib_s=0)
    return world


def until_moving(world, form):
    """A controller in a process of its own, in the middle of perform."""
    child = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, world.label, form],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    for line in child.stdout:
        if line.strip() == "progress":
            return child
    raise AssertionError(child.wait(10))


def eventually(ask, seconds=10.0):
    """Wait for a condition, within a bound."""
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_move_in_a_file(tmp_path):
    world = in_file(tmp_path, clock="virtual")
    move(world).raise_unless_succeeded()
    again = World.open(world.label)
    assert again.where("g") == ["b"]
    assert again.clock.now() == pytest.approx(world.clock.now())
    assert again.violations() == []
    assert (tmp_path / "world.json").stat().st_mode & 0o777 == 0o600


def test_a_real_clock_takes_real_time(tmp_path):
    world = in_file(tmp_path, speed=20.0)
    began = time.monotonic()
    move(world).raise_unless_succeeded()
    assert 0.1 <= time.monotonic() - began < 5
    assert world.where("g") == ["b"]


def test_a_killed_controller_s_job_is_dropped(tmp_path):
    world = in_file(tmp_path, link_mib_s=100.0)
    with until_moving(world, "driven") as child:
        there = World.open(world.label)
        assert there.copies("g")["b"].state is RunState.PAUSED_MIGRATION
        assert connect(there, "a").guest("g").look().job
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert connect(world, "a").guest("g").look().state is RunState.RUNNING
    assert list(world.copies("g")) == ["a"]
    assert world.state().outgoing == {}
    assert world.violations() == []
    world.befall("link-rate", value=5000.0)
    move(world).raise_unless_succeeded()


@requirement("switch.daemon-goes-on")
def test_a_daemon_s_job_goes_on(tmp_path):
    world = in_file(tmp_path, link_mib_s=2000.0, speed=1.0)
    with until_moving(world, "p2p") as child:
        child.send_signal(signal.SIGKILL)
    eventually(lambda: list(world.copies("g")) == ["b"])
    assert world.copies("g")["b"].state is RunState.PAUSED
    assert world.violations() == []


@pytest.mark.parametrize(
    ("step", "when", "states"),
    [
        ("prepare", "after", ("running", "absent")),
        ("perform", "after", ("paused-migration", "absent")),
        ("finish", "after", ("paused-migration", "running")),
        ("confirm", "after", ("absent", "running")),
    ],
)
def test_killed_by_a_fault(tmp_path, step, when, states):
    world = in_file(tmp_path, clock="virtual")
    world.script(Fault(step, "kill-controller", when))
    done = subprocess.run(
        [sys.executable, "-c", CONTROLLER, world.label, "driven"],
        check=False,
        stdout=subprocess.DEVNULL,
        timeout=20,
    )
    assert done.returncode == 137
    uuid = next(iter(world.copies("g").values())).uuid
    seen = [connect(world, host).guest_by_uuid(uuid).look() for host in "ab"]
    assert tuple(sighting.state for sighting in seen) == states
    assert world.violations() == []


def test_a_fault_strikes_once_whoever_opens_the_world(tmp_path):
    world = in_file(tmp_path, clock="virtual")
    world.script(Fault("perform", "error"))
    assert move(world).outcome is Outcome.ROLLED_BACK
    again = World.open(world.label)
    assert migrator(again).migrate("g", again.uri("a"), again.uri("b")).succeeded


@pytest.mark.parametrize(
    "text",
    ["", "null", "{", "[]", '{"hosts": 3}', '{"version": 99}', '{"mode": "x"}', "\x00"],
)
def test_a_file_that_is_no_world(tmp_path, text):
    path = tmp_path / "w"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HostUnreachable, match="can't be read"):
        World.open(str(path))
    assert path.read_text(encoding="utf-8") == text


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path):
    world = in_file(tmp_path)
    lock = tmp_path / "world.json.lock"
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostUnreachable, match="can't be read"):
        world.state()
    assert not (tmp_path / "elsewhere").exists()


def test_a_world_is_not_overwritten(tmp_path):
    in_file(tmp_path)
    with pytest.raises(BadInput, match="already"):
        in_file(tmp_path)
    with pytest.raises(BadInput, match="can't be written"):
        World.create(path=tmp_path / "no" / "where")


def test_a_file_is_plain_json(tmp_path):
    world = in_file(tmp_path)
    text = (tmp_path / "world.json").read_text(encoding="utf-8")
    assert json.loads(text)["hosts"]["a"]["style"] == "qemu-like"
    assert str(os.getpid()) not in text
    assert world.uri("a").startswith("mock:///")
