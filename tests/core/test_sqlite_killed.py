"""The journal when its writer is killed, and who may go on with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.core.plans import plan_of
from tests.requirements import requirement
from virtmigrate.errors import JournalError, NotMovable
from virtmigrate.sqlite_journal import SQLiteJournal

PLAN = plan_of()
SECRET = "hunter2"


# Killed ------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from virtmigrate.plan import Plan
from virtmigrate.sqlite_journal import SQLiteJournal

path, plan = sys.argv[1:]
journal = SQLiteJournal(Path(path))
journal.open("m1", Plan.model_validate_json(plan), 1.0)
print("open", flush=True)
number = 0
while True:
    number += 1
    durable = number % 3 == 0
    journal.append("m1", "intent", 1.0, {"n": number, "x": "y" * 500}, durable=durable)
    if durable:
        print(number, flush=True)
"""


@pytest.fixture
def writer(path):
    """Another process that writes without end; killed by the test, or at its end."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), PLAN.model_dump_json()],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    yield child
    child.kill()
    child.communicate(timeout=10)


def killed(child, lines):
    """Kill -9 after so many lines; the last durable number that it told."""
    told = [child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    rest, _ = child.communicate(timeout=10)
    whole = [line for line in "".join([*told, rest]).split("\n")[:-1] if line.isdigit()]
    return int(whole[-1]) if whole else 0


@pytest.mark.parametrize("lines", [1, 2, 40])
@requirement("journal.durable")
def test_a_killed_writer_loses_no_durable_record(path, writer, lines):
    told = killed(writer, lines)
    journal = SQLiteJournal(path)
    numbers = [record.body["n"] for record in journal.records("m1")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= told
    journal.release()


@requirement("journal.one-per-guest")
def test_the_remedy_depends_on_whether_the_owner_lives(path, writer):
    assert writer.stdout.readline() == "open\n"
    journal = SQLiteJournal(path)
    with pytest.raises(NotMovable) as caught:
        journal.open("m2", PLAN, 2.0)
    assert caught.value.remedy == "wait for m1, or cancel it"
    with pytest.raises(NotMovable):
        journal.take_over("m1")
    killed(writer, 1)
    with pytest.raises(NotMovable) as caught:
        journal.open("m2", PLAN, 2.0)
    assert caught.value.remedy == "its controller died: `virtmigrate recover m1`"
    journal.take_over("m1")
    assert journal.entries()[0].owner.pid == os.getpid()
    journal.append("m1", "rollback", 3.0, {}, durable=True)
    journal.close("m1", "rolled back", 4.0, settled=True)
    journal.open("m2", PLAN, 5.0)
    journal.release()


@requirement("recover.fencing")
def test_a_controller_whose_log_went_on_without_it_can_record_no_intent(path):
    """An intent comes before each call, so it makes none: its number is taken."""
    stale, recovery = SQLiteJournal(path), SQLiteJournal(path)
    stale.open("m1", PLAN, 1.0)
    stale.append("m1", "intent", 2.0, {}, durable=True)
    recovery.take_over("m1")
    recovery.append("m1", "rollback", 3.0, {}, durable=True)
    for _ in range(2):
        with pytest.raises(JournalError):
            stale.append("m1", "intent", 4.0, {}, durable=True)
    assert [each.kind for each in recovery.records("m1")] == ["intent", "rollback"]
    stale.release()
    recovery.release()


def test_one_that_was_given_up_can_be_taken_over_while_its_owner_lives(path, journal):
    journal.open("m1", PLAN, 1.0)
    journal.close("m1", "unknown: needs recovery", 2.0, settled=False)
    code = (
        "import sys; from pathlib import Path;"
        "from virtmigrate.sqlite_journal import SQLiteJournal;"
        "SQLiteJournal(Path(sys.argv[1])).take_over('m1'); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE
    )
    try:
        taken = wait_for_owner(journal, child.pid)
        assert taken
        with pytest.raises(NotMovable):
            journal.take_over("m1")
    finally:
        child.kill()
        child.communicate(timeout=10)


def wait_for_owner(journal, pid):
    gate = threading.Event()
    for _ in range(200):
        if journal.entries()[0].owner.pid == pid:
            return True
        gate.wait(0.05)
    return False
