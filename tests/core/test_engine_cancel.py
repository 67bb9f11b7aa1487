"""Cancel: at the edge of each step, in mid-transfer, and too late."""

from __future__ import annotations

import pytest

from tests.core.runs import Run
from tests.core.scripted import World
from tests.requirements import requirement
from virtmigrate.errors import (
    JobAborted,
)
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome

# Cancel -------------------------------------------------------------------------------

STEPS = ["capture", "begin", "prepare", "perform", "commit"]


@pytest.mark.parametrize("edge", range(len(STEPS)), ids=STEPS)
@requirement("ends.cancel")
def test_cancel_at_the_edge_of_each_step_rolls_back(world, edge):
    run = Run(world)

    def cancel(event):
        if event.kind == "step-started" and event.step == STEPS[edge]:
            run.cancel.set()

    run.sinks.append(cancel)
    result = run.migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.limit == "cancelled by the caller"
    assert result.faults[0].error == "Cancelled"
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT
    assert STEPS[edge] not in world.calls
    told = [c for c in world.calls if "cancelled" in c]
    both = ["finish(cancelled)", "confirm(cancelled)"]
    assert told == ([] if edge < 2 else both[edge == 2 :])
    assert world.wrongs == []


@requirement("ends.cancel")
def test_cancel_after_commit_goes_forward(world):
    run = Run(world)

    def cancel(event):
        if event.kind == "committed":
            run.cancel.set()

    run.sinks.append(cancel)
    assert run.migrate().outcome is Outcome.SUCCEEDED


@requirement("ends.cancel")
def test_cancel_in_mid_transfer_aborts_it_and_rolls_back(world):
    world.pulses = 10
    run = Run(world)

    def transfer(world):
        if world.clock.now() > 1003:
            run.cancel.set()
        if "source.abort" in world.calls:
            raise JobAborted("operation aborted")

    world.breaks("transfer", "before", transfer)
    result = run.migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.faults[0].error == "Cancelled"
    assert world.calls.count("source.abort") == 1
    acted = [e for e in run.events if e.kind == "acted"]
    assert acted[0].action == "downtime-ms"
    assert [(e.action, e.why) for e in acted[1:]] == [
        ("abort", "cancelled by the caller")
    ]
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT


@requirement("ends.cancel")
@requirement("switch.source-declared")
def test_cancel_in_one_step_once_the_hypervisor_has_moved_it_goes_forward():
    world = World(gone=True)
    run = Run(world, style="vz")
    world.breaks("perform", "after", lambda w: run.cancel.set())
    result = run.migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert world.hosts["b"].state is RunState.RUNNING
    assert "finish(cancelled)" not in world.calls
    assert world.wrongs == []
