"""What holds when nothing, or little, is asked: defaults, and options that imply."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from tests.core import strategies
from tests.core.declared import (
    ALWAYS,
    DECLARABLE,
    NEVER,
    declaration,
    ends,
)
from tests.core.declared import qemu_like as qemu
from tests.core.declared import vz_like as vz
from tests.core.settling import FOUR, PAUSED, RUNNING, SHUTOFF, errors, refusals, rows
from tests.requirements import requirement
from virtmigrate import Options, Side
from virtmigrate.capabilities import How, Knob, Support
from virtmigrate.errors import NotMovable, OptionRefused
from virtmigrate.negotiation import RANK, Ends, settle
from virtmigrate.option_rows import SWITCHES

# A bare request works -----------------------------------------------------------------


@given(strategies.declarations(), strategies.guests)
@requirement("default.bare")
def test_a_bare_request_works_on_every_pair_that_can_agree(hosts, guest):
    both = Ends(*hosts, guest)
    loses_it = hosts[1].switch("persist_dest").on is How.REFUSED
    assume(not (loses_it and hosts[0].switch("undefine_source").off is How.REFUSED))
    settled = settle(Options(), both)
    for row in settled.options:
        assert row.how is not How.REFUSED, row
        assert row.asked is None


@given(strategies.declarations(), strategies.guests, strategies.switch_answers)
@requirement("say.plan-first")
def test_what_is_settled_is_what_was_asked_and_can_be_met(hosts, guest, asked):
    both = Ends(*hosts, guest)
    if errors(both, **asked):
        return
    for name, row in rows(both, **asked).items():
        assert row.asked is asked.get(name)
        assert row.effective is asked.get(name, row.effective)
        assert row.how is not How.REFUSED
        switch = next(s for s in SWITCHES if s.name == name)
        if name in DECLARABLE:
            ways = [c.switch(name).how(row.effective) for _, c in both.of(switch.side)]
            assert row.how is max(ways, key=RANK.index)


def test_hosts_that_leave_no_answer_are_refused_even_when_nothing_is_asked():
    only_on = declaration("a", {"compressed": ALWAYS})
    only_off = declaration("b", {"compressed": NEVER})
    (error,) = errors(ends(only_on, only_off))
    assert (error.subject, error.side) == ("compressed", Side.BOTH)
    assert error.remedy


@pytest.mark.parametrize("make", [qemu, vz])
@pytest.mark.parametrize("state", [RUNNING, PAUSED])
@requirement("default.bare")
@requirement("apps.all-four")
@requirement("options.bare-is-a-move")
def test_bare_and_what_orchestrators_pass_work(make, state):
    both = ends(make("a"), make("b"), state=state)
    for asked in ({}, FOUR):
        effective = settle(Options(**asked), both).effective()
        assert effective.live is True
        assert effective.persist_dest is True
        assert effective.undefine_source is True
        assert effective.paused is (state is PAUSED)
        assert effective.compressed is (make is vz or bool(asked))


@requirement("live.meaning")
@requirement("options.flag-word-zero")
def test_libvirts_empty_word_asks_for_coma_a_transient_guest_and_a_kept_source():
    both = ends(vz("a"), vz("b"))
    settled = settle(Options.from_libvirt_flags(0), both)
    ways = {name: settled[name].how for name in ("live", "persist_dest")}
    assert ways == {"live": How.EMULATED, "persist_dest": How.DEFERRED}
    assert settled["undefine_source"].how is How.EMULATED


@requirement("live.refuse")
def test_a_hypervisor_may_refuse_coma_by_name():
    always = Support(on=How.INHERENT, off=How.REFUSED, note="it only goes live")
    both = ends(vz("a", {"live": always}), vz("b", {"live": always}))
    assert settle(Options(), both)["live"].effective is True
    found = errors(both, live=False)
    assert {e.side for e in found} == {Side.SOURCE, Side.DESTINATION}
    assert all("--no-live" in e.message for e in found)
    assert all("it only goes live" in e.message for e in found)


@requirement("options.bare-is-a-move")
def test_defaults_follow_the_guest():
    settled = settle(Options(), ends(state=PAUSED, persistent=False))
    assert settled["paused"].effective is True
    assert settled["persist_dest"].effective is False
    assert settled["undefine_source"].effective is True


def test_a_declared_default_counts_where_the_project_has_none():
    on = Support(on=How.NATIVE, off=How.NATIVE, default=True)
    both = ends(qemu("a", {"auto_converge": on}), qemu("b"))
    assert settle(Options(), both)["auto_converge"].effective is True
    both = ends(qemu("a", {"live": Support(on=How.NATIVE, off=How.NATIVE)}), qemu("b"))
    assert settle(Options(), both)["live"].effective is True


# Never zero definitions ---------------------------------------------------------------


@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("defined_there", [True, False])
@pytest.mark.parametrize("persist", [True, False, None])
@pytest.mark.parametrize("undefine", [True, False, None])
@requirement("lost.configuration")
@requirement("switch.last-definition")
def test_a_persistent_guest_keeps_a_definition_unless_both_were_said(
    persistent, defined_there, persist, undefine
):
    both = ends(persistent=persistent, defined_there=defined_there)
    found = refusals(both, persist_dest=persist, undefine_source=undefine)
    goes = undefine is not False
    explicit = undefine is True
    zero = persistent and persist is False and goes and not defined_there
    expected = zero and not explicit
    assert found == ([("persist_dest", Side.REQUEST)] if expected else [])


@requirement("default.bare")
@requirement("lost.configuration")
def test_a_bare_move_keeps_the_source_where_the_destination_cant_persist():
    both = ends(qemu("a"), qemu("b", {"persist_dest": NEVER}))
    settled = settle(Options(), both)
    assert settled["persist_dest"].effective is False
    assert settled["undefine_source"].effective is False
    assert refusals(both, undefine_source=True) == [("persist_dest", Side.REQUEST)]


# Offline ------------------------------------------------------------------------------


@requirement("offline.definition")
def test_a_stopped_guest_moves_its_definition_by_default():
    settled = settle(Options(), ends(state=SHUTOFF))
    assert settled["offline"].effective is True
    assert settled["live"].effective is False


@requirement("offline.definition")
def test_a_stopped_guest_moves_plainly_where_the_hypervisor_can():
    both = ends(vz("a"), vz("b"), state=SHUTOFF)
    assert settle(Options(), both)["offline"].effective is False


@pytest.mark.parametrize("state", [RUNNING, PAUSED])
@requirement("offline.definition")
def test_offline_is_refused_for_a_guest_that_is_active(state):
    found = refusals(ends(state=state), offline=True, live=False)
    assert ("offline-of-running-guest", Side.REQUEST) in found


def test_offline_and_live_contradict_each_other():
    found = refusals(ends(state=SHUTOFF), offline=True, live=True)
    assert found == [("offline-and-live", Side.REQUEST)]


# Two kinds of host --------------------------------------------------------------------


@requirement("say.refused-untouched")
def test_two_hypervisors_are_refused_by_name():
    both = ends(qemu("a", hypervisor="qemu"), qemu("b", hypervisor="vz"))
    (error,) = errors(both)
    assert isinstance(error, NotMovable)
    assert error.side is Side.BOTH
    assert error.remedy.startswith("name a qemu host as the destination")
    assert "conversion" in error.remedy


# Options that ask for others ----------------------------------------------------------


def test_tunnelled_asks_for_peer_to_peer_unless_that_was_refused():
    assert settle(Options(tunnelled=True), ends())["p2p"].effective is True
    assert settle(Options(tunnelled=True, p2p=False), ends())["p2p"].effective is False


def test_methods_ask_for_compression():
    asked = Options(compression_methods=("xbzrle",))
    assert settle(asked, ends())["compressed"].effective is True


def test_an_implied_answer_that_cant_be_is_refused_naming_both():
    both = ends(qemu("a", {"compressed": NEVER}), qemu("b"))
    (error,) = errors(both, compression_methods=("xbzrle",))
    assert isinstance(error, OptionRefused)
    assert "--compressed, which --comp-methods asks for" in error.message
    assert error.remedy == "leave --comp-methods out"


def test_a_timeout_suspends_unless_told_otherwise():
    settled = settle(Options(timeout_s=5), ends())
    assert settled["timeout_suspend"].effective is True
    asked = {"timeout_s": 5, "timeout_postcopy": True, "postcopy": True}
    settled = settle(Options(**asked), ends())
    assert settled["timeout_suspend"].effective is False
    found = refusals(ends(), timeout_s=5, timeout_suspend=False)
    assert found == [("timeout-without-action", Side.REQUEST)]


@pytest.mark.parametrize(
    ("asked", "subject", "knob"),
    [
        ({"timeout_s": 5}, "timeout_suspend", Knob.SUSPEND),
        (
            {"timeout_s": 5, "timeout_postcopy": True, "postcopy": True},
            "timeout_postcopy",
            Knob.POSTCOPY,
        ),
        (
            {"postcopy_after_precopy": True, "postcopy": True},
            "postcopy_after_precopy",
            Knob.POSTCOPY,
        ),
    ],
)
@requirement("declare.knobs")
def test_a_timer_needs_the_knob_that_it_turns(asked, subject, knob):
    without = tuple(k for k in Knob if k is not knob)
    assert refusals(ends(), **asked) == []
    found = refusals(ends(qemu("a", knobs=without)), **asked)
    assert found == [(subject, Side.SOURCE)]


@requirement("switch.one-step")
def test_one_step_is_a_matter_of_consent_not_of_hosts():
    both = ends(declaration("a"), declaration("b"))
    assert settle(Options(one_step=True), both)["one_step"].how is How.NATIVE
    assert settle(Options(), both)["one_step"].effective is False
