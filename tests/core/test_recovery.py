"""A controller that dies anywhere: what recovery makes of journal and hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.core.runs import Run
from tests.core.scripted import XML, Copy, World
from tests.core.scripted_plugin import ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Manager
from virtmigrate.adjudication import Told
from virtmigrate.capabilities import Form
from virtmigrate.errors import (
    HostUnreachable,
    JournalError,
    NotMovable,
    UnknownMigration,
)
from virtmigrate.host import RunState
from virtmigrate.journal import Owner, Record
from virtmigrate.phases import Outcome
from virtmigrate.recovery import last_result, remember

PLUGIN = ScriptedPlugin(World())
MANAGER = Manager([PLUGIN], discover=False)
EVERYTHING_NO = {"live": False, "undefine_source": False, "persist_dest": False}
LIVES = {
    "bare": ("qemu", {}),
    "coma": ("coma", {"live": False}),
    "peer": ("qemu", {"p2p": True}),
    "offline": ("qemu", {}),
    "vz": ("vz", {"undefine_source": False}),
    "vz-coma": ("emulated", EVERYTHING_NO),
}
CALLS = {
    "bare": ["begin", "prepare", "perform", "finish(go)", "confirm(go)"],
    "coma": ["source.suspend", "begin", "perform", "finish(go)", "destination.resume"],
    "peer": ["prepare", "perform", "destination.resume", "confirm(go)"],
    "offline": ["begin", "prepare", "finish(go)", "confirm(go)"],
    "vz": ["prepare", "perform", "finish(go)", "confirm(go)", "source.define"],
    "vz-coma": [
        "source.suspend",
        "perform",
        "destination.resume",
        "confirm(go)",
        "source.define",
        "destination.undefine",
    ],
}


class Killed(BaseException):
    """Kill -9, as near as one process can have it."""


def killed_at(life, call, when, state=RunState.RUNNING, calls_before=()):
    """A run whose controller died there, and a fresh one in its place."""
    style, asked = LIVES[life]
    if life == "offline":
        state = RunState.SHUTOFF
    gone = life.startswith("vz")
    world = World(state, gone=gone, declared={"forms": tuple(Form)[:2]})
    for breaks in calls_before:
        world.breaks(*breaks)
    world.breaks(call, when, Killed())
    PLUGIN.world = world
    run = Run(world, style=style, manager=MANAGER)
    with pytest.raises(Killed):
        run.migrate(**asked)
    run.journal.crash()
    world.at.clear()
    world.calls.clear()
    return run


POINTS = [
    pytest.param(life, call, when, id=f"{life}-{call}-{when}")
    for life, calls in CALLS.items()
    for call in calls
    for when in ("before", "after")
]


@pytest.mark.parametrize(("life", "call", "when"), POINTS)
@requirement("lost.killed")
@requirement("lost.run-state")
@requirement("lost.configuration")
def test_whenever_it_is_killed_recovery_finds_the_one_right_state(life, call, when):
    run = killed_at(life, call, when)
    world = run.world
    result = run.migrator.recover("m1")
    here, there = world.hosts["a"], world.hosts["b"]
    assert world.wrongs == []
    assert world.configurations()
    if result.outcome is Outcome.SUCCEEDED:
        assert there.state is world.state
        assert not here.state.active
        kept = LIVES[life][1].get("undefine_source") is False
        assert (here.persistent == XML) is kept
    elif result.outcome is Outcome.ROLLED_BACK:
        assert here == Copy(world.state, XML)
        assert there == Copy()
    else:
        # The image waits there, and nobody knows whether finish is still to come.
        assert (call, when) == ("finish(go)", "before")
        assert there.state is RunState.PAUSED_MIGRATION
        assert world.calls == []


@pytest.mark.parametrize(("life", "call", "when"), POINTS)
@requirement("lost.killed")
@requirement("journal.twice")
def test_recovering_twice_changes_nothing_more(life, call, when):
    run = killed_at(life, call, when)
    first = run.migrator.recover("m1")
    run.world.calls.clear()
    second = run.migrator.recover("m1")
    assert second.outcome is first.outcome
    assert [c for c in run.world.calls if not c.startswith("journal")] == []


@given(
    life=st.sampled_from([life for life in LIVES if life != "offline"]),
    state=st.sampled_from([RunState.RUNNING, RunState.PAUSED]),
    number=st.integers(0, 40),
    again=st.integers(0, 12),
)
@settings(max_examples=200)
@requirement("lost.killed")
def test_killed_at_any_call_and_again_in_recovery(life, state, number, again):
    style, asked = LIVES[life]
    gone = life.startswith("vz")
    world = World(state, gone=gone, declared={"forms": tuple(Form)[:2]})
    PLUGIN.world = world
    run = Run(world, style=style, manager=MANAGER)
    count(world, number)
    try:
        run.migrate(**asked)
    except Killed:
        event(f"{life}: killed")
    run.journal.crash()
    entries = run.journal.entries()
    if not entries or entries[0].closed is not None:
        return
    count(world, again)
    try:
        run.migrator.recover("m1")
    except Killed:
        event(f"{life}: killed in recovery")
    run.journal.crash()
    count(world, 10**6)
    result = run.migrator.recover("m1")
    event(f"{life}: {result.outcome}")
    assert world.wrongs == []
    assert world.configurations()
    running = [h for h, c in world.hosts.items() if c.state is RunState.RUNNING]
    if result.outcome is Outcome.SUCCEEDED:
        assert running == (["b"] if state is RunState.RUNNING else [])
    elif result.outcome is Outcome.ROLLED_BACK:
        assert running == (["a"] if state is RunState.RUNNING else [])


def count(world, left):
    """Die at the so-manieth edge of a call from now on."""
    world.left = left

    def edge(call, when):
        world.left -= 1
        if world.left < 0:
            raise Killed

    world.happen = edge


# What is refused ----------------------------------------------------------------------


@requirement("lost.killed")
def test_a_migration_whose_controller_lives_is_left_alone(tmp_path, world):
    from virtmigrate.sqlite_journal import SQLiteJournal  # noqa: PLC0415

    run = Run(world)
    journal = SQLiteJournal(tmp_path / "state" / "journal.db")
    run.migrator._journal = journal
    journal.open("m1", run.plan(), 1.0)
    parent = Owner(1, started_of(1), Owner.me().boot)
    journal._db.execute(
        "UPDATE migration SET pid=?, started=?", (parent.pid, parent.started)
    )
    with pytest.raises(NotMovable):
        run.migrator.recover("m1")
    assert world.calls == []


def started_of(pid):
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[19])


def test_an_unknown_migration_is_an_error(run):
    with pytest.raises(UnknownMigration):
        run.migrator.recover("nonsense")


def test_a_closed_migration_gives_the_result_that_it_had(run):
    result = run.migrate()
    run.world.calls.clear()
    assert run.migrator.recover("m1") == result
    assert run.world.calls == []


@requirement("lost.unknown")
@pytest.mark.parametrize("host", ["a", "b"])
def test_a_silent_host_is_waited_for_by_calling_again(host):
    run = killed_at("bare", "perform", "after")
    run.world.down.add(host)
    try:
        outcome = run.migrator.recover("m1").outcome
    except HostUnreachable:
        outcome = Outcome.UNKNOWN
    assert outcome in (Outcome.UNKNOWN, Outcome.ROLLED_BACK)
    assert run.world.wrongs == []
    run.world.down.clear()
    assert run.migrator.recover("m1").outcome in (
        Outcome.ROLLED_BACK,
        Outcome.SUCCEEDED,
    )
    run.migrator.settle("m1")
    assert len([c for c in run.world.hosts.values() if c.state.active]) == 1


# Reading a journal --------------------------------------------------------------------


def records(*lines):
    return [
        Record(number, kind, 0.0, body, 0)
        for number, (kind, body) in enumerate(lines, 1)
    ]


def intent(step):
    return ("intent", {"step": step})


def done(step, **notes):
    return ("record", {"step": step, "notes": notes})


COMMIT = ("commit", {"landing": "running"})
ROLLBACK = ("rollback", {})
TOLD = [
    ([], Told.BEGUN),
    ([intent("begin"), done("begin"), intent("prepare")], Told.BEGUN),
    ([intent("perform")], Told.PERFORM_INTENDED),
    ([intent("perform"), done("perform")], Told.PERFORMED),
    ([intent("perform"), done("perform"), intent("commit")], Told.PERFORMED),
    ([intent("perform"), done("perform"), COMMIT], Told.COMMITTED),
    ([intent("perform"), done("perform"), COMMIT, intent("finish")], Told.COMMITTED),
    ([intent("prepare"), ROLLBACK], Told.BEGUN),
    ([intent("perform"), ROLLBACK], Told.ROLLING_BACK),
    ([intent("perform"), done("perform"), COMMIT, ROLLBACK], Told.ROLLING_BACK),
]


@pytest.mark.parametrize(("lines", "told"), TOLD)
@requirement("lost.killed")
def test_what_the_journal_tells(lines, told):
    assert remember(records(*lines)).told is told


def test_what_else_is_remembered():
    state = remember(
        records(
            intent("enter_coma"),
            done("enter_coma"),
            intent("prepare"),
            done("prepare", port="49152"),
            intent("perform"),
            ("suspended", {"why": "--timeout"}),
            COMMIT,
            done("restore_source", port="49152"),
        )
    )
    assert state.suspended
    assert state.prepared
    assert state.notes == {"port": "49152"}
    assert state.landing is RunState.RUNNING
    assert {"enter_coma", "prepare", "restore_source"} <= state.done


UNREADABLE = [
    ("commit", {}),
    ("commit", {"landing": "flying"}),
    ("captured", {}),
    ("captured", {"source": {}, "definitions": {}, "destination": {}}),
    ("captured", {"source": "running"}),
    ("record", {"step": "begin", "notes": "port"}),
]


@pytest.mark.parametrize("line", UNREADABLE)
@requirement("journal.trusted")
def test_a_record_that_cant_be_understood_is_refused(line):
    with pytest.raises(JournalError, match=r"record 1 \("):
        remember(records(line))


def test_a_journal_without_an_end_has_no_result():
    with pytest.raises(JournalError):
        last_result(records(intent("begin")))
    with pytest.raises(JournalError):
        last_result(records(("end", {"result": {"outcome": "flying"}})))
