"""Real faults around the switchover: one guest, one place, its run state given back."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.requirements import requirement
from virtmigrate import Manager, Migrator, Outcome, hookimpl
from virtmigrate.errors import HostError
from virtmigrate.host import RunState
from virtmigrate_lab.proxy import FaultProxy
from virtmigrate_lab.rules import Cut

pytestmark = pytest.mark.lab

FINISH3 = 306


@requirement("lost.finish-reply")
def test_a_lost_reply_of_finish_leaves_one_guest_at_the_destination(rig, guest):
    began = rig.lab.now()
    rule = Cut(procedure=FINISH3, what="reply")
    with FaultProxy(rig.lab.hosts["b"], rules=[rule]) as proxy:
        result = rig.migrator.migrate(guest, rig.a, proxy.uri)
    assert rule.fired.is_set(), "the fault was never injected"
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.faults, "a lost answer must be told"
    rig.runs_only_on("b", guest, began)
    assert rig.state("a", guest) == ""


def test_stock_virsh_on_the_same_rig_leaves_two(rig, guest):
    """The reason why virtmigrate does not use that call."""
    rule = Cut(procedure=FINISH3, what="reply")
    with FaultProxy(rig.lab.hosts["b"], rules=[rule]) as proxy:
        command = ["virsh", "-c", rig.a, "migrate", "--live", guest, proxy.uri]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode != 0
        assert rig.state("a", guest) == "running"
        assert rig.state("b", guest) == "running"
        # End one before they drift further apart.
        rig.lab.hosts["b"].virsh("destroy", guest)


@requirement("lost.run-state")
def test_an_admin_pauses_it_in_mid_migration_and_it_arrives_paused(rig, guest):
    handle = rig.start(guest)
    rig.watch.transferring()
    rig.lab.hosts["a"].virsh("suspend", guest)
    result = handle.wait(120)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.destination is RunState.PAUSED
    assert rig.state("b", guest) == "paused"
    rig.lab.hosts["b"].virsh("resume", guest)


def test_the_destination_daemon_dies_in_perform(rig, guest):
    began = rig.lab.now()
    handle = rig.start(guest)
    rig.watch.transferring()
    rig.lab.hosts["b"].daemon.kill(signal.SIGKILL)
    result = handle.wait(240)
    assert result.outcome is Outcome.ROLLED_BACK, result
    rig.lab.daemon_restart("b")
    gone(rig, "b", guest)
    rig.runs_only_on("a", guest, began)
    assert rig.persistent("a", guest)


def test_the_link_goes_down_in_perform_and_comes_back(rig, guest):
    began = rig.lab.now()
    handle = rig.start(guest)
    rig.watch.transferring()
    rig.lab.link_down("b")
    rig.watch.stalled()
    assert not handle.done
    rig.lab.link_up("b")
    result = handle.wait(180)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)


class Audit:
    """A cross-cutting plugin that surrounds every phase."""

    def __init__(self, fail_at: str = "") -> None:
        self.cookies: dict[str, bytes] = {}
        self.fail_at = fail_at

    def _around(self, phase: str, cookie: bytes):
        self.cookies[phase] = cookie
        answer = yield
        if phase == self.fail_at:
            raise HostError(f"the audit says no at {phase}")
        return answer

    @hookimpl(wrapper=True)
    def virtmigrate_begin(self, ctx):
        return (yield from self._around("begin", b""))

    @hookimpl(wrapper=True)
    def virtmigrate_prepare(self, ctx, cookie):
        return (yield from self._around("prepare", cookie))

    @hookimpl(wrapper=True)
    def virtmigrate_perform(self, ctx, cookie):
        return (yield from self._around("perform", cookie))

    @hookimpl(wrapper=True)
    def virtmigrate_finish(self, ctx, cookie, fate):
        return (yield from self._around(f"finish {fate}", cookie))

    @hookimpl(wrapper=True)
    def virtmigrate_confirm(self, ctx, cookie, fate):
        return (yield from self._around(f"confirm {fate}", cookie))


def audited(rig, audit: Audit) -> Migrator:
    return Migrator(manager=Manager([audit]), journal=rig.migrator.journal)


@requirement("plugin.wrappers")
def test_wrappers_see_the_real_cookies(rig, guest):
    audit = Audit()
    began = rig.lab.now()
    result = audited(rig, audit).migrate(guest, rig.a, rig.b)
    assert result.succeeded, result
    for phase in ("prepare", "perform", "finish go"):
        assert b"<qemu-migration>" in audit.cookies[phase]
    rig.runs_only_on("b", guest, began)


@pytest.mark.parametrize("phase", ["begin", "prepare", "perform"])
@requirement("hooks.wrapper-undoes")
def test_a_wrapper_that_fails_a_phase_undoes_what_came_before(rig, guest, phase):
    began = rig.lab.now()
    result = audited(rig, Audit(phase)).migrate(guest, rig.a, rig.b)
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert "the audit says no" in result.faults[0].message
    rig.runs_only_on("a", guest, began)
    assert rig.state("b", guest) == ""
    assert rig.move(guest).succeeded


def test_a_wrapper_that_fails_after_finish_stops_nothing(rig, guest):
    began = rig.lab.now()
    result = audited(rig, Audit("finish go")).migrate(guest, rig.a, rig.b)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest, began)
    assert rig.state("a", guest) == ""


def gone(rig, host: str, guest: str) -> None:
    """Wait, within a bound, until a restarted daemon has ended the incoming copy."""
    until = time.monotonic() + 60
    while rig.state(host, guest) and time.monotonic() < until:
        time.sleep(0.2)
    assert rig.state(host, guest) == ""
