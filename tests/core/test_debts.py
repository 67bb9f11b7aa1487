from __future__ import annotations

import threading

import pytest

from tests.core.runs import DESTINATION, SOURCE, Run
from tests.core.scripted import NAME, XML, Copy, World
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.debts import overtaken
from virtmigrate.errors import HostError, UnknownMigration
from virtmigrate.host import RunState
from virtmigrate.journal import Entry, Owner
from virtmigrate.results import Paid


def owing(**guest):
    """A vz-like guest that moved, and whose definition there has to wait."""
    world = World(gone=True, **guest)
    run = Run(world, style="vz")
    result = run.migrate(persist_dest=False, undefine_source=False)
    assert result.obligations == ("undo_persist",)
    world.calls.clear()
    return world, run


def states(run):
    return [debt.state for debt in run.migrator.settle()]


def stop(world):
    """The guest ends by itself at the destination."""
    world.hosts["b"].state = RunState.SHUTOFF


@requirement("persist.deferred")
def test_a_running_guest_is_never_undefined():
    world, run = owing()
    (debt,) = run.migrator.settle()
    assert (debt.state, debt.guest, debt.obligation) == (
        Paid.OWED,
        NAME,
        "undo_persist",
    )
    assert debt.why == "the guest still needs it; it goes when the guest stops"
    assert world.calls == []
    assert run.journal.entries()[0].owed == ("undo_persist",)


@requirement("persist.deferred")
def test_the_definition_goes_when_the_guest_has_stopped():
    world, run = owing()
    stop(world)
    assert states(run) == [Paid.PAID]
    assert world.calls == ["destination.undefine"]
    assert world.configurations() == ["a"]
    assert states(run) == []
    kinds = [record.kind for record in run.journal.records("m1")]
    assert kinds[-1] == "paid"


@requirement("persist.deferred")
def test_a_definition_that_went_otherwise_is_no_debt_any_more():
    world, run = owing()
    world.hosts["b"] = Copy()
    assert states(run) == [Paid.PAID]
    assert world.calls == []


@requirement("lost.configuration")
def test_the_last_definition_does_not_go():
    world, run = owing()
    stop(world)
    world.hosts["a"] = Copy()
    (debt,) = run.migrator.settle()
    assert debt.state is Paid.OWED
    assert "the last" in debt.why
    assert world.configurations() == ["b"]


@requirement("switch.last-definition")
def test_the_last_definition_goes_where_that_was_consented_to():
    world = World(gone=True)
    run = Run(world, style="vz")
    run.migrate(persist_dest=False, undefine_source=True)
    stop(world)
    assert states(run) == [Paid.PAID]
    assert world.configurations() == []


@pytest.mark.parametrize("host", ["a", "b"])
def test_a_host_that_does_not_answer_keeps_the_debt(host):
    world, run = owing()
    stop(world)
    world.down.add(host)
    (debt,) = run.migrator.settle()
    assert debt.state is Paid.OWED
    assert "answer" in debt.why
    world.down.clear()
    assert states(run) == [Paid.PAID]


def test_a_definition_that_was_there_before_is_put_back():
    world = World(gone=True, hosts={"b": Copy(RunState.SHUTOFF, "<domain>b</domain>")})
    run = Run(world, style="vz")
    run.migrate(persist_dest=False, undefine_source=False)
    stop(world)
    assert states(run) == [Paid.PAID]
    assert world.hosts["b"].persistent == "<domain>b</domain>"


def test_a_guest_that_owes_may_move_on_and_then_that_decides():
    world, run = owing()
    world.hosts["a"], world.newest = Copy(), "b"
    run.world.hosts = {"a": world.hosts["b"], "b": Copy()}
    world.newest = "a"
    world.clock.sleep(1)
    again = run.migrator.migrate(NAME, SOURCE, DESTINATION, Options())
    assert again.succeeded
    (debt,) = run.migrator.settle("m1")
    assert debt.state is Paid.VOID
    assert again.migration in debt.why
    assert run.migrator.settle() == []


def entry(migration, opened, route="ab", closed=9.0, outcome="succeeded"):
    source, destination = route
    owner = Owner(1, 1, "boot")
    return Entry(
        migration, NAME, "uuid", source, destination, owner, opened, closed, outcome
    )


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (entry("m2", 2, "ab"), True),
        (entry("m2", 2, "bc"), True),
        (entry("m2", 2, "ca"), False),
        (entry("m2", 0, "ab"), False),
        (entry("m2", 2, "bc", outcome="rolled back"), False),
        (entry("m2", 2, "bc", closed=None, outcome=""), True),
    ],
)
def test_what_a_later_migration_has_decided(other, counts):
    mine = entry("m1", 1)
    assert (overtaken(mine, "undo_persist", [mine, other]) is other) is counts


def test_the_sources_definition_is_decided_by_what_concerns_the_source():
    mine, back = entry("m1", 1, "ab"), entry("m2", 2, "ca")
    assert overtaken(mine, "restore_source", [mine, back]) is back
    assert overtaken(mine, "undo_persist", [mine, back]) is None


def test_while_a_later_migration_runs_nothing_is_decided():
    world, run = owing()
    stop(world)
    plan = run.journal.plan("m1")
    world.clock.sleep(1)
    run.journal.open("m2", plan, world.clock.wall())
    assert [d.state for d in run.migrator.settle("m1")] == [Paid.OWED]
    assert world.configurations() == ["a", "b"]


@pytest.mark.parametrize(
    ("there", "here", "job", "state", "cleared"),
    [
        (RunState.PAUSED_MIGRATION, RunState.RUNNING, False, Paid.PAID, True),
        (RunState.PAUSED_MIGRATION, RunState.RUNNING, True, Paid.OWED, False),
        (RunState.PAUSED_MIGRATION, RunState.ABSENT, False, Paid.OWED, False),
        (RunState.PAUSED, RunState.SHUTOFF, False, Paid.PAID, False),
        (RunState.RUNNING, RunState.ABSENT, False, Paid.PAID, False),
        (RunState.ABSENT, RunState.RUNNING, False, Paid.PAID, False),
    ],
)
def test_an_incomplete_copy_goes_only_while_the_source_has_the_guest(
    there, here, job, state, cleared
):
    world = World()
    run = Run(world)

    def lose(world):
        world.down.add("b")
        raise HostError("it broke")

    world.breaks("perform", "before", lose)
    assert "clean_destination" in run.migrate().obligations
    world.down.clear()
    world.hosts["b"] = Copy(there)
    world.hosts["a"] = Copy(here, XML, job)
    world.newest = "a"
    world.calls.clear()
    assert states(run) == [state]
    assert ("destination.destroy" in world.calls) is cleared


def test_an_obligation_of_a_later_version_is_kept():
    world, run = owing()
    (known,) = run.journal.entries()
    run.journal.close("m1", known.outcome, 1.0, settled=True, owed=("wash_up",))
    (debt,) = run.migrator.settle()
    assert debt.state is Paid.OWED
    assert "does not know" in debt.why
    assert world.calls == []


def test_an_unknown_migration_is_named():
    _, run = owing()
    with pytest.raises(UnknownMigration, match="no migration 'nope'"):
        run.migrator.settle("nope")


@requirement("persist.deferred")
def test_what_was_owed_survives_the_controller():
    world = World(gone=True)
    run = Run(world, style="vz")

    class Killed(BaseException):
        pass

    original = run.journal.append

    def append(migration, kind, at, body, *, durable):
        original(migration, kind, at, body, durable=durable)
        if kind == "owed":
            raise Killed

    run.journal.append = append
    with pytest.raises(Killed):
        run.migrate(persist_dest=False, undefine_source=False)
    run.journal.append = original
    run.journal.crash()
    result = run.migrator.recover("m1")
    assert result.succeeded
    assert "undo_persist" in result.obligations
    stop(world)
    assert states(run)[-1] is Paid.PAID
    assert world.configurations() == ["a"]


def test_left_running_it_pays_when_the_time_has_come():
    world, run = owing()
    stop_it, told = threading.Event(), []

    def heard(debt):
        told.append(debt.state)
        stop_it.set()

    thread = threading.Thread(
        target=run.migrator.keep_settled,
        args=(stop_it,),
        kwargs={"every_s": 0.01, "told": heard},
    )
    thread.start()
    stop(world)
    thread.join(10)
    assert not thread.is_alive()
    assert told == [Paid.PAID]
