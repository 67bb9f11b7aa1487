"""An error, a lost answer and a cancel at every hook: one guest, its run state kept."""

from __future__ import annotations

import itertools

import pytest

from virtmigrate.capabilities import Form, How
from virtmigrate.host import RunState
from virtmigrate.phases import Fate, Outcome
from virtmigrate_testkit.kit import NAME, Kit, Run, not_applicable
from virtmigrate_testkit.recorder import Strike

PHASES = ("begin", "prepare", "perform", "finish", "confirm")
KINDS = (
    ("error", "before"),
    ("error", "after"),
    ("lost", "after"),
    ("cancel", "before"),
    ("cancel", "after"),
)
STRIKES = [
    Strike(h, when, what) for h, (what, when) in itertools.product(PHASES, KINDS)
]
EMULATIONS: dict[str, dict[str, object]] = {
    "enter_coma": {"live": False},
    "leave_coma": {"live": False},
    "restore_run_state": {"live": False},
    "undo_persist": {"persist_dest": False, "undefine_source": False},
    "restore_source": {"undefine_source": False},
}
"""Hook to the request whose plan has it, where the answer is emulated."""
EMULATED = [
    Strike(hook, when, what)
    for hook, when, what in itertools.product(
        EMULATIONS, ("before", "after"), ("error", "cancel")
    )
]
BACK = ("enter_coma", "leave_coma", "begin", "prepare")
"""Hooks of a move that is taken back if they are struck, or only called then."""


def ends_as(run: Run, strike: Strike) -> tuple[Outcome, ...]:
    """The outcomes that are right after this strike. Pure."""
    back, moved = (Outcome.ROLLED_BACK,), (Outcome.SUCCEEDED,)
    alone = not run.plan.two_step or run.plan.form is not Form.DRIVEN
    at = (strike.hook, strike.when)
    if strike.hook in BACK or at == ("perform", "before"):
        # A short transfer may be over before it hears of a cancel.
        late = strike.what == "cancel" and strike.hook == "perform"
        return (*back, *moved) if late and alone else back
    if strike.hook == "perform":
        return moved if alone else back
    if at == ("finish", "before") and strike.what == "error":
        return back if run.plan.two_step else moved
    return moved


class MisfortuneTests:
    """Standard tests of what goes wrong."""

    @pytest.mark.parametrize("strike", STRIKES, ids=str)
    def test_struck(self, kit: Kit, strike: Strike) -> None:
        """A running guest ends in one place, running; the result says where."""
        kit.guest()
        run = kit.move(strike)
        if str(strike) in kit.bench.recovers:
            assert run.result.outcome is Outcome.UNKNOWN
            run.result = kit.migrator.recover(run.result.migration)
        kit.check_safe(run)
        assert run.result.outcome in ends_as(run, strike), run.result
        check_told(run, strike)
        check_goes_on(kit, run)

    @pytest.mark.parametrize("hook", PHASES)
    def test_struck_when_paused(self, kit: Kit, hook: str) -> None:
        """A paused guest ends in one place, paused."""
        kit.guest(RunState.PAUSED)
        strike = Strike(hook, "after", "error")
        run = kit.move(strike)
        kit.check_safe(run)
        assert run.result.outcome in ends_as(run, strike), run.result
        states = [copy.state for copy in kit.bench.look(NAME)]
        assert [s for s in states if s.active] == [RunState.PAUSED]

    @pytest.mark.parametrize("hook", PHASES)
    def test_struck_in_a_coma(self, kit: Kit, hook: str) -> None:
        """A guest that was suspended for the move runs again, wherever it ends."""
        if kit.how("live", answer=False) is How.REFUSED:
            not_applicable("live=no is refused")
        kit.guest()
        strike = Strike(hook, "after", "error")
        run = kit.move(strike, live=False)
        kit.check_safe(run)
        assert run.result.outcome in ends_as(run, strike), run.result

    @pytest.mark.parametrize("strike", EMULATED, ids=str)
    def test_emulation_struck(self, kit: Kit, strike: Strike) -> None:
        """An emulation that fails is a fault in the result, and loses nothing.

        A cancel that comes meanwhile takes the move back, or comes too late.
        """
        asked = EMULATIONS[strike.hook]
        option, how = _emulated(kit, strike.hook)
        if how not in (How.EMULATED, How.DEFERRED):
            not_applicable(f"{strike.hook}: {option}=no is {how}")
        kit.guest()
        strikes = [strike]
        if strike.hook == "leave_coma":
            strikes.insert(0, Strike("prepare", "before", "error"))
        run = kit.move(*strikes, **asked)
        kit.check_safe(run)
        assert run.result.outcome in ends_as(run, strike), run.result
        failed = "error" in (each.what for each in strikes)
        faults = [fault for fault in run.result.faults if fault.error != "Cancelled"]
        assert bool(faults) is failed, "what went wrong stands in the result"
        check_goes_on(kit, run)

    def test_move_after_a_failure(self, kit: Kit) -> None:
        """A guest whose move failed can be moved at once: nothing was left locked."""
        kit.guest()
        failed = kit.move(Strike("perform", "before", "error"))
        assert failed.result.outcome is Outcome.ROLLED_BACK
        kit.moved()


def _emulated(kit: Kit, hook: str) -> tuple[str, How]:
    option = next(iter(EMULATIONS[hook]))
    return option, kit.how(option, answer=False)


def check_told(run: Run, strike: Strike) -> None:
    """Finish follows each prepare and confirm each begin, told how it ended."""
    calls = run.recorder.of
    good = run.result.outcome is Outcome.SUCCEEDED
    fate = Fate.GO if good else Fate.CANCELLED
    for first, last in (("prepare", "finish"), ("begin", "confirm")):
        if not calls(first) or (strike.hook, strike.what) == ("finish", "error"):
            continue
        if strike.hook == "finish" and last == "confirm" and strike.what == "lost":
            continue
        told = [call.fate for call in calls(last)]
        assert told[-1:] == [fate], f"{last} was told {told}"


def check_goes_on(kit: Kit, run: Run) -> None:
    """Nothing of the migration is left: no job on the guest, nothing incoming."""
    with kit.open() as here:
        assert not here.guest_by_uuid(run.result.uuid).look().job
    assert run.result.source is not RunState.UNREACHABLE
