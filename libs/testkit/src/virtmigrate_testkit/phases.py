"""The five phases: their order, their cookies, what perform leaves, how it ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from virtmigrate.capabilities import Form, How, SourceAfterPerform
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_testkit.kit import NAME, Kit, not_applicable

if TYPE_CHECKING:
    from virtmigrate.events import Event
    from virtmigrate_testkit.recorder import Call

PHASES = ["begin", "prepare", "perform", "finish", "confirm"]


class PhaseTests:
    """Standard tests of an ordinary move."""

    def test_bare_move(self, kit: Kit) -> None:
        """A bare request moves a running guest, and it goes on there."""
        kit.guest()
        before = kit.bench.progress(NAME)
        run = kit.moved()
        assert run.result.faults == ()
        assert kit.bench.progress(NAME) >= before

    def test_there_and_back(self, kit: Kit) -> None:
        """What has moved can move back; it has lost nothing on the way."""
        kit.guest()
        kit.moved()
        between = kit.bench.progress(NAME)
        kit.back = True
        kit.moved()
        assert kit.bench.progress(NAME) >= between

    def test_phases_in_order(self, kit: Kit) -> None:
        """Each phase is called once, in order, and has ended when all is over."""
        kit.guest()
        run = kit.moved()
        called = [c.hook for c in run.recorder.calls if c.hook in PHASES]
        assert called == PHASES
        assert all(call.over for call in run.recorder.calls)

    def test_cookies_travel_unchanged(self, kit: Kit) -> None:
        """Each phase is given exactly what the one before it answered."""
        kit.guest()
        calls = {call.hook: call for call in kit.moved().recorder.calls}
        for giver, taker in itertools.pairwise(PHASES):
            assert isinstance(calls[giver].answer, bytes)
            assert calls[taker].cookie == calls[giver].answer, taker

    def test_finish_and_confirm_are_told_to_go(self, kit: Kit) -> None:
        """After a move that went well the fate is GO, for both."""
        kit.guest()
        run = kit.moved()
        for hook in ("finish", "confirm"):
            assert [call.fate for call in run.recorder.of(hook)] == [Fate.GO]

    def test_perform_leaves_the_source_as_declared(self, kit: Kit) -> None:
        """After perform it runs nowhere, or has gone from the source: as declared."""
        kit.guest()
        seen: list[tuple[RunState, RunState]] = []

        def watch(call: Call) -> None:
            if call.hook == "perform" and call.over:
                here, there = kit.bench.look(NAME)
                seen.append((here.state, there.state))

        kit.recorder.watch = watch
        run = kit.moved()
        ((here, there),) = seen
        assert run.plan.form is kit.declared[0].forms[0]
        if run.plan.source_after_perform is SourceAfterPerform.GONE:
            assert not here.active, "perform leaves nothing at the source"
            assert there in (RunState.RUNNING, RunState.PAUSED)
            return
        assert here is not RunState.RUNNING, "it is stopped at the source"
        assert here.active or run.plan.form is not Form.DRIVEN
        assert there is not RunState.RUNNING, "only finish may start it"
        assert there.active, "it is complete at the destination"
        if run.plan.form is not Form.DRIVEN:
            assert there is RunState.PAUSED, "the hypervisor has completed it, paused"

    @pytest.mark.parametrize("form", list(Form), ids=str)
    def test_form_works(self, kit: Kit, form: Form) -> None:
        """Every form that both hosts declare moves a guest."""
        ends = kit.ends()
        if form not in ends.forms:
            not_applicable(f"form {form} is not declared")
        if form is Form.CALL and Form.DRIVEN in ends.forms:
            not_applicable("form call is only used where driven is not declared")
        kit.guest()
        peer = {Form.PEER_TO_PEER: {"p2p": True}}.get(form, {})
        run = kit.moved(**peer)
        assert run.plan.form is form

    def test_coma(self, kit: Kit) -> None:
        """Its CPUs stand still from before perform until after it has landed."""
        if kit.how("live", answer=False) is How.REFUSED:
            not_applicable("live=no is refused")
        kit.guest()
        kit.bench.slow()
        marks = _Marks(kit, begun=kit.how("live", answer=False) is How.NATIVE)
        run = kit.moved(live=False)
        assert run.effective.live is False
        still = marks.still()
        assert len(still) > 1, "the transfer was never looked at"
        assert len(set(still)) == 1, f"it went on during the move: {still}"
        assert kit.bench.look(NAME)[1].state is RunState.RUNNING

    def test_live(self, kit: Kit) -> None:
        """Its CPUs run while it moves."""
        if kit.how("live", answer=True) is How.REFUSED:
            not_applicable("live=yes is refused")
        kit.guest()
        kit.bench.slow()
        marks = _Marks(kit, begun=False)
        run = kit.moved(live=True)
        assert run.effective.live is True
        assert max(marks.still()) > min(marks.still()), "it stood still all the time"

    @pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED], ids=str)
    @pytest.mark.parametrize("answer", [None, True, False], ids=str)
    def test_paused(self, kit: Kit, state: RunState, *, answer: bool | None) -> None:
        """It arrives paused if it was, or as was asked: told by both hosts."""
        if answer is not None and kit.how("paused", answer) is How.REFUSED:
            not_applicable(f"paused={answer} is refused")
        kit.guest(state)
        run = kit.moved(paused=answer)
        paused = state is RunState.PAUSED if answer is None else answer
        wanted = RunState.PAUSED if paused else RunState.RUNNING
        assert kit.bench.look(NAME)[1].state is wanted
        assert run.result.destination is wanted

    def test_stopped_guest(self, kit: Kit) -> None:
        """The bare request moves a stopped guest, and does not start it."""
        kit.guest(RunState.SHUTOFF)
        run = kit.moved()
        assert kit.bench.look(NAME)[1].state is RunState.SHUTOFF
        assert run.result.destination is RunState.SHUTOFF

    def test_offline_of_a_running_guest(self, kit: Kit) -> None:
        """It would leave a second, startable copy: refused by name."""
        kit.guest()
        subjects = {error.subject for error in kit.refused(offline=True)}
        assert any("offline" in (subject or "") for subject in subjects)

    def test_transient_guest(self, kit: Kit) -> None:
        """A guest without a definition moves, and has none afterwards."""
        if kit.bench.no_transient:
            not_applicable(kit.bench.no_transient)
        kit.guest(persistent=False)
        kit.moved()
        assert kit.bench.look(NAME)[1].definition is None


class _Marks:
    """What the guest had done at moments of a move."""

    def __init__(self, kit: Kit, *, begun: bool) -> None:
        """Look on; `begun`: only from when the transfer has begun."""
        self.kit = kit
        self.begun = begun
        self.edges: list[float] = []
        self.samples: list[float] = []
        kit.recorder.watch = self._call
        kit.listeners.append(self._event)

    def _call(self, call: Call) -> None:
        if call.hook == "perform":
            self.edges.append(self.kit.bench.progress(NAME))

    def _event(self, event: Event) -> None:
        if event.kind == "progress" and len(self.edges) == 1:
            self.samples.append(self.kit.bench.progress(NAME))

    def still(self) -> list[float]:
        """From perform's start (or the first samples of it) to its end."""
        if self.begun and self.samples:
            # The first one may come before the CPUs were stopped.
            return [*self.samples[-max(1, len(self.samples) - 1) :], self.edges[-1]]
        return [self.edges[0], *self.samples, self.edges[-1]]
