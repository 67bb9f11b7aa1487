"""A step that takes too long is told of while it hangs, and ends nothing."""

from __future__ import annotations

import socket
import sqlite3
import threading

import pytest

from tests.core.plans import plan_of
from tests.core.runs import DESTINATION, SOURCE
from tests.core.scripted_plugin import ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Manager, MemoryJournal, Migrator
from virtmigrate.alarms import USUAL_S, limit_s
from virtmigrate.clock import RealClock
from virtmigrate.phases import Outcome
from virtmigrate.policy import STEP_LIMITS_S, Policy
from virtmigrate.presets import preset
from virtmigrate.sqlite_journal import SQLiteJournal

WAIT_S = 20
SOON_S = 0.05


@pytest.fixture
def moved(world):
    """A move in that world, with limits of its own; its journal and its alarms."""

    def move(limits, clock):
        heard = []
        journal = MemoryJournal()
        migrator = Migrator(
            manager=Manager([ScriptedPlugin(world)], discover=False),
            journal=journal,
            clock=clock,
            sinks=[lambda e: heard.append(e) if e.kind == "alarm" else None],
        )
        policy = preset().model_copy(update={"alarms_s": limits})
        handle = migrator.start("demo", SOURCE, DESTINATION, policy=policy)
        return handle, heard, journal

    return move


@requirement("watch.alarm")
def test_an_alarm_comes_while_the_step_hangs_and_the_step_goes_on(world, moved):
    told = threading.Event()
    world.breaks("prepare", "before", lambda world: told.wait(WAIT_S))
    handle, heard, journal = moved({"prepare": SOON_S}, RealClock())
    while not heard and not handle.done:
        told.wait(0.01)
    assert not handle.done, "it is told while it hangs"
    told.set()
    result = handle.wait(WAIT_S)
    assert result.outcome is Outcome.SUCCEEDED
    (alarm,) = heard
    assert (alarm.step, alarm.side, alarm.limit_s) == ("prepare", "destination", SOON_S)
    assert alarm.message in result.warnings
    records = journal.records(handle.migration)
    assert [r.body["step"] for r in records if r.kind == "alarm"] == ["prepare"]


@requirement("watch.alarm")
def test_where_time_is_not_real_it_comes_at_the_end_of_the_step(world, moved):
    world.breaks("confirm(go)", "before", lambda world: world.clock.sleep(1000))
    handle, heard, _ = moved({}, world.clock)
    assert handle.wait(WAIT_S).outcome is Outcome.SUCCEEDED
    assert [(alarm.step, alarm.limit_s) for alarm in heard] == [
        ("confirm", STEP_LIMITS_S["confirm"])
    ]


def test_moves_in_time_raise_none_and_one_thread_looks_after_all(moved):
    handle, heard, _ = moved({}, RealClock())
    handle.wait(WAIT_S)
    assert heard == []
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("virtmigrate-watchdog") == 1


def test_a_transfer_has_as_long_as_its_policy_and_others_as_the_table_says():
    plan = plan_of()
    policy = plan.policy
    transfer = policy.deadline_s(0) + policy.limits.max_switchover_s
    assert limit_s("perform", plan) == transfer + STEP_LIMITS_S["perform"]
    assert limit_s("prepare", plan) == STEP_LIMITS_S["prepare"]
    assert limit_s("a plugin's own", plan) == USUAL_S
    assert {step.hook for step in plan.steps} <= STEP_LIMITS_S.keys()


def test_limits_come_from_a_policys_file():
    text = preset().model_dump(mode="json") | {"alarms_s": {"prepare": 600}}
    policy = Policy.model_validate(text)
    long = 600
    assert limit_s("prepare", plan_of().model_copy(update={"policy": policy})) == long


@requirement("cli.status-answers")
def test_status_asks_no_host_and_waits_for_no_writer(terminal, tmp_path):
    path = tmp_path / "state" / "journal.db"
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "sock"))
        hanging.listen()
        hanging.setblocking(False)
        uri = f"qemu+unix:///system?socket={tmp_path}/sock"
        plan = plan_of()
        there = plan.destination.model_copy(update={"uri": uri})
        kept = SQLiteJournal(path)
        kept.open("m1", plan.model_copy(update={"destination": there}), 1.0)
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        said = terminal("status", "--json")
        assert said.json()["open"][0]["destination"] == uri
        with pytest.raises(BlockingIOError):
            hanging.accept()
        writer.close()
        kept.release()
