"""Which form the switchover takes, and when COMMIT decides it."""

from __future__ import annotations

import itertools

import pytest

from tests.core.declared import NATIVE, NEVER, ends
from tests.core.declared import qemu_like as qemu
from tests.core.declared import vz_like as vz
from tests.core.plans import plan_between
from tests.requirements import requirement
from virtmigrate import Options, Side
from virtmigrate.capabilities import Form, SourceAfterPerform
from virtmigrate.errors import leaves
from virtmigrate.explain import explain
from virtmigrate.negotiation import FORM_WHY, form_of, settle

DRIVEN, PEER, CALL = Form.DRIVEN, Form.PEER_TO_PEER, Form.CALL


def form(both, **asked):
    return form_of(settle(Options(**asked), both), both)


def pair(here, there=None):
    there = here if there is None else there
    return ends(qemu("a", forms=here), qemu("b", forms=there))


@pytest.mark.parametrize(
    ("here", "asked", "expected"),
    [
        ((DRIVEN, PEER, CALL), {}, DRIVEN),
        ((CALL, DRIVEN), {}, DRIVEN),
        ((CALL,), {}, CALL),
        ((PEER, CALL), {}, CALL),
        ((DRIVEN, PEER), {"p2p": True}, PEER),
        ((DRIVEN, PEER), {"tunnelled": True}, PEER),
        ((DRIVEN, PEER), {"p2p": False}, DRIVEN),
        ((PEER,), {}, PEER),
    ],
)
@requirement("managed")
@requirement("plan.form-and-cost")
@requirement("switch.driven")
def test_the_form_follows_request_and_hosts(here, asked, expected):
    found, why = form(pair(here), **asked)
    assert found is expected
    assert why == FORM_WHY[expected]


@pytest.mark.parametrize(
    ("form", "asked", "cost"),
    [
        (DRIVEN, {}, "COMMIT decides the switchover"),
        (PEER, {"p2p": True}, "its downtime includes the stop at the source"),
        (CALL, {}, "its downtime includes the stop at the source"),
    ],
)
@requirement("plan.form-and-cost")
def test_the_plan_tells_people_the_form_and_its_cost(form, asked, cost):
    hosts = [qemu(h, {"p2p": NATIVE}, forms=(form,)) for h in "ab"]
    text = explain(plan_between(ends(*hosts), Options(**asked)))
    (line,) = [line for line in text.split("\n") if line.startswith("  form ")]
    assert line.startswith(f"  form {form}: ")
    assert cost in line


@requirement("default.bare")
def test_a_bare_request_finds_a_form_wherever_there_is_one():
    sets = [s for n in (1, 2, 3) for s in itertools.combinations(Form, n)]
    for here, there in itertools.product(sets, sets):
        both = pair(here, there)
        if set(here) & set(there):
            assert form(both)[0] in here
        else:
            with pytest.raises(ExceptionGroup):
                form(both)


@pytest.mark.parametrize(
    ("here", "asked"),
    [((DRIVEN, CALL), {"p2p": True}), ((PEER,), {"p2p": False})],
)
def test_a_form_that_is_not_to_be_had_is_refused_with_those_that_are(here, asked):
    with pytest.raises(ExceptionGroup) as caught:
        form(pair(here), **asked)
    (error,) = leaves(caught.value)
    assert (error.side, error.subject) == (Side.BOTH, "form")
    assert error.remedy == f"these hosts offer {', '.join(here)}"


@requirement("direct")
def test_direct_is_refused_by_name_where_no_host_has_it():
    both = ends(qemu("a", {"direct": NEVER}), qemu("b", {"direct": NEVER}))
    with pytest.raises(ExceptionGroup) as caught:
        settle(Options(direct=True), both)
    (error,) = leaves(caught.value)
    assert error.subject == "direct"
    assert "--direct" in error.message


# form, consent, what perform leaves at the source -> whether COMMIT decides
TWO_STEP = [
    (DRIVEN, False, SourceAfterPerform.PAUSED, True),
    (DRIVEN, True, SourceAfterPerform.PAUSED, True),
    (PEER, False, SourceAfterPerform.PAUSED, True),
    (PEER, True, SourceAfterPerform.PAUSED, False),
    (CALL, False, SourceAfterPerform.PAUSED, True),
    (CALL, True, SourceAfterPerform.PAUSED, False),
    (DRIVEN, False, SourceAfterPerform.GONE, False),
    (DRIVEN, True, SourceAfterPerform.GONE, False),
    (PEER, False, SourceAfterPerform.GONE, False),
]


@pytest.mark.parametrize(("form", "consent", "after", "expected"), TWO_STEP)
@requirement("lost.commit-first")
@requirement("switch.lands-paused")
@requirement("switch.one-step")
@requirement("switch.source-declared")
def test_commit_decides_unless_the_hypervisor_can_only_do_it_itself_or_may(
    form, consent, after, expected
):
    hosts = [
        qemu(h, {"p2p": NATIVE}, forms=(form,), source_after_perform=after)
        for h in "ab"
    ]
    asked = Options(one_step=consent, p2p=form is PEER)
    plan = plan_between(ends(*hosts), asked)
    assert (plan.form, plan.two_step) == (form, expected)
    lands_paused = "restore_run_state" in [s.hook for s in plan.steps]
    assert lands_paused is (expected and form is not DRIVEN)


@requirement("switch.source-declared")
def test_vz_decides_alone_and_the_plan_says_so():
    plan = plan_between(ends(vz("a"), vz("b")), Options())
    assert plan.two_step is False
    assert plan.source_after_perform is SourceAfterPerform.GONE
    (perform,) = [s for s in plan.steps if s.hook == "perform"]
    assert "by itself" in perform.why
