"""What a user asks for, on two real hosts; the guest itself proves that it held."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate import Outcome
from virtmigrate.host import RunState

pytestmark = pytest.mark.lab


@requirement("default.bare")
def test_a_bare_move_is_live_and_takes_everything_along(rig, guest):
    began = rig.lab.now()
    result = rig.move(guest)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)
    assert rig.persistent("b", guest)
    assert rig.state("a", guest) == ""
    kinds = rig.watch.kinds()
    assert kinds.index("committed") < kinds.index("landed") < kinds.index("ended")


def test_there_and_back(rig, guest):
    began = rig.lab.now()
    assert rig.move(guest).succeeded
    assert rig.move(guest, back=True).succeeded
    rig.runs_only_on("a", guest, began)


@requirement("live.meaning")
def test_coma_stands_still_until_it_has_landed(rig, guest):
    # Slow enough that a guest which ran meanwhile would have been heard.
    rig.lab.link_rate(24)
    began = rig.lab.now()
    result = rig.move(guest, live=False)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)
    before, after = rig.lab.guest_runs(guest, since=began)
    assert (before.host, after.host) == ("a", "b")
    # Its memory takes over two seconds on this link, and all of that was silence.
    assert after.first - before.last > 2.0
    # It did nothing unheard either: its counter goes on where it stood.
    assert after.counter_first == before.counter_last + 1
    assert after.counter_last > after.counter_first


@requirement("paused")
def test_a_paused_guest_stays_paused(rig, guest):
    rig.lab.hosts["a"].virsh("suspend", guest)
    result = rig.move(guest)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert rig.state("b", guest) == "paused"
    assert rig.state("a", guest) == ""
    resumed = rig.lab.now()
    rig.lab.hosts["b"].virsh("resume", guest)
    rig.runs_only_on("b", guest, resumed)


def test_paused_asked_for_leaves_a_running_guest_paused(rig, guest):
    assert rig.move(guest, paused=True).destination is RunState.PAUSED
    rig.lab.hosts["b"].virsh("resume", guest)


def test_no_suspend_resumes_a_paused_guest(rig, guest):
    rig.lab.hosts["a"].virsh("suspend", guest)
    result = rig.move(guest, paused=False)
    assert result.destination is RunState.RUNNING, result


@requirement("managed")
@pytest.mark.parametrize("live", [True, False])
def test_peer_to_peer_lands_paused_and_is_resumed_after_commit(rig, guest, live):
    began = rig.lab.now()
    result = rig.move(guest, p2p=True, live=live)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)


@requirement("switch.one-step")
def test_peer_to_peer_in_one_step_by_consent(rig, guest):
    began = rig.lab.now()
    result = rig.move(guest, p2p=True, one_step=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)


@requirement("switch.driven")
def test_the_one_call_form_where_phases_can_not_be_called(rig, guest, monkeypatch):
    monkeypatch.setattr("virtmigrate_libvirt.phases.available", lambda: False)
    began = rig.lab.now()
    result = rig.move(guest)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)
    (plan,) = [rig.migrator.journal.plan(result.migration)]
    assert plan.form == "call"


def test_a_new_name_at_the_destination(rig, guest):
    began = rig.lab.now()
    result = rig.move(guest, dest_name=f"{guest}-new")
    assert result.outcome is Outcome.SUCCEEDED, result
    assert rig.state("b", f"{guest}-new") == "running"
    assert rig.state("b", guest) == ""
    rig.runs_only_on("b", guest, began)


@requirement("offline.definition")
def test_a_stopped_guest_moves_its_definition(rig, guest):
    rig.lab.hosts["a"].virsh("destroy", guest)
    result = rig.move(guest, offline=True)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert rig.state("b", guest) == "shut off"
    assert rig.state("a", guest) == ""


@requirement("ends.cancel")
def test_cancel_in_the_middle_leaves_everything_as_it_was(rig, guest):
    began = rig.lab.now()
    handle = rig.start(guest)
    rig.watch.transferring()
    handle.cancel()
    result = handle.wait(60)
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert result.limit == "cancelled by the caller"
    rig.runs_only_on("a", guest, began)
    assert rig.state("b", guest) == ""
    assert rig.persistent("a", guest)
    rig.lab.link_rate(None)
    assert rig.move(guest).succeeded


@requirement("switch.post-copy-commit")
def test_postcopy_after_precopy_lands_under_the_same_commit(rig, guest):
    began = rig.lab.now()
    handle = rig.start(guest, postcopy=True, postcopy_after_precopy=True)
    result = handle.wait(120)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)
