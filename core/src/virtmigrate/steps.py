"""From a settlement to a plan's steps. Pure; no step asks about an option later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form, How, SourceAfterPerform
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.negotiation import STOPPED
from virtmigrate.phases import SIDE_OF, Phase
from virtmigrate.plan import Step

if TYPE_CHECKING:
    from virtmigrate.plan import GuestFacts, Settlement

LATER = (How.EMULATED, How.DEFERRED)


def two_step(settlement: Settlement, form: Form, after: SourceAfterPerform) -> bool:
    """Whether COMMIT decides the switchover rather than the hypervisor."""
    consented = settlement["one_step"].effective and form is not Form.DRIVEN
    return after is SourceAfterPerform.PAUSED and not consented


def compile_steps(
    settlement: Settlement, guest: GuestFacts, form: Form, *, two: bool
) -> tuple[Step, ...]:
    """The program of one migration, in order.

    Args:
        settlement: What is in effect.
        guest: The guest as found.
        form: Who carries the phases out.
        two: Whether COMMIT decides the switchover.
    """
    live, paused = settlement["live"], settlement["paused"]
    running = guest.state is RunState.RUNNING
    coma = running and live.effective is False and live.how in LATER
    lands_paused = guest.state not in STOPPED and (
        coma
        or (form is not Form.DRIVEN and two)
        or (guest.state is RunState.PAUSED and paused.effective is False)
    )
    persist, undefine = settlement["persist_dest"], settlement["undefine_source"]
    table: tuple[tuple[bool, Step], ...] = (
        (
            True,
            _step(
                Phase.BEGIN,
                "capture",
                "both sides as they are, for every undo",
                changes=False,
            ),
        ),
        (
            coma,
            _step(
                Phase.BEGIN, "enter_coma", "live=no is emulated here", undo="leave_coma"
            ),
        ),
        (
            True,
            _step(
                Phase.BEGIN,
                "begin",
                "lock the guest, say what must travel",
                undo="confirm",
            ),
        ),
        (
            True,
            _step(
                Phase.PREPARE, "prepare", "make the destination ready", undo="finish"
            ),
        ),
        (
            # A one-call form moves the definition by that call as well.
            form is not Form.DRIVEN or not settlement["offline"].effective,
            _step(
                Phase.PERFORM,
                "perform",
                "move it; afterwards it runs nowhere"
                if two
                else "move it; the hypervisor starts it there by itself",
            ),
        ),
        (
            True,
            _step(
                Phase.COMMIT,
                "commit",
                "the source was seen not to run it: from here only forward",
            ),
        ),
        (
            True,
            _step(
                Phase.FINISH,
                "finish",
                "start it at the destination"
                if not lands_paused
                else "complete it at the destination, paused",
            ),
        ),
        (
            lands_paused,
            _step(
                Phase.FINISH,
                "restore_run_state",
                "it landed paused: give it the run state it is to have",
            ),
        ),
        (
            persist.effective is False and persist.how in LATER,
            _step(
                Phase.FINISH, "undo_persist", f"persist_dest=no is {persist.how} here"
            ),
        ),
        (True, _step(Phase.CONFIRM, "confirm", "retire the source's copy")),
        (
            undefine.effective is False and undefine.how in LATER,
            _step(
                Phase.CONFIRM,
                "restore_source",
                f"undefine_source=no is {undefine.how} here",
            ),
        ),
        (
            True,
            _step(
                Phase.CLOSE,
                "observe",
                "see both hosts as they should be",
                changes=False,
            ),
        ),
    )
    return tuple(step for wanted, step in table if wanted)


def _step(
    phase: Phase, hook: str, why: str, *, undo: str = "", changes: bool = True
) -> Step:
    side: Side = SIDE_OF[phase]
    return Step(
        id=hook, phase=phase, side=side, hook=hook, why=why, undo=undo, changes=changes
    )
