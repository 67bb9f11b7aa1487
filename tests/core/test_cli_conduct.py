"""Signals: the first cancels, the second leaves at once and says what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.core.test_cli_progress import result
from tests.requirements import requirement
from virtmigrate import Handle, events
from virtmigrate.cli.conduct import CANCELLING, TOO_LATE, Conductor
from virtmigrate.cli.waiting import asking
from virtmigrate.errors import HostError
from virtmigrate.host import RunState

WAIT_S = 10
STARTED = events.Started(
    migration="m1", at_ms=0, guest="g", uuid="u", source="a:///", destination="b:///",
    digest="d",
)  # fmt: skip
COMMITTED = events.Committed(migration="m1", at_ms=1, landing=RunState.RUNNING)


class Recorder:
    """A display that remembers, and the thread it was called in."""

    def __init__(self):
        self.shown, self.told, self.threads, self.closed = [], [], set(), 0

    def show(self, event):
        self.shown.append(event)
        self.threads.add(threading.current_thread())

    def tell(self, text):
        self.told.append(text)

    def tick(self):
        pass

    def close(self):
        self.closed += 1


@pytest.fixture(autouse=True)
def hangups_are_heard():
    """Whoever runs these tests without a terminal may have had them ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def conduct(body):
    """Run `body(conductor, cancel)` as a migration; the recorder and the result."""
    recorder = Recorder()
    conductor = Conductor([recorder])
    handled = conductor.run(
        lambda: Handle("m1", lambda cancel: body(conductor, cancel))
    )
    return recorder, handled


def test_every_event_is_shown_in_the_main_thread_before_the_end():
    def body(conductor, cancel):
        for _ in range(50):
            conductor.sink(STARTED)
        return result()

    recorder, handled = conduct(body)
    assert handled.succeeded
    assert len(recorder.shown) == 50
    assert recorder.threads == {threading.main_thread()}
    assert recorder.closed == 1


@requirement("ends.cancel")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name
)
@requirement("cli.first-signal")
def test_the_first_signal_cancels(number):
    def body(conductor, cancel):
        conductor.sink(STARTED)
        os.kill(os.getpid(), number)
        assert cancel.wait(WAIT_S)
        return result()

    before = signal.getsignal(number)
    recorder, _ = conduct(body)
    assert recorder.told == [CANCELLING]
    assert signal.getsignal(number) is before


def test_after_commit_it_says_that_it_is_too_late():
    def body(conductor, cancel):
        conductor.sink(STARTED)
        conductor.sink(COMMITTED)
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.wait(WAIT_S)
        return result()

    assert conduct(body)[0].told == [TOO_LATE]


def test_a_terminal_that_hangs_up_twice_only_cancels():
    def body(conductor, cancel):
        conductor.sink(STARTED)
        os.kill(os.getpid(), signal.SIGHUP)
        assert cancel.wait(WAIT_S)
        os.kill(os.getpid(), signal.SIGHUP)
        while conductor._signals < 2:
            assert conductor._handle.done is False
        return result()

    assert conduct(body)[0].told == [CANCELLING]


def test_a_signal_that_is_to_be_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def body(conductor, cancel):
            os.kill(os.getpid(), signal.SIGHUP)
            return result()

        assert conduct(body)[0].told == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_migration_that_could_not_begin_raises_here_and_closes_the_display():
    recorder = Recorder()

    def body(cancel):
        raise HostError("no")

    with pytest.raises(HostError):
        Conductor([recorder]).run(lambda: Handle("m1", body))
    assert recorder.closed == 1


NEVER_ENDS = """
import sys, threading
from virtmigrate import Handle, events
from virtmigrate.cli.conduct import Conductor
from virtmigrate.cli.progress import Lines

begun = sys.argv[1].split()
conductor = Conductor([Lines()])

def body(cancel):
    for migration in begun:
        conductor.sink(events.Started(migration=migration, at_ms=0, guest="g", uuid="u",
                                      source="a", destination="b", digest="d"))
    print("ready", flush=True)
    cancel.wait()
    print("cancelled", flush=True)
    threading.Event().wait()

conductor.run(lambda: Handle("m1", body))
"""


@pytest.mark.parametrize(
    ("begun", "number", "code", "words"),
    [
        ("m1", signal.SIGINT, 3, ("virtmigrate recover m1", "virtmigrate status")),
        ("m1", signal.SIGTERM, 3, ("virtmigrate recover m1",)),
        ("m1 m2", signal.SIGINT, 3, ("virtmigrate recover m2",)),
        ("", signal.SIGINT, 130, ("the guest was not touched",)),
        ("", signal.SIGTERM, 143, ("the guest was not touched",)),
    ],
)
@requirement("cli.second-signal")
def test_the_second_signal_leaves_at_once(begun, number, code, words):
    with subprocess.Popen(
        [sys.executable, "-c", NEVER_ENDS, begun],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "cancelled\n"
            process.send_signal(number)
            _, err = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    assert process.returncode == code
    assert all(word in err for word in words)


def test_asking_gives_the_answer_and_raises_what_the_host_raises():
    assert asking(lambda: 7, "asking") == 7

    def fail():
        raise HostError("no")

    with pytest.raises(HostError):
        asking(fail, "asking")


def test_a_long_question_says_that_it_waits(capsys, monkeypatch):
    monkeypatch.setattr("virtmigrate.cli.waiting.PATIENCE_S", 0.01)
    told = threading.Event()
    monkeypatch.setattr("virtmigrate.cli.waiting.say", lambda text: told.set())
    assert asking(lambda: told.wait(WAIT_S), "asking both hosts") is True


def test_ctrl_c_leaves_a_question_that_blocks():
    blocked = threading.Event()

    def block():
        os.kill(os.getpid(), signal.SIGINT)
        blocked.wait(WAIT_S)

    with pytest.raises(KeyboardInterrupt):
        asking(block, "asking")
    blocked.set()
