"""Measuring beside a move: begun with it, waited for by nobody, never in its way."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.libvirt.test_gauge import UUID, Daemon
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.errors import AnswerLost, HostError
from virtmigrate.forecast import Workload
from virtmigrate.host import RunState, Written
from virtmigrate.presets import preset
from virtmigrate_libvirt.aside import LOOKS_MOST, SECONDS, SMALLEST, Aside, wanted
from virtmigrate_libvirt.gauge import PAGE_SAMPLING

MEMORY = 1 << 30
FOUND = Written(1.0, 8 << 20, 512)


def moving(memory_bytes=MEMORY, *, curve=(), state=RunState.RUNNING, live=True):
    """As much of a move as counts."""
    plan = SimpleNamespace(
        workload=Workload(memory_bytes=memory_bytes, curve=curve),
        guest=SimpleNamespace(state=state),
        policy=preset(),
    )
    return SimpleNamespace(plan=plan, options=Options(live=live))


@pytest.mark.parametrize(
    ("move", "so"),
    [
        (moving(), True),
        (moving(SMALLEST), True),
        (moving(SMALLEST - 1), False),
        (moving(curve=((1.0, 5),)), False),
        (moving(state=RunState.PAUSED), False),
        (moving(live=False), False),
    ],
    ids=["running", "small", "too small", "measured", "paused", "coma"],
)
def test_it_is_measured_where_the_figure_can_tell_something_new(move, so):
    assert wanted(move) is so


def begun(daemon):
    aside = Aside(daemon, UUID)
    aside.begin(MEMORY)
    return aside


@requirement("ends.gauge-safe")
def test_beside_a_move_only_pages_are_sampled():
    daemon = Daemon()
    begun(daemon)
    assert daemon.flags == [(SECONDS, PAGE_SAMPLING)]


def test_what_was_found_is_told_from_then_on_and_asked_for_once():
    daemon = Daemon({"dirtyrate.calc_status": 1})
    aside = begun(daemon)
    assert aside.look() is None
    daemon.stats["dirtyrate.calc_status"] = 2
    assert aside.look() == FOUND
    daemon.error = AssertionError("asked again")
    assert aside.look() == FOUND


@requirement("ends.hostile")
@pytest.mark.parametrize("rate", [-1, 1 << 40, None, "much", 2.5])
def test_an_absurd_figure_is_none(rate):
    aside = begun(Daemon({"dirtyrate.megabytes_per_second": rate}))
    assert aside.look() is None


@pytest.mark.parametrize("error", [HostError("no such command"), AnswerLost("gone")])
def test_a_host_that_can_not_measure_is_not_asked_again(error):
    daemon = Daemon(error=error)
    aside = begun(daemon)
    daemon.error = AssertionError("asked again")
    assert aside.look() is None


def test_what_fails_meanwhile_costs_nothing_more():
    daemon = Daemon({"dirtyrate.calc_status": 1})
    aside = begun(daemon)
    daemon.error = HostError("busy")
    assert aside.look() is None
    daemon.error = AssertionError("asked again")
    assert aside.look() is None


def test_what_does_not_come_is_not_waited_for():
    daemon = Daemon({"dirtyrate.calc_status": 1})
    aside = begun(daemon)
    assert {aside.look() for _ in range(LOOKS_MOST)} == {None}
    daemon.error = AssertionError("asked again")
    assert aside.look() is None
