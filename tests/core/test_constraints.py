"""Contradictions between options, as data; and the terms they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.core import strategies
from tests.core.declared import ends
from tests.core.declared import qemu_like as qemu
from tests.requirements import requirement
from virtmigrate import Options, Side
from virtmigrate.capabilities import Constraint, Term
from virtmigrate.constraints import CORE, violated
from virtmigrate.errors import leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import settle
from virtmigrate.option_rows import BY_NAME

# id: a request that violates it, for a guest in that state
VIOLATIONS = {
    "offline-of-running-guest": ({"offline": True, "live": False}, RunState.RUNNING),
    "offline-and-live": ({"offline": True, "live": True}, RunState.SHUTOFF),
    "copy-all-and-inc": (
        {"copy_storage": True, "copy_storage_inc": True},
        RunState.RUNNING,
    ),
    "disks-of-kept-definition": (
        {"remove_source_disks": True, "undefine_source": False},
        RunState.RUNNING,
    ),
    "timeout-two-actions": (
        {
            "timeout_s": 5,
            "timeout_suspend": True,
            "timeout_postcopy": True,
            "postcopy": True,
        },
        RunState.RUNNING,
    ),
    "timeout-action-alone": ({"timeout_suspend": True}, RunState.RUNNING),
    "timeout-postcopy-alone": (
        {"timeout_postcopy": True, "postcopy": True},
        RunState.RUNNING,
    ),
    "timeout-without-action": (
        {"timeout_s": 5, "timeout_suspend": False},
        RunState.RUNNING,
    ),
    "timeout-without-live": ({"timeout_s": 5, "live": False}, RunState.RUNNING),
    "timeout-postcopy-forbidden": (
        {"timeout_s": 5, "timeout_postcopy": True},
        RunState.RUNNING,
    ),
    "postcopy-after-precopy-forbidden": (
        {"postcopy_after_precopy": True, "postcopy": False},
        RunState.RUNNING,
    ),
    "persistent-xml-of-transient": (
        {"persist_xml": "<a/>", "persist_dest": False, "undefine_source": False},
        RunState.RUNNING,
    ),
    "tls-destination-without-tls": ({"tls_destination": "host"}, RunState.RUNNING),
    "live-xml-without-persistent-xml": ({"dest_xml": "<a/>"}, RunState.RUNNING),
}


@requirement("plan.rules-are-data")
def test_every_rule_has_its_example():
    assert {rule.id for rule in CORE} == set(VIOLATIONS)


@pytest.mark.parametrize("rule", CORE, ids=lambda rule: rule.id)
@requirement("plan.rules-are-data")
@requirement("switch.post-copy-consent")
def test_a_rule_refuses_its_example_and_nothing_else_does(rule):
    asked, state = VIOLATIONS[rule.id]
    with pytest.raises(ExceptionGroup) as caught:
        settle(Options(**asked), ends(state=state))
    (error,) = leaves(caught.value)
    assert (error.subject, error.side) == (rule.id, Side.REQUEST)
    assert error.remedy == rule.remedy


@pytest.mark.parametrize("rule", CORE, ids=lambda rule: rule.id)
def test_a_rule_is_written_for_people_and_about_things_that_exist(rule):
    assert rule.message
    assert rule.remedy
    assert rule.source
    facts = set(ends().facts())
    for term in rule.when:
        assert term.what.removeprefix("asked.") in BY_NAME or term.what in facts
        asked = term.model_dump(exclude_defaults=True, exclude={"what"})
        assert len(asked) == 1, "exactly one question is asked of it"


def test_copies_that_a_hypervisor_makes_anyway_contradict_nothing():
    """Both kinds may be inherent: only who asks for both contradicts himself."""
    both = {"copy_storage": True, "copy_storage_inc": True}
    assert violated(CORE, both, {}) == []


@given(strategies.switch_answers)
def test_rules_judge_what_is_effective_not_what_was_asked(asked):
    """Yes said, and yes by default, violate alike."""
    said = violated(CORE, asked, {})
    absent = {name: answer for name, answer in asked.items() if answer}
    assert violated(CORE, {**dict.fromkeys(asked, False), **absent}, {}) == said


def one(**question):
    return Constraint(
        id="x", when=(Term(what="it", **question),), message="m", remedy="r"
    )


TERMS = [
    ({"answer": True}, [True], [False, None]),
    ({"answer": False}, [False, None], [True]),
    ({"given": True}, [0, "", ("a",), False], [None]),
    ({"given": False}, [None], [0, ("a",)]),
    ({"holds": "zlib"}, [("zlib",), ("mt", "zlib"), "zlib:9"], [None, ("mt",), "mt"]),
    ({"lacks": "zlib"}, [None, ("mt",), ()], [("zlib",), ("mt", "zlib")]),
    (
        {"other_than": ("tcp:", "rdma:")},
        ["unix:/x", "x"],
        ["tcp://h", "rdma://h", None],
    ),
    ({"many": True}, [("a", "b")], [("a",), None]),
    ({"many": False}, [("a",), None], [("a", "b")]),
]


@pytest.mark.parametrize(("question", "yes", "no"), TERMS, ids=lambda t: str(t)[:30])
def test_terms(question, yes, no):
    rule = one(**question)
    for value in yes:
        assert violated([rule], {"it": value}, {}) == [rule], value
    for value in no:
        assert violated([rule], {"it": value}, {}) == [], value


def test_all_terms_must_hold():
    rule = Constraint(
        id="x",
        when=(Term(what="live", answer=True), Term(what="guest.paused", answer=True)),
        message="m",
        remedy="r",
    )
    assert violated([rule], {"live": True}, {"guest.paused": True}) == [rule]
    assert violated([rule], {"live": True}, {"guest.paused": False}) == []
    assert violated([rule], {"live": False}, {"guest.paused": True}) == []


def test_a_hosts_own_rule_is_told_with_its_side_and_once():
    rule = Constraint(
        id="no-tls-here",
        when=(Term(what="tls", answer=True),),
        message="TLS is forbidden in its configuration",
        remedy="leave --tls out",
    )
    for hosts, side in (
        ((qemu("a", constraints=(rule,)), qemu("b")), Side.SOURCE),
        ((qemu("a"), qemu("b", constraints=(rule,))), Side.DESTINATION),
        ((qemu("a", constraints=(rule,)), qemu("b", constraints=(rule,))), Side.SOURCE),
    ):
        with pytest.raises(ExceptionGroup) as caught:
            settle(Options(tls=True), ends(*hosts))
        (error,) = leaves(caught.value)
        assert (error.side, error.subject) == (side, "no-tls-here")
        settle(Options(), ends(*hosts))
