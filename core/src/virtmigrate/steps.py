"""From a settlement to a plan's steps. Pure; no step asks about an option later."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form, How, SourceAfterPerform
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.negotiation import STOPPED
from virtmigrate.phases import SIDE_OF, Phase
from virtmigrate.plan import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.disks import Disk
    from virtmigrate.plan import GuestFacts, Settled, Settlement

LATER = (How.EMULATED, How.DEFERRED)


def two_step(settlement: Settlement, form: Form, after: SourceAfterPerform) -> bool:
    """Whether COMMIT decides the switchover rather than the hypervisor."""
    consented = settlement["one_step"].effective and form is not Form.DRIVEN
    return after is SourceAfterPerform.PAUSED and not consented


def compile_steps(
    settlement: Settlement,
    guest: GuestFacts,
    form: Form,
    disks: Sequence[Disk] = (),
    *,
    two: bool,
) -> tuple[Step, ...]:
    """The program of one migration, in order.

    Args:
        settlement: What is in effect.
        guest: The guest as found.
        form: Who carries the phases out.
        disks: The guest's disks.
        two: Whether COMMIT decides the switchover.
    """
    persist, undefine = settlement["persist_dest"], settlement["undefine_source"]
    coma = guest.state is RunState.RUNNING and _later(settlement["live"])
    offline = settlement["offline"]
    return _program(
        coma=coma,
        # One call moves a definition too, and so does an emulated offline move.
        moves=form is not Form.DRIVEN or not offline.effective or _later(offline),
        lands_paused=_lands_paused(settlement, guest, form, coma=coma, two=two),
        two=two,
        transient=persist.how if _later(persist) else None,
        kept=undefine.how if _later(undefine) else None,
        makes=any(disk.made for disk in disks),
        removes=_removes(settlement, disks),
    )


@lru_cache(maxsize=64)
def _program(
    *,
    coma: bool,
    moves: bool,
    lands_paused: bool,
    two: bool,
    transient: How | None,
    kept: How | None,
    makes: bool,
    removes: bool,
) -> tuple[Step, ...]:
    """The same few programs, over and over: each is made once."""
    # Never without any definition: the source's comes back before another goes.
    undo_in = Phase.CLOSE if kept else Phase.FINISH
    # fmt: off
    table: tuple[tuple[object, Step], ...] = (
        (True, _step(Phase.BEGIN, "capture", "both sides as they are, for every undo",
                     changes=False)),
        (coma, _step(Phase.BEGIN, "enter_coma", "live=no is emulated here",
                     undo="leave_coma")),
        (True, _step(Phase.BEGIN, "begin", "lock the guest, say what must travel",
                     undo="confirm")),
        (makes, _step(Phase.PREPARE, "make_disks", "images for the disks to be copied",
                      undo="delete_disks")),
        (True, _step(Phase.PREPARE, "prepare", "make the destination ready",
                     undo="finish")),
        (moves, _step(Phase.PERFORM, "perform", WHY_PERFORM[two])),
        (True, _step(Phase.COMMIT, "commit",
                     "the source was seen not to run it: from here only forward")),
        (True, _step(Phase.FINISH, "finish", WHY_FINISH[lands_paused])),
        (lands_paused, _step(Phase.FINISH, "restore_run_state",
                             "it landed paused: give it the run state it is to have")),
        (transient and not kept, _undo_persist(undo_in, transient)),
        (True, _step(Phase.CONFIRM, "confirm", "retire the source's copy")),
        (kept, _step(Phase.CONFIRM, "restore_source",
                     f"undefine_source=no is {kept} here")),
        (transient and kept, _undo_persist(undo_in, transient)),
        (removes, _step(Phase.CLOSE, "remove_source_disks",
                        "the guest lives on its copies", side=Side.SOURCE)),
        (True, _step(Phase.CLOSE, "observe", "see both hosts as they should be",
                     changes=False)),
    )
    # fmt: on
    return tuple(step for wanted, step in table if wanted)


WHY_PERFORM = {
    True: "move it; afterwards it runs nowhere",
    False: "move it; the hypervisor starts it there by itself",
}
WHY_FINISH = {
    True: "complete it at the destination, paused",
    False: "start it at the destination",
}


def _removes(settlement: Settlement, disks: Sequence[Disk]) -> bool:
    row = settlement["remove_source_disks"]
    ours = row.how is not How.INHERENT and bool(row.effective)
    return ours and any(disk.copied for disk in disks)


def _later(row: Settled) -> bool:
    """Whether the answer is met by steps of ours (a no; for offline, a yes)."""
    return row.how in LATER and row.effective is (row.option == "offline")


def _lands_paused(
    settlement: Settlement, guest: GuestFacts, form: Form, *, coma: bool, two: bool
) -> bool:
    """Whether the guest is paused when finish is over, and must be looked after."""
    if guest.state in STOPPED:
        return False
    resumed = guest.state is RunState.PAUSED and settlement["paused"].effective is False
    return coma or resumed or (form is not Form.DRIVEN and two)


def _undo_persist(phase: Phase, how: How | None) -> Step:
    return _step(
        phase,
        "undo_persist",
        f"persist_dest=no is {how} here",
        side=Side.DESTINATION,
    )


def _step(
    phase: Phase,
    hook: str,
    why: str,
    *,
    undo: str = "",
    changes: bool = True,
    side: Side | None = None,
) -> Step:
    return Step(
        id=hook,
        phase=phase,
        side=side or SIDE_OF[phase],
        hook=hook,
        why=why,
        undo=undo,
        changes=changes,
    )
