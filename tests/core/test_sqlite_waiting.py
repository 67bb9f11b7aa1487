"""Records that are not durable: they wait for one that is, but not too many."""

from __future__ import annotations

import sqlite3

from tests.core.plans import plan_of
from tests.requirements import requirement
from virtmigrate.sqlite_journal import WAITING, SQLiteJournal

PLAN = plan_of()


def test_a_durable_record_carries_those_that_waited(path, journal):
    other = SQLiteJournal(path)
    journal.open("m1", PLAN, 1.0)
    journal.append("m1", "record", 2.0, {"n": 1}, durable=False)
    assert other.records("m1") == []
    assert [r.body for r in journal.records("m1")] == [{"n": 1}]
    journal.append("m1", "intent", 2.0, {"n": 2}, durable=True)
    assert [r.body for r in other.records("m1")] == [{"n": 1}, {"n": 2}]
    other.release()


@requirement("switch.what-waits")
def test_few_records_wait_for_a_durable_one(path, journal):
    """COMMIT is durable, and the guest stands still until it is."""
    other = SQLiteJournal(path)
    journal.open("m1", PLAN, 1.0)
    for number in range(3 * WAITING + 1):
        journal.append("m1", "sample", 2.0, {"n": number}, durable=False)
    assert len(journal._pending["m1"]) == 1
    assert [r.body["n"] for r in other.records("m1")] == list(range(3 * WAITING))
    other.release()


@requirement("switch.what-waits")
def test_what_is_not_durable_waits_for_no_other_process(path):
    """A process that was stopped as it wrote does not stop a transfer's policy."""
    journal = SQLiteJournal(path, wait_s=3600)
    journal.open("m1", PLAN, 1.0)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for number in range(2 * WAITING):
        journal.append("m1", "sample", 2.0, {"n": number}, durable=False)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert len(journal._pending["m1"]) == 2 * WAITING
    journal.append("m1", "commit", 2.0, {}, durable=True)
    assert [r.seq for r in journal.records("m1")] == list(range(1, 2 * WAITING + 2))
    journal.release()
