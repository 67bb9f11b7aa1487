"""The contract of a journal, kept by the one in memory and the one in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.core.plans import plan_of
from tests.requirements import requirement
from virtmigrate import MemoryJournal
from virtmigrate.errors import NotMovable, UnknownMigration
from virtmigrate.journal import Owner
from virtmigrate.sqlite_journal import SQLiteJournal

PLAN = plan_of()
OTHER = plan_of(uuid="00000000-0000-0000-0000-000000000002")


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    if request.param == "memory":
        yield MemoryJournal()
    else:
        made = SQLiteJournal(tmp_path / "state" / "journal.db")
        yield made
        made.release()


def kinds(journal, migration="m1"):
    return [record.kind for record in journal.records(migration)]


def test_a_migration_is_kept_as_it_was_opened(journal):
    journal.open("m1", PLAN, 12.5)
    (entry,) = journal.entries()
    assert (entry.migration, entry.guest, entry.uuid) == (
        "m1",
        PLAN.guest.name,
        PLAN.guest.uuid,
    )
    assert (entry.source, entry.destination) == (PLAN.source.uri, PLAN.destination.uri)
    assert (entry.opened, entry.closed, entry.outcome) == (12.5, None, "")
    assert entry.owner == Owner.me()
    assert journal.plan("m1") == PLAN
    assert journal.plan("m1").digest() == PLAN.digest()


def test_records_come_back_in_order_with_their_bodies(journal):
    journal.open("m1", PLAN, 1.0)
    bodies = [{"step": "begin"}, {"deep": {"list": [1, None, True, "ü\u2028"]}}, {}]
    for number, body in enumerate(bodies):
        journal.append("m1", f"kind-{number}", 2.0, body, durable=number == 1)
    records = journal.records("m1")
    assert [r.body for r in records] == bodies
    assert [r.seq for r in records] == [1, 2, 3]
    assert [r.kind for r in records] == ["kind-0", "kind-1", "kind-2"]


def test_a_settled_migration_is_closed_and_lets_the_guest_go(journal):
    journal.open("m1", PLAN, 1.0)
    journal.close("m1", "succeeded", 2.0, settled=True)
    (entry,) = journal.entries()
    assert (entry.closed, entry.outcome) == (2.0, "succeeded")
    journal.open("m2", PLAN, 3.0)
    assert [e.migration for e in journal.entries()] == ["m1", "m2"]


def test_an_unsettled_one_stays_open_with_its_outcome(journal):
    journal.open("m1", PLAN, 1.0)
    journal.close("m1", "unknown: needs recovery", 2.0, settled=False)
    (entry,) = journal.entries()
    assert (entry.closed, entry.outcome) == (None, "unknown: needs recovery")


@requirement("journal.one-per-guest")
def test_a_second_migration_of_one_guest_is_refused_while_one_runs(journal):
    journal.open("m1", PLAN, 1.0)
    with pytest.raises(NotMovable, match=r"migration m1 .* still open") as caught:
        journal.open("m2", PLAN, 2.0)
    assert caught.value.remedy == "wait for m1, or cancel it"
    journal.open("m3", OTHER, 3.0)
    with pytest.raises(UnknownMigration):
        journal.plan("m2")


@requirement("journal.one-per-guest")
def test_the_remedy_for_one_that_was_given_up_is_recovery(journal):
    journal.open("m1", PLAN, 1.0)
    journal.close("m1", "unknown: needs recovery", 2.0, settled=False)
    with pytest.raises(NotMovable) as caught:
        journal.open("m2", PLAN, 3.0)
    assert caught.value.remedy == "it needs recovery: `virtmigrate recover m1`"


def test_an_open_one_can_be_taken_over_by_its_own_process(journal):
    journal.open("m1", PLAN, 1.0)
    journal.close("m1", "unknown: needs recovery", 2.0, settled=False)
    assert journal.take_over("m1").outcome == "unknown: needs recovery"
    assert journal.entries()[0].outcome == ""
    journal.append("m1", "rollback", 3.0, {}, durable=True)
    journal.close("m1", "rolled back", 4.0, settled=True)
    assert journal.take_over("m1").closed == 4.0


@pytest.mark.parametrize("verb", ["plan", "records", "take_over"])
def test_an_unknown_id_is_an_error_with_a_remedy(journal, verb):
    with pytest.raises(UnknownMigration, match="no migration 'nonsense'") as caught:
        getattr(journal, verb)("nonsense")
    assert caught.value.remedy


def test_nothing_is_written_for_an_unknown_id(journal):
    with pytest.raises(UnknownMigration):
        journal.append("nonsense", "intent", 1.0, {}, durable=True)
    with pytest.raises(UnknownMigration):
        journal.close("nonsense", "succeeded", 1.0, settled=True)
    assert journal.entries() == []


def test_one_journal_serves_many_threads(journal):
    count, each = 8, 25
    failed = []

    def work(number):
        name = f"m{number}"
        try:
            journal.open(name, plan_of(uuid=f"guest-{number}"), 1.0)
            for step in range(each):
                journal.append(name, "intent", 1.0, {"n": step}, durable=step % 5 == 0)
            journal.close(name, "succeeded", 2.0, settled=True)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    for number in range(count):
        found = [r.body["n"] for r in journal.records(f"m{number}")]
        assert found == list(range(each))


@requirement("journal.one-per-guest")
def test_of_many_claims_at_once_one_wins(journal):
    barrier = threading.Barrier(6)
    refused = []

    def claim(number):
        barrier.wait(10)
        try:
            journal.open(f"m{number}", PLAN, 1.0)
        except NotMovable as error:
            refused.append(error)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(refused) == 5
    assert len(journal.entries()) == 1


# Owners ------------------------------------------------------------------------------


def sleeper():
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def owner_of(pid):
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return Owner(pid, int(stat.rpartition(")")[2].split()[19]), Owner.me().boot)


def test_this_process_is_alive_and_another_boot_is_not():
    me = Owner.me()
    assert me.alive()
    assert not Owner(me.pid, me.started, "another-boot").alive()
    assert not Owner(me.pid, me.started + 1, me.boot).alive()


def test_an_ended_process_is_dead_even_as_a_zombie():
    child = sleeper()
    owner = owner_of(child.pid)
    assert owner.alive()
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    assert not owner.alive()
    child.communicate(timeout=10)
    assert not owner.alive()
