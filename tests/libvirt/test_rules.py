"""The loop's rules against `virDomainMigrateVersion3Full`, spelled out again here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.option_rows import FLAG_MASK
from virtmigrate.phases import Phase
from virtmigrate_libvirt import rules
from virtmigrate_libvirt.rules import Reached, When, heard

LIVE, PERSIST, UNDEFINE, PAUSED = 0x1, 0x8, 0x10, 0x20
PROTECT, ABORT, CONVERGE, RESUME = 0x100, 0x1000, 0x2000, 0x80000
MOVE = LIVE | PERSIST | UNDEFINE
PHASES = (Phase.BEGIN, Phase.PREPARE, Phase.PERFORM, Phase.FINISH, Phase.CONFIRM)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.BEGIN, MOVE | ABORT | CONVERGE | PROTECT),
        (Phase.PREPARE, MOVE),
        (Phase.PERFORM, MOVE | ABORT | CONVERGE | PROTECT),
        (Phase.FINISH, MOVE),
        (Phase.CONFIRM, MOVE | ABORT | CONVERGE | PROTECT),
    ],
)
def test_each_phase_hears_its_own_flags(phase, expected):
    word = MOVE | ABORT | CONVERGE
    assert rules.flags_for(phase, word, protects=True) == expected
    assert rules.flags_for(phase, word, protects=False) == expected & ~PROTECT


@given(
    word=st.integers(0, FLAG_MASK).map(lambda n: n & FLAG_MASK),
    phase=st.sampled_from(PHASES),
    protects=st.booleans(),
)
def test_no_phase_hears_a_flag_that_nobody_gave(word, phase, protects):
    heard_word = rules.flags_for(phase, word, protects=protects)
    assert heard_word & ~(word | PROTECT) == 0
    source = phase in (Phase.BEGIN, Phase.PERFORM, Phase.CONFIRM)
    assert bool(heard_word & PROTECT) is (protects and source)
    assert heard_word | PROTECT | ABORT | CONVERGE == word | PROTECT | ABORT | CONVERGE


def test_asking_for_protection_does_not_reach_a_source_that_lacks_it():
    assert rules.flags_for(Phase.BEGIN, MOVE | PROTECT, protects=False) == MOVE


def test_a_source_paused_after_begin_makes_the_guest_stay_paused():
    assert rules.seen_paused(MOVE, paused=True) == MOVE | PAUSED
    assert rules.seen_paused(MOVE, paused=False) == MOVE
    assert rules.seen_paused(MOVE | RESUME, paused=True) == MOVE | RESUME


def test_the_landing_is_decided_at_commit_and_not_at_begin():
    assert rules.landing(MOVE | PAUSED, paused=False) == MOVE
    assert rules.landing(MOVE, paused=True) == MOVE | PAUSED


PARAMS = {"bandwidth": 7, "destination_xml": "<mine/>", "migrate_uri": "tcp://x"}


def params_for(phase, given_params=PARAMS, uri="tcp:b:49152"):
    return rules.params_for(
        phase, given_params, name="g", begin_xml="<begin/>", uri=uri
    )


def test_begin_gets_what_the_caller_gave():
    assert params_for(Phase.BEGIN) == PARAMS


def test_the_xml_of_begin_travels_from_prepare_on():
    assert params_for(Phase.PREPARE) == {**PARAMS, "destination_xml": "<begin/>"}


def test_the_uri_of_prepare_counts_from_perform_on():
    performed = params_for(Phase.PERFORM)
    assert performed["migrate_uri"] == "tcp:b:49152"
    assert "destination_name" not in performed
    assert params_for(Phase.PERFORM, uri=None)["migrate_uri"] == "tcp://x"


@pytest.mark.parametrize("phase", [Phase.FINISH, Phase.CONFIRM])
def test_finish_and_confirm_are_told_the_name(phase):
    assert params_for(phase)["destination_name"] == "g"
    renamed = {**PARAMS, "destination_name": "h"}
    assert params_for(phase, renamed)["destination_name"] == "h"


def test_what_the_caller_gave_is_not_changed():
    before = dict(PARAMS)
    for phase in PHASES:
        params_for(phase)
    assert before == PARAMS


FAILURES = {
    # what failed: (finish(cancelled=1) goes out, confirm(cancelled=1) goes out),
    # each for a source with and without change protection
    Reached.BEGIN_FAILED: ((False, False), (False, False)),
    Reached.PREPARE_FAILED: ((False, True), (False, False)),
    Reached.PREPARED: ((True, True), (True, True)),  # "did not set uri", or cancelled
    Reached.PERFORM_FAILED: ((True, False), (True, False)),
    Reached.PERFORMED: ((True, True), (True, True)),
    Reached.FINISH_FAILED: ((False, True), (False, True)),
    Reached.BEGUN: ((False, True), (False, False)),
    Reached.NOTHING: ((False, False), (False, False)),
}


@pytest.mark.parametrize("reached", FAILURES)
@pytest.mark.parametrize("protects", [True, False])
@requirement("switch.what-libvirt-hears")
def test_who_hears_of_a_failure(reached, protects):
    row = rules.CANCELLING[reached]
    finish, confirm = FAILURES[reached][0 if protects else 1]
    assert heard(row.finish, protects=protects) is finish
    assert heard(row.confirm, protects=protects) is confirm


def test_every_state_has_a_row_and_goes_through_text():
    assert set(rules.CANCELLING) == set(Reached)
    assert [Reached(str(state)) for state in Reached] == list(Reached)


@requirement("switch.what-libvirt-hears")
def test_a_lost_perform_is_never_confirmed_by_libvirt():
    """Its connection took the job with it: only `resume` gives that guest back."""
    assert rules.CANCELLING[Reached.PERFORM_LOST].confirm is When.NEVER
