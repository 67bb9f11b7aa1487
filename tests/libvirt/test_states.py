"""States and reasons, each one of libvirt's headers."""

from __future__ import annotations

import pytest

from virtmigrate.host import RunState
from virtmigrate_libvirt.states import PAUSE_WORDS, run_state, words

SEEN = {
    (1, 1): RunState.RUNNING,
    (1, 2): RunState.RUNNING,  # just arrived
    (1, 6): RunState.RUNNING,  # a migration was cancelled
    (1, 10): RunState.POSTCOPY,  # the destination, in post-copy
    (1, 11): RunState.POSTCOPY_FAILED,
    (2, 0): RunState.RUNNING,
    (3, 1): RunState.PAUSED,
    (3, 2): RunState.PAUSED_MIGRATION,
    (3, 5): RunState.PAUSED_IOERROR,
    (3, 11): RunState.PAUSED_MIGRATION,  # its process is starting up
    (3, 12): RunState.POSTCOPY,  # the source, in post-copy
    (3, 13): RunState.POSTCOPY_FAILED,
    (3, 99): RunState.PAUSED,  # a reason of the future
    (4, 1): RunState.RUNNING,
    (5, 3): RunState.SHUTOFF,
    (7, 0): RunState.PMSUSPENDED,
    (42, 0): RunState.UNREACHABLE,  # a state of the future tells nothing
}


@pytest.mark.parametrize(("pair", "expected"), SEEN.items())
def test_state(pair, expected):
    assert run_state(*pair) is expected


def test_a_crashed_guest_may_be_preserved():
    assert run_state(6, 1, active=False) is RunState.SHUTOFF
    assert run_state(6, 1, active=True) is RunState.PAUSED


def test_words_for_people():
    assert words(3, 2) == "paused (migration)"
    assert words(1, 2) == "running"
    assert words(42, 0) == "state 42"
    assert all(words(3, reason).startswith("paused (") for reason in PAUSE_WORDS)
