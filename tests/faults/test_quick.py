"""A few of each kind of fault, on real hosts: what CI can afford."""

from __future__ import annotations

import pytest

from tests.faults.moves import DRIVEN, EARLY, LIVE, P2P
from tests.faults.ping_pong import travel
from tests.faults.processes import all_cases, struck
from tests.faults.rpc import Case, Point, lost, recorded
from tests.faults.stage import LINK_MIB_S
from tests.requirements import requirement
from virtmigrate_lab.rpc import Procedure

pytestmark = pytest.mark.lab

PHASES = {
    ("begin", "source", Procedure.BEGIN),
    ("prepare", "destination", Procedure.PREPARE),
    ("perform", "source", Procedure.PERFORM),
    ("finish", "destination", Procedure.FINISH),
    ("confirm", "source", Procedure.CONFIRM),
}
BETWEEN_DAEMONS = [
    Point("perform", "destination", procedure, what)
    for procedure in (Procedure.PREPARE, Procedure.FINISH)
    for what in ("call", "reply")
]
STRUCK = (
    "driven/switchover/controller/freeze",
    "driven/switchover/controller/kill",
    "driven/committed/controller/freeze",
    "driven/finished/destination-daemon/kill",
)


@requirement("lost.message")
def test_the_messages_of_a_move_are_found_not_listed(played):
    found = recorded(played, DRIVEN, LIVE)
    for step, role, procedure in PHASES:
        for what in ("call", "reply"):
            assert Point(step, role, procedure, what) in found
    asked = {p.procedure for p in found if p.step == "commit"}
    assert Procedure.GET_STATE in asked
    assert Procedure.GET_JOB_STATS not in asked, "QEMU is busy, the guest stands still"


@requirement("lost.message")
@pytest.mark.parametrize(
    ("form", "link_mib_s", "asked"), [(LIVE, LINK_MIB_S, True), (EARLY, 8.0, False)]
)
def test_only_while_there_is_a_way_back_the_destination_is_pinged(
    played, form, link_mib_s, asked
):
    """What it leaves unanswered costs the connection that finish needs."""
    played.renew(link_mib_s=link_mib_s)  # so slow that it really switches
    ping = Point("perform", "destination", Procedure.GET_LIB_VERSION, "call")
    assert (ping in recorded(played, DRIVEN, form)) is asked


@requirement("lost.message")
def test_what_one_daemon_says_to_the_other_is_lost(played):
    for point in BETWEEN_DAEMONS:
        fired, told = lost(played, Case(P2P, LIVE, point, "cut"))
        assert fired, point
        assert told.wrong == [], point


@requirement("lost.killed")
@requirement("lost.frozen")
@pytest.mark.parametrize("name", STRUCK)
def test_somebody_is_struck(hosts, name):
    (case,) = [case for case in all_cases() if str(case) == name]
    assert struck(hosts, case).wrong == []


@requirement("lost.ping-pong")
def test_six_moves_to_and_fro(hosts):
    pairs = ((DRIVEN, LIVE), (P2P, LIVE))
    journey = travel(hosts, 6, seed=3, pairs=pairs, one_in=3)
    assert journey.faults.total() > 0
    assert journey.wrong == []
