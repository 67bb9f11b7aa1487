"""The forms: what is asked of libvirt, and an answer that does not come."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from tests.core.contexts import Ear
from tests.qemu.declared import ends
from tests.requirements import requirement
from virtmigrate import disk_hooks, hookspecs, plan_hooks
from virtmigrate.capabilities import Form
from virtmigrate.clock import RealClock
from virtmigrate.context import Context
from virtmigrate.errors import (
    AnswerLost,
    HostError,
    HostUnreachable,
    PluginError,
    Side,
)
from virtmigrate.host import CONTRACT, Hypervisor, RunState, Sighting
from virtmigrate.manager import Manager
from virtmigrate.negotiation import form_of, settle
from virtmigrate.options import Options
from virtmigrate.phases import Fate
from virtmigrate.plan import HostFacts, Plan
from virtmigrate.steps import compile_steps, two_step
from virtmigrate_libvirt import answer, one_call
from virtmigrate_qemu import driven, forms, plugin, request
from virtmigrate_qemu.hypervisor import QemuHypervisor

LIVE, P2P, TUNNELLED, PERSIST, UNDEFINE, PAUSED = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
PROTECT, OFFLINE = 0x100, 0x400
MOVE = LIVE | PERSIST | UNDEFINE | PROTECT
PEER_TO_PEER = forms.FORMS[Form.PEER_TO_PEER]


class Arrival:
    """A guest at the destination, as far as the forms look."""

    def __init__(self, state):
        self.state = state

    def look(self):
        return Sighting(self.state, why=str(self.state))


def context(state=RunState.RUNNING, landing=RunState.RUNNING, *, driven=True, **asked):
    """A migration between two declared hosts; no host is open."""
    both = ends(state=state, driven=driven)
    settlement = settle(Options(**asked), both)
    form, why = form_of(settlement, both)
    two = two_step(settlement, form, both.source.source_after_perform)
    here, there = (
        HostFacts(uri=f"qemu:///{c.host}", hypervisor="qemu", name=c.host, uuid=c.host)
        for c in (both.source, both.destination)
    )
    plan = Plan(
        guest=both.guest,
        source=here,
        destination=there,
        settlement=settlement,
        form=form,
        form_why=why,
        two_step=two,
        steps=compile_steps(settlement, both.guest, form, two=two),
    )
    host = type("Host", (), {"side": Side.DESTINATION, "uri": "qemu:///b"})()
    return Context(
        migration="m1",
        attempt=1,
        plan=plan,
        options=settlement.effective(),
        source=host,
        destination=host,
        guest=Arrival(state),
        arrival=Arrival(RunState.PAUSED),
        engine=Ear(),
        clock=RealClock(),
        landing=landing,
    )


def test_the_plugin_is_one_that_the_manager_takes():
    manager = Manager([plugin], discover=False)
    assert [record.error for record in manager.records] == [""]
    (hypervisor,) = plugin.virtmigrate_hypervisors()
    assert isinstance(hypervisor, Hypervisor)
    assert (hypervisor.name, hypervisor.contract) == ("qemu", CONTRACT)
    assert manager.hypervisors["qemu"] == hypervisor or isinstance(
        manager.hypervisors["qemu"], QemuHypervisor
    )


def test_every_hook_of_the_plugin_is_specified():
    mine = {name for name in vars(plugin) if name.startswith("virtmigrate_")}
    modules = {"virtmigrate_qemu", "virtmigrate_libvirt"}
    known = vars(hookspecs) | vars(plan_hooks) | vars(disk_hooks)
    assert mine - modules <= known.keys()


@pytest.mark.parametrize(
    ("asked", "form"),
    [({}, Form.DRIVEN), ({"p2p": True}, Form.PEER_TO_PEER)],
)
def test_the_plan_chooses_the_form(asked, form):
    assert forms.of(context(**asked)) is forms.FORMS[form]


def test_flags_of_a_bare_move():
    assert request.flags_of(context()) == MOVE


def test_flags_of_a_peer_to_peer_move():
    assert request.whole_flags(context(p2p=True), peer=True) == MOVE | P2P | PAUSED
    consented = context(p2p=True, one_step=True)
    assert request.whole_flags(consented, peer=True) == MOVE | P2P
    tunnelled = request.whole_flags(context(tunnelled=True), peer=True)
    assert tunnelled == MOVE | P2P | TUNNELLED | PAUSED


def test_an_offline_move_never_lands_paused():
    ctx = context(RunState.SHUTOFF, RunState.SHUTOFF, p2p=True)
    expected = OFFLINE | PERSIST | UNDEFINE | PROTECT | P2P
    assert request.whole_flags(ctx, peer=True) == expected
    assert "perform" in [step.hook for step in ctx.plan.steps]


def test_the_landing_decides_what_finish_is_told():
    assert not request.lands_paused(context())
    assert request.lands_paused(context(landing=RunState.PAUSED))
    later = context(RunState.PAUSED, paused=False)
    assert request.lands_paused(later), "a later step resumes it"


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.RUNNING])
def test_the_finish_of_a_call_looks_at_the_destination(state):
    ctx = context(p2p=True)
    ctx.arrival = Arrival(state)
    assert PEER_TO_PEER.finish(ctx, b"", Fate.GO) == b""


def test_a_guest_that_is_not_there_is_not_finished():
    ctx = context(p2p=True)
    ctx.arrival = Arrival(RunState.ABSENT)
    with pytest.raises(HostError) as caught:
        PEER_TO_PEER.finish(ctx, b"", Fate.GO)
    assert caught.value.side is Side.DESTINATION
    assert PEER_TO_PEER.finish(ctx, b"", Fate.CANCELLED) == b""


def test_a_host_of_another_plugin_is_a_plugin_error():
    with pytest.raises(PluginError):
        forms.of(context()).prepare(context(), b"")


def test_an_answer_in_time_is_given():
    ctx = context()
    answered = answer.await_answer(
        lambda: 7, ctx, over=lambda: False, doing="finish", side=Side.DESTINATION
    )
    assert answered == 7


def test_an_answer_that_does_not_come_is_lost_once_its_effect_is_seen(monkeypatch):
    monkeypatch.setattr(answer, "FIRST_LOOK_S", 0.0)
    monkeypatch.setattr(answer, "LOOK_S", 0.0)
    monkeypatch.setattr(answer, "STABLE_S", 0.15)
    release = threading.Event()
    effects = iter([False, True, False])
    with pytest.raises(AnswerLost) as caught:
        answer.await_answer(
            lambda: release.wait(20),
            context(),
            over=lambda: next(effects, True),
            doing="finish",
            side=Side.DESTINATION,
        )
    release.set()
    assert caught.value.side is Side.DESTINATION
    assert next(effects, "all were looked at") == "all were looked at"


class Shown:
    """A guest at the source that shows one look after the other; the last stays."""

    def __init__(self, *looks):
        self.looks = list(looks)

    def look(self):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


RUNS, MOVES = Sighting(RunState.RUNNING), Sighting(RunState.RUNNING, job=True)
GONE, DARK = Sighting(RunState.ABSENT), Sighting(RunState.UNREACHABLE)
OVER = [
    ((GONE,), True),
    ((MOVES, MOVES, RUNS), True),
    ((MOVES,), False),
    ((DARK,), False),
]


@requirement("calls.bounded")
@pytest.mark.parametrize(("looks", "over"), OVER)
def test_a_call_is_over_once_its_job_is(looks, over):
    ctx = context(p2p=True)
    ctx.guest = Shown(*looks)
    asked = one_call.Over(ctx)
    assert [asked() for _ in looks][-1] is over


@requirement("calls.bounded")
def test_a_call_that_never_began_is_waited_for_as_an_order_is(monkeypatch):
    """It may only be late: then giving up early would let it move behind our back."""
    ctx = context(p2p=True)
    ctx.guest = Shown(RUNS)
    assert one_call.Over(ctx)() is False
    monkeypatch.setattr(one_call.SECONDS, "tell", -1.0)
    assert one_call.Over(ctx)() is True


class Deaf:
    """A drive whose destination does not answer.

    Attributes:
        asked: How often it was asked.
    """

    asked = 0

    def check_destination(self):
        self.asked += 1
        msg = "the connection of this migration is dead"
        raise HostUnreachable(msg, side=Side.DESTINATION)


@requirement("switch.post-copy-commit")
@pytest.mark.parametrize(
    ("postcopy", "state", "asked"),
    [
        (False, RunState.PAUSED_MIGRATION, 1),
        (True, RunState.PAUSED_MIGRATION, 1),
        (True, RunState.UNREACHABLE, 1),
        (True, RunState.POSTCOPY, 0),
        (True, RunState.POSTCOPY_FAILED, 0),
    ],
)
def test_a_destination_that_does_not_hold_on_to_it_ends_a_move(postcopy, state, asked):
    """In post-copy it is not even asked: what it leaves unanswered costs finish."""
    ctx = context(**({"postcopy": True} if postcopy else {}))
    ctx.guest, drive = Arrival(state), Deaf()
    with pytest.raises(HostUnreachable) if asked else nullcontext():
        driven.see_held(ctx, drive)
    assert drive.asked == asked
