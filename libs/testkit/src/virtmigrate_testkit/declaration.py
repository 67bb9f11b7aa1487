"""The declaration itself: well formed, and such that every answer can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from virtmigrate.capabilities import Form, How, Knob, SourceAfterPerform, Support
from virtmigrate.negotiation import RANK
from virtmigrate.option_rows import BY_NAME, OWN, SWITCHES, VALUES
from virtmigrate_testkit.companions import refusals, smallest

if TYPE_CHECKING:
    from virtmigrate.capabilities import Constraint
    from virtmigrate_testkit.kit import Kit

SWITCH_NAMES = [row.name for row in SWITCHES if not row.knob and row.name not in OWN]
CONTRADICTIONS = {
    (How.REFUSED, How.REFUSED): "it can be neither on nor off",
    (How.INHERENT, How.INHERENT): "it is always on and always off",
    (How.INHERENT, How.NATIVE): "what can be told otherwise is not inherent",
    (How.NATIVE, How.INHERENT): "what can be told otherwise is not inherent",
}
FACTS = ("guest.running", "guest.paused", "guest.active", "guest.persistent")


def faults_of(support: Support) -> list[str]:
    """What is wrong with the declaration of one switch. Pure."""
    ways = (support.on, support.off)
    default = support.default
    table = (
        (ways in CONTRADICTIONS, CONTRADICTIONS.get(ways, "")),
        (How.REFUSED in ways and not support.note, "a refusal needs a note: why"),
        (
            default is not None and support.how(default) is How.REFUSED,
            "its default is refused",
        ),
    )
    return [fault for holds, fault in table if holds]


def unknown_terms(rule: Constraint) -> list[str]:
    """Terms of a constraint that ask about nothing that exists. Pure."""
    return [
        term.what
        for term in rule.when
        if term.what not in FACTS and term.what.removeprefix("asked.") not in BY_NAME
    ]


class DeclarationTests:
    """Standard tests of what is declared."""

    def test_declaration_is_of_this_hypervisor(self, kit: Kit) -> None:
        """Both hosts declare the hypervisor that opened them, and who they are."""
        for uri, declared in zip(kit.bench.hosts(), kit.declared, strict=True):
            with kit.migrator.host(uri) as host:
                assert declared.hypervisor == host.hypervisor
                assert (declared.host, declared.host_uuid) == (host.name, host.uuid)
        assert kit.declared[0].host_uuid != kit.declared[1].host_uuid
        assert kit.declared[0].hypervisor == kit.declared[1].hypervisor

    def test_declaration_is_the_same_each_time(self, kit: Kit) -> None:
        """Asked twice, a host declares the same."""
        uri = kit.bench.hosts()[0]
        assert kit.migrator.capabilities(uri) == kit.migrator.capabilities(uri)

    @pytest.mark.parametrize("option", SWITCH_NAMES)
    def test_switch_is_well_declared(self, kit: Kit, option: str) -> None:
        """No answer contradicts the other, refusals say why, defaults can be had."""
        for declared in kit.declared:
            assert faults_of(declared.switch(option)) == []

    def test_switches_and_values_are_where_they_belong(self, kit: Kit) -> None:
        """A switch is declared among the switches, a value among the values."""
        for declared in kit.declared:
            assert set(declared.switches) <= {row.name for row in SWITCHES}
            assert set(declared.values) <= {row.name for row in VALUES}

    def test_values_are_native_or_refused_with_a_note(self, kit: Kit) -> None:
        """A value is carried, or the declaration says why it is not."""
        for declared in kit.declared:
            for name, value in declared.values.items():
                assert value.how in (How.NATIVE, How.REFUSED), name
                assert value.how is How.NATIVE or value.note, name

    def test_constraints_are_about_what_exists(self, kit: Kit) -> None:
        """Each has an id of its own, terms that exist, a message and a remedy."""
        for declared in kit.declared:
            rules = declared.constraints
            assert len({rule.id for rule in rules}) == len(rules)
            for rule in rules:
                assert rule.when, rule.id
                assert unknown_terms(rule) == [], rule.id
                assert rule.message, rule.id
                assert rule.remedy, rule.id

    @pytest.mark.parametrize("answer", [True, False], ids=["yes", "no"])
    @pytest.mark.parametrize("option", SWITCH_NAMES)
    def test_answer_can_be_asked_for(
        self, kit: Kit, option: str, *, answer: bool
    ) -> None:
        """What is not refused is accepted in some request: constraints leave room."""
        ends, asked = kit.ends(), {option: answer}
        found = smallest(dict(asked), ends)
        if kit.how(option, answer) is How.REFUSED:
            assert found is None, "a refused answer was accepted"
        else:
            assert found is not None, refusals(asked, ends)

    def test_a_bare_request_is_accepted(self, kit: Kit) -> None:
        """Nothing has to be asked for."""
        assert refusals({}, kit.ends()) == []

    def test_forms_and_knobs_are_given_once(self, kit: Kit) -> None:
        """There is a form; no form and no knob is named twice."""
        for declared in kit.declared:
            assert declared.forms
            assert len(set(declared.forms)) == len(declared.forms)
            assert len(set(declared.knobs)) == len(declared.knobs)
            assert set(declared.knobs) <= set(Knob)

    def test_point_of_no_return_fits_the_answers(self, kit: Kit) -> None:
        """Where perform deletes the source, its definition can't be kept natively."""
        source = kit.declared[0]
        if source.source_after_perform is SourceAfterPerform.GONE:
            kept = source.switch("undefine_source").off
            assert RANK.index(kept) > RANK.index(How.NATIVE)
        if Form.PEER_TO_PEER not in source.forms:
            assert source.switch("p2p").on is How.REFUSED
