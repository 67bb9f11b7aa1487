"""Whenever the controller dies, the guest lives in one place, and recovery finds it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.mock.kill_points import CALLS, CASES, MOMENTS, STORAGE, killed
from tests.requirements import requirement
from virtmigrate.closing import Closing
from virtmigrate.settle import Settler


@cache
def points(case):
    """Those of a case, planned by the worker that needs them and no other."""
    return case.points()


def test_there_are_as_many_points_as_promised():
    names = {(hook, moment) for case in CASES for _, hook, moment in points(case)}
    assert len(names) >= 60
    assert len(CASES) == 4 * 8 * 2 + 2 * 5 * 2
    assert {moment for _, moment in names} == {*MOMENTS, *CALLS}
    assert {hook for hook, moment in names if moment in CALLS} == set(STORAGE)


@pytest.mark.parametrize("case", CASES, ids=str)
@requirement("lost.killed")
@requirement("recover.idempotent-phases")
@requirement("lost.run-state")
@requirement("lost.configuration")
@requirement("disks.only-ours")
@requirement("disks.never-the-newest")
def test_whenever_the_controller_dies(case):
    wrong = {}
    for step, _, moment in points(case):
        found, _ = killed(case, step, moment)
        if found:
            wrong[step, moment] = found
    assert wrong == {}


@requirement("lost.killed")
def test_the_judge_sees_what_recovery_must_not_do(monkeypatch):
    """A source that is let run, and not retired, is a second copy."""

    def resumed(settler, _):
        settler._try(settler.ctx.guest.resume)

    monkeypatch.setattr(Settler, "_retire_source", resumed)
    case = next(c for c in CASES if str(c) == "qemu-like-running-bare")
    wrong = [killed(case, step, moment)[0] for step, _, moment in points(case)]
    assert any("at once" in text for found in wrong for text in found)


def first_wrong(case):
    """What is wrong in the runs of a case."""
    case = next(c for c in CASES if str(c) == case)
    found = [killed(case, step, moment)[0] for step, _, moment in points(case)]
    return [text for texts in found for text in texts]


@requirement("disks.only-ours")
def test_the_judge_sees_images_that_are_left_over(monkeypatch):
    monkeypatch.setattr(Closing, "_delete_disks", lambda *_: None)
    found = first_wrong("qemu-like-running-bare-disks")
    assert any(text.startswith("images:") for text in found)


@requirement("disks.never-the-newest")
def test_the_judge_sees_images_deleted_that_are_needed(monkeypatch):
    def deleted(closing):
        there = closing.ctx.destination.storage
        there.delete(there.pools()[0], "g.img")

    monkeypatch.setattr(Closing, "_undo_configuration", deleted)
    found = first_wrong("qemu-like-running-disks-removed-disks")
    assert any("under a guest" in text for text in found)
