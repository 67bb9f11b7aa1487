"""The judge of histories: what it must see, and what it must let pass."""

from __future__ import annotations

import pytest

from virtmigrate_mock.invariants import violations
from virtmigrate_mock.state import Record


def history(*lines):
    """Records from `what host [detail|counter]`."""
    records = []
    for at, line in enumerate(lines):
        what, host, *rest = line.split()
        record = Record(float(at), what, "u", host)
        if what in ("run", "halt"):
            record.counter_s = float(rest[0]) if rest else 0.0
        else:
            record.detail = " ".join(rest)
        records.append(record)
    return records


MOVED = (
    "define a", "create a running", "run a 0", "create b paused-migration", "halt a 5",
    "switch b x", "define b", "landed b x", "run b 5", "undefine a migrated",
    "end a migrated",
)  # fmt: skip


def test_a_good_move_is_let_pass():
    assert violations(history(*MOVED)) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("run a 0", "run b 0"), "at once"),
        (("halt a 5", "run a 4"), "stale"),
        (("create a running", "end a destroy"), "last copy"),
        (("define a", "undefine a"), "no definition"),
        (("run a 0", "befell b pause", "run b 0"), "at once"),
        (("run a 0", "befell b start", "run b 0", "run a 0"), "at once"),
        (("coma a", "run a 0"), "coma"),
        (("run a 0", "coma a"), "coma"),
        (("switch b x", "landed b y"), "damaged"),
        ((*MOVED, "run a 5"), "at once"),
        ((*MOVED, "halt b 6", "run a 5"), "stale"),
        ((*MOVED, "end b cancelled"), "last copy"),
    ],
)
def test_what_must_never_be_is_seen(lines, words):
    found = violations(history(*lines))
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    "lines",
    [
        ("create a running", "end a admin"),
        ("run a 0", "befell b start", "run b 0"),
        ("create a running", "end a crash"),
        ("define a", "undefine a admin"),
        ("coma a", "coma-over b", "run b 0"),
        ("stand-in a", "create a paused", "end a destroy"),
        ("create a running", "create b paused-migration", "end a crash",
         "end b cancelled"),
        # The admin ended the newer copy; the older one may go.
        ("create a running", "switch b x", "end b admin", "end a migrated"),
    ],
)  # fmt: skip
def test_what_is_nobody_s_fault_is_let_pass(lines):
    assert violations(history(*lines)) == []


def test_a_guest_that_was_asked_to_vanish():
    lines = history("define a", "undefine a migrated")
    assert violations(lines, may_vanish=["u"]) == []
