"""`Migrator` as an orchestrator uses it: handles, asyncio, hosts, closing."""

from __future__ import annotations

import threading

import anyio
import pytest

from tests.core.runs import DESTINATION, SOURCE, Run
from tests.core.scripted import NAME, UUID, World
from tests.requirements import requirement
from virtmigrate import Migrator, Options, Side
from virtmigrate.aio import AsyncMigrator
from virtmigrate.errors import HostError, JobAborted, NotMovable, leaves
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.sqlite_journal import SQLiteJournal

WAIT_S = 10


@pytest.fixture
def held(world):
    """A migration that stays in its transfer until it is let go, or aborted."""
    world.pulses = 10**6
    run = Run(world)
    run.inside, run.go = threading.Event(), threading.Event()

    def transfer(world):
        run.inside.set()
        if run.go.wait(0.001):
            world.pulses = 0
            raise StopIteration
        if "source.abort" in world.calls:
            raise JobAborted("operation aborted")

    world.breaks("transfer", "before", transfer)
    return run


def test_capabilities_are_what_the_host_declares(run):
    declared = run.migrator.capabilities(SOURCE)
    assert (declared.hypervisor, declared.host) == ("scripted", "a")


def test_a_guest_may_be_named_by_its_uuid(run):
    assert run.migrator.migrate(UUID, SOURCE, DESTINATION).succeeded


def test_hosts_are_closed_whatever_happens(run, monkeypatch):
    closed = []
    host = "tests.core.scripted.ScriptedHost.close"
    monkeypatch.setattr(host, lambda self: closed.append(self.name))
    with pytest.raises(ExceptionGroup):
        run.migrator.plan(NAME, SOURCE, DESTINATION, Options(offline=True))
    assert sorted(closed) == ["a", "b"]
    run.migrator.migrate(NAME, SOURCE, DESTINATION)
    assert len(closed) == 4
    with pytest.raises(HostError), run.migrator.host(SOURCE):
        raise HostError("in the block")
    assert len(closed) == 5


@requirement("api.handle")
def test_a_handle_gives_the_result(run):
    handle = run.migrator.start(NAME, SOURCE, DESTINATION)
    result = handle.wait(WAIT_S)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.migration == handle.migration
    assert handle.done


def test_a_handle_raises_what_refused_the_plan(run):
    handle = run.migrator.start(NAME, SOURCE, DESTINATION, Options(offline=True))
    with pytest.raises(ExceptionGroup) as caught:
        handle.wait(WAIT_S)
    assert all(error.exit_code == 2 for error in leaves(caught.value))


@requirement("ends.cancel")
@requirement("api.handle")
def test_a_handle_cancels(held):
    handle = held.migrator.start(NAME, SOURCE, DESTINATION)
    assert held.inside.wait(WAIT_S)
    assert not handle.done
    with pytest.raises(TimeoutError):
        handle.wait(0.001)
    handle.cancel()
    result = handle.wait(WAIT_S)
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.limit == "cancelled by the caller"
    assert held.world.hosts["a"].state is RunState.RUNNING


@requirement("journal.one-per-guest")
def test_a_second_migration_of_a_guest_is_refused_while_the_first_runs(held):
    handle = held.migrator.start(NAME, SOURCE, DESTINATION)
    assert held.inside.wait(WAIT_S)
    before = list(held.world.calls)
    with pytest.raises(NotMovable) as caught:
        held.migrator.migrate(NAME, SOURCE, DESTINATION)
    assert caught.value.remedy == f"wait for {handle.migration}, or cancel it"
    assert [c for c in held.world.calls if "destination" in c] == [
        c for c in before if "destination" in c
    ]
    handle.cancel()
    assert handle.wait(WAIT_S).outcome is Outcome.ROLLED_BACK


@requirement("api.asyncio")
def test_the_same_for_asyncio(run):
    async def main():
        migrator = AsyncMigrator(run.migrator)
        declared = await migrator.capabilities(SOURCE)
        plan = await migrator.plan(NAME, SOURCE, DESTINATION)
        result = await migrator.migrate(NAME, SOURCE, DESTINATION)
        return declared, plan, result

    declared, plan, result = anyio.run(main)
    assert declared.host == plan.source.name == "a"
    assert result.succeeded


@requirement("ends.cancel")
@requirement("api.asyncio")
def test_cancelling_the_task_cancels_the_migration(held):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(
                AsyncMigrator(held.migrator).migrate, NAME, SOURCE, DESTINATION
            )
            await anyio.to_thread.run_sync(held.inside.wait, WAIT_S)
            group.cancel_scope.cancel()

    anyio.run(main)
    assert held.world.hosts["a"].state is RunState.RUNNING
    assert held.world.hosts["b"].state is RunState.ABSENT
    assert held.journal.entries()[0].outcome == Outcome.ROLLED_BACK.value


def test_a_migrator_lets_go_of_its_journal(world, tmp_path):
    journal = SQLiteJournal(tmp_path / "state" / "journal.db")
    with Migrator(manager=Run(world).manager, journal=journal) as migrator:
        assert migrator.journal is journal
    journal.release()


@requirement("plan.touches-nothing")
def test_the_default_journal_is_opened_when_it_is_needed(run, monkeypatch, tmp_path):
    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", str(tmp_path / "state"))
    migrator = Migrator(manager=run.manager, clock=run.world.clock)
    migrator.plan(NAME, SOURCE, DESTINATION)
    assert not (tmp_path / "state").exists()
    with migrator:
        assert migrator.migrate(NAME, SOURCE, DESTINATION).succeeded
    assert (tmp_path / "state" / "journal.db").exists()


def test_many_migrations_at_once_with_one_migrator():
    """Each world has its own migrator's manager; one manager serves many threads."""
    run = Run(World())
    results = []

    def work():
        results.append(run.migrator.plan(NAME, SOURCE, DESTINATION).digest())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(results) == 8
    assert len(set(results)) == 1


def test_sides_are_told_to_the_hosts(run):
    with run.migrator.host(DESTINATION, Side.DESTINATION) as host:
        assert host.side is Side.DESTINATION
