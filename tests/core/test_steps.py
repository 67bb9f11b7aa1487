"""From a settlement to the program of a migration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import strategies
from tests.core.declared import ends, facts
from tests.core.declared import qemu_like as qemu
from tests.core.declared import vz_like as vz
from tests.core.plans import plan_between, plan_of, plan_possible
from tests.requirements import requirement
from virtmigrate import Options, Phase, Side
from virtmigrate.capabilities import Form, SourceAfterPerform
from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends
from virtmigrate.phases import NEXT, SIDE_OF

# The life of `--no-live --no-undefinesource` on a hypervisor like vz:
# phase, side, step, undone by
LIFE = """
begin    source       capture            -
begin    source       enter_coma         leave_coma
begin    source       begin              confirm
prepare  destination  prepare            finish
perform  source       perform            -
commit   both         commit             -
finish   destination  finish             -
finish   destination  restore_run_state  -
confirm  source       confirm            -
confirm  source       restore_source     -
close    both         observe            -
"""


def table(plan):
    return [(step.phase, step.side, step.hook, step.undo or "-") for step in plan.steps]


def hooks(both, **asked):
    return [step.hook for step in plan_between(both, Options(**asked)).steps]


def pair(make, **guest):
    return ends(make("a"), make("b"), **guest)


@requirement("live.fake")
@requirement("undefine.absent")
@requirement("plan.program")
def test_the_life_of_coma_and_a_kept_source_on_vz():
    plan = plan_between(pair(vz), Options(live=False, undefine_source=False))
    expected = [tuple(line.split()) for line in LIFE.strip().splitlines()]
    assert table(plan) == expected
    whys = {step.hook: step.why for step in plan.steps}
    assert whys["enter_coma"] == "live=no is emulated here"
    assert whys["restore_source"] == "undefine_source=no is emulated here"


PLAIN = ["capture", "begin", "prepare", "perform", "commit", "finish", "confirm"]


@requirement("plan.native-is-free")
def test_a_bare_move_has_no_emulation_in_it():
    for make in (qemu, vz):
        assert hooks(pair(make)) == [*PLAIN, "observe"]


@requirement("plan.native-is-free")
def test_a_native_answer_adds_no_step():
    no = {"live": False, "persist_dest": False, "undefine_source": False}
    assert hooks(pair(qemu), **no) == [*PLAIN, "observe"]


@requirement("persist.absent")
def test_a_definition_that_the_hypervisor_makes_is_undone_in_finish():
    asked = {"persist_dest": False, "undefine_source": True}
    plan = plan_between(pair(vz), Options(**asked))
    (undo,) = [step for step in plan.steps if step.hook == "undo_persist"]
    assert (undo.phase, undo.side) == (Phase.FINISH, Side.DESTINATION)
    assert undo.why == "persist_dest=no is deferred here"


@requirement("persist.absent")
@requirement("lost.configuration")
def test_the_source_has_its_definition_back_before_the_other_one_goes():
    asked = {"persist_dest": False, "undefine_source": False}
    steps = plan_between(pair(vz), Options(**asked)).steps[-4:]
    assert [(step.phase, step.hook) for step in steps] == [
        (Phase.CONFIRM, "confirm"),
        (Phase.CONFIRM, "restore_source"),
        (Phase.CLOSE, "undo_persist"),
        (Phase.CLOSE, "observe"),
    ]


@requirement("live.fake")
def test_coma_of_a_paused_guest_needs_no_pause():
    found = hooks(pair(vz, state=RunState.PAUSED), live=False)
    assert "enter_coma" not in found


def test_a_paused_guest_that_is_to_run_is_resumed_after_landing():
    both = pair(qemu, state=RunState.PAUSED)
    assert "restore_run_state" not in hooks(both)
    assert "restore_run_state" in hooks(both, paused=False)


@requirement("offline.definition")
def test_a_definition_alone_is_not_performed_by_us():
    both = pair(qemu, state=RunState.SHUTOFF)
    assert "perform" not in hooks(both)
    one_call = [qemu(h, forms=(Form.CALL,)) for h in "ab"]
    assert "perform" in hooks(ends(*one_call, state=RunState.SHUTOFF))


def test_a_stopped_guest_that_moves_plainly_is_performed_and_lands_stopped():
    found = hooks(pair(vz, state=RunState.SHUTOFF))
    assert found == [*PLAIN, "observe"]


@given(
    strategies.declarations(),
    strategies.all_states,
    st.booleans(),
    strategies.switch_answers,
)
@requirement("say.plan-first")
@requirement("plan.program")
def test_every_plan_is_a_legal_program(hosts, state, persistent, asked):
    both = Ends(*hosts, facts(state=state, persistent=persistent))
    plan = plan_possible(both, asked)
    ids = [step.id for step in plan.steps]
    assert len(set(ids)) == len(ids)
    phases = [phase for phase, _ in itertools.groupby(s.phase for s in plan.steps)]
    assert phases[0] is Phase.BEGIN
    assert phases[-1] is Phase.CLOSE
    for before, after in itertools.pairwise(phases):
        assert after in NEXT[before], phases
    for step in plan.steps:
        undone_late = step.hook == "undo_persist"
        assert step.side is (Side.DESTINATION if undone_late else SIDE_OF[step.phase])
    assert ids.index("commit") < ids.index("finish") < ids.index("confirm")
    assert ("enter_coma" in ids) <= ("restore_run_state" in ids)
    undone_by = {step.hook: step.undo for step in plan.steps if step.undo}
    assert undone_by.items() >= {("begin", "confirm"), ("prepare", "finish")}
    assert undone_by.get("enter_coma", "leave_coma") == "leave_coma"
    assert set(undone_by) <= {"begin", "prepare", "enter_coma"}
    reading = {step.hook for step in plan.steps if not step.changes}
    assert reading == {"capture", "observe"}
    assert plan.two_step is (
        plan.source_after_perform is SourceAfterPerform.PAUSED
        and (plan.form is Form.DRIVEN or not plan.settlement["one_step"].effective)
    )


@pytest.mark.parametrize("phase", Phase)
@requirement("hooks.phases-lead-on")
def test_phases_lead_to_the_end(phase):
    seen = set()
    frontier = [phase]
    while frontier:
        here = frontier.pop()
        seen.add(here)
        frontier += [p for p in NEXT[here] if p not in seen]
    assert Phase.CLOSE in seen
    assert Phase.FINISH in seen or phase in (Phase.CONFIRM, Phase.CLOSE)
    assert SIDE_OF[phase] in Side


@requirement("plan.program")
def test_every_step_says_why():
    for plan in (plan_of(), plan_between(pair(vz), Options(live=False))):
        assert all(step.why for step in plan.steps)
