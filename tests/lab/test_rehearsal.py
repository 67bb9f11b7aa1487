"""On real hosts: ports that are closed, and what a killed controller leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.moves import short
from tests.requirements import requirement
from virtmigrate import Options, rehearsal
from virtmigrate.rehearsal import NAME, STALE_S
from virtmigrate_lab.processes import wait_for

pytestmark = pytest.mark.lab

LONGEST_S = 3.0
ELSEWHERE = "tcp://{}:49200"
"""Where nobody listens: the source's own address."""
KILLED = """
import sys
from virtmigrate import Migrator
from virtmigrate import rehearsal
def stays(*_):
    print("there", flush=True)
    sys.stdin.read()
rehearsal.make_plan = stays
Migrator().check(*sys.argv[1:], rehearse=True)
"""
"""A controller that stands still once its stand-in is there."""


@pytest.fixture
def guest(rig, guest_name):
    """A guest on host a."""
    rig.lab.guest_start(guest_name, host="a", memory_mib=24, working_set_mib=4)
    return guest_name


def rehearsed(rig, guest, **options):
    """The report; the guest runs on where it is."""
    began = rig.lab.now()
    asked = Options.checked(options)
    report = rig.migrator.check(guest, rig.a, rig.b, asked, rehearse=True)
    rig.runs_only_on("a", guest, began)
    return report


def stand_ins(rig):
    """Names of those that there are, by host."""
    return {
        name: [n for n in host.virsh("list", "--all", "--name").split() if NAME in n]
        for name, host in rig.lab.hosts.items()
    }


NONE = {"a": [], "b": []}


@pytest.mark.parametrize(
    "options",
    [{}, {"p2p": True}, {"parallel": True, "parallel_connections": 2}, {"live": False}],
    ids=["as it is", "peer-to-peer", "several streams", "in a coma"],
)
@requirement("preflight.rehearsal")
def test_an_open_way_is_said_to_be_open(rig, guest, options):
    report = rehearsed(rig, guest, **options)
    assert report.ok, report.findings
    assert report.rehearsal.tried, report.rehearsal
    assert stand_ins(rig) == NONE


@requirement("preflight.rehearsal")
def test_a_port_where_nobody_listens_is_told_before(rig, guest):
    here = rig.lab.qemu["a"].address
    report = rehearsed(rig, guest, migrate_uri=ELSEWHERE.format(here))
    (found,) = [f for f in report.findings if f.id == "way-closed"]
    assert found.side == "source"
    assert "refused" in found.message, found
    assert stand_ins(rig) == NONE


@requirement("preflight.rehearsal")
def test_a_link_that_swallows_everything_is_given_up(rig, guest, monkeypatch):
    monkeypatch.setattr(rehearsal, "LONGEST_S", LONGEST_S)
    rig.lab.link_down("b")
    try:
        with short():
            report = rehearsed(rig, guest)
    finally:
        rig.lab.link_up("b")
    assert [f.id for f in report.findings].count("way-closed") == 1, report.findings
    assert wait_for(lambda: stand_ins(rig) == NONE, 30.0)


@requirement("preflight.rehearsal-left")
def test_a_killed_controller_s_stand_in_goes_with_the_next_rehearsal(
    rig, guest, monkeypatch, tmp_path
):
    argv = [sys.executable, "-c", KILLED, guest, rig.a, rig.b]
    env = {**os.environ, "VIRTMIGRATE_STATE_DIR": str(tmp_path / "killed")}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as killed:
        assert killed.stdout.readline() == b"there\n"
        killed.send_signal(signal.SIGKILL)
    (left,) = stand_ins(rig)["a"]
    assert rig.state("a", left) == "paused"
    report = rehearsed(rig, guest)
    assert not report.rehearsal.tried
    assert "may be under way" in report.rehearsal.why
    clock = rig.migrator.clock
    later = time.time() + STALE_S + 1
    monkeypatch.setattr(clock, "wall", lambda: later)
    assert rehearsed(rig, guest).rehearsal.tried
    assert stand_ins(rig) == NONE


@requirement("preflight.rehearsal")
def test_a_port_for_disks_where_nobody_listens_is_told_before(rig, guest_name):
    rig.lab.guest_start(guest_name, memory_mib=24, working_set_mib=4, disks=["local:4"])
    here = rig.lab.qemu["a"].address
    report = rehearsed(rig, guest_name, disks_uri=ELSEWHERE.format(here))
    (found,) = [f for f in report.findings if f.id == "way-closed"]
    assert "refused" in found.message, found
    assert stand_ins(rig) == NONE
