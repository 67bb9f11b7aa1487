"""A copy that does not come to its end: nothing is left over, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.requirements import requirement
from tests.vz.conftest import OWN, SHARED, content, volumes
from virtmigrate import Migrator, Outcome
from virtmigrate.sqlite_journal import SQLiteJournal

SIZE = 8 << 20
SLOW_MIB_S, FAST_MIB_S = 8.0, 2000.0
SECOND = "/vz/images/second.img"
WAIT_S = 20
NO_ROOM = {"code": 38, "text": "cannot create path: No space left on device"}


@pytest.fixture
def copied(move, furnish, image):
    """A guest with an own and a shared disk; what leaves vz-a is slow."""
    furnish(disks=(image(OWN, SIZE), image(SHARED, SIZE), image(SECOND, SIZE)))
    move.hosts["a"].control(rate_mib_s=SLOW_MIB_S)
    return move


def in_the_middle(move):
    """Wait until some of the disks is there, and not all."""
    until = time.monotonic() + WAIT_S
    there = move.hosts["b"].file(OWN)
    while not (there.exists() and there.stat().st_blocks):
        assert time.monotonic() < until, "nothing is copied"
        time.sleep(0.01)


def as_before(move):
    """The guest runs at the source, and the destination has nothing of it."""
    a, b = move.hosts["a"], move.hosts["b"]
    assert move.where() == {"vz-a": "running"}
    assert volumes(b) == []
    for path in (OWN, SHARED, SECOND):
        assert a.file(path).read_bytes() == content(SIZE)
    assert volumes(a) == ["g.img", "second.img"]
    assert volumes(a, "shared") == ["g.img"]
    assert move.hosts.check("g").ok


def moved(move):
    """The guest runs at the destination, and the source has nothing of its own."""
    a, b = move.hosts["a"], move.hosts["b"]
    assert move.where() == {"vz-b": "running"}
    assert volumes(a) == []
    for path in (OWN, SHARED, SECOND):
        assert b.file(path).read_bytes() == content(SIZE)
    assert volumes(b) == ["g.img", "second.img"]
    assert move.hosts.check("g").ok


def retried(move):
    """Once the trouble is over, it works."""
    move.hosts["a"].control(rate_mib_s=FAST_MIB_S, stalled=False)
    move.hosts["b"].control(store={"full": False})
    assert move().succeeded
    moved(move)


@requirement("vz.copies")
@requirement("lost.run-state")
@pytest.mark.parametrize("action", ["error", "cut"])
@pytest.mark.parametrize("phase", ["prepare", "perform"])
def test_a_phase_that_fails(copied, phase, action):
    copied.hosts["b" if phase == "prepare" else "a"].fault(phase, action=action)
    assert copied().outcome is Outcome.ROLLED_BACK
    as_before(copied)
    retried(copied)


@requirement("vz.copies")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
def test_a_destination_that_fills_up_in_the_middle(copied, p2p):
    copied.hosts["b"].control(store={"full": True})
    result = copied(p2p=p2p)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "not enough disk space" in result.faults[0].message
    as_before(copied)
    retried(copied)


@pytest.mark.parametrize("made", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", ["error", "cut"])
def test_an_image_that_can_not_be_made(copied, made, when, action):
    """The first or the second; or it is made, and that is not told."""
    b = copied.hosts["b"]
    plan = copied.plan()
    b.fault("volume_create", when=when, skip=made, action=action, **NO_ROOM)
    result = copied.migrator.run(plan)
    assert result.outcome is Outcome.ROLLED_BACK
    assert [fault.step for fault in result.faults] == ["make_disks"]
    as_before(copied)
    retried(copied)


@requirement("ends.cancel")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "coma"])
def test_a_cancel_in_the_middle(copied, p2p, live):
    handle = copied.start(p2p=p2p, live=live)
    in_the_middle(copied)
    handle.cancel()
    assert handle.wait(WAIT_S).outcome is Outcome.ROLLED_BACK
    as_before(copied)
    retried(copied)


@requirement("vz.copies")
@requirement("lost.killed")
@pytest.mark.parametrize("dies", ["a", "b"])
def test_a_host_that_is_killed_in_the_middle(copied, dies):
    handle = copied.start()
    in_the_middle(copied)
    copied.hosts[dies].kill()
    back = threading.Timer(1.0, copied.hosts[dies].up)
    back.start()
    result = handle.wait(25)
    back.join()
    if result.outcome is Outcome.UNKNOWN:
        result = copied.migrator.recover(result.migration)
    copied.migrator.settle()
    assert result.outcome is Outcome.ROLLED_BACK, result
    as_before(copied)
    retried(copied)


@requirement("vz.copies")
@requirement("lost.killed")
@pytest.mark.parametrize("p2p", ["--no-p2p", "--p2p"])
@pytest.mark.parametrize("ends", [False, True], ids=["is stuck", "goes on"])
def test_a_controller_that_is_killed_in_the_middle(copied, tmp_path, p2p, ends):
    """The source's daemon goes on by itself, or does not get on."""
    here, there = copied.uris
    words = ["-m", "virtmigrate", "-c", here, "migrate", "g", there, p2p]
    words += [] if ends else ["--max-time", "5"]
    controller = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "VIRTMIGRATE_STATE_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    in_the_middle(copied)
    a = copied.hosts["a"]
    a.control(stalled=not ends)
    controller.send_signal(signal.SIGKILL)
    controller.wait(WAIT_S)
    a.control(rate_mib_s=FAST_MIB_S)
    with Migrator(journal=SQLiteJournal(tmp_path / "journal.db")) as migrator:
        (entry,) = migrator.journal.entries()
        until = time.monotonic() + WAIT_S
        while ends and a.control()["jobs"]:
            assert time.monotonic() < until
        result = migrator.recover(entry.migration)
    assert result.outcome is (Outcome.SUCCEEDED if ends else Outcome.ROLLED_BACK)
    if ends:
        moved(copied)
    else:
        as_before(copied)
        retried(copied)
