"""Whenever the controller dies, the guest lives in one place, and recovery finds it."""

from __future__ import annotations

import pytest

from tests.mock.kill_points import CASES, MOMENTS, killed
from tests.requirements import requirement
from virtmigrate.settle import Settler

POINTS = {case: case.points() for case in CASES}


def test_there_are_as_many_points_as_promised():
    names = {(hook, moment) for some in POINTS.values() for _, hook, moment in some}
    assert len(names) >= 60
    assert len(CASES) == 4 * 8 * 2
    assert {moment for _, moment in names} == set(MOMENTS)


@pytest.mark.parametrize("case", CASES, ids=str)
@requirement("lost.killed")
@requirement("lost.run-state")
@requirement("lost.configuration")
def test_whenever_the_controller_dies(case):
    wrong = {}
    for step, _, moment in POINTS[case]:
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
    wrong = [killed(case, step, moment)[0] for step, _, moment in POINTS[case]]
    assert any("at once" in text for found in wrong for text in found)
