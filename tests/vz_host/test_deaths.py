"""Hosts that die or fall silent in a move: never two running, never none lost."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.vz_host.conftest import CALL_S, virsh
from virtmigrate_lab.processes import identify, wait_for


def begin(hosts):
    """A move that stands still in the middle."""
    hosts["a"].control(stalled=True)
    words = ["virsh", "-c", hosts["a"].uri, "migrate", "g", hosts["b"].uri]
    moving = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    until = time.monotonic() + CALL_S
    while not hosts["a"].control()["jobs"]:
        assert time.monotonic() < until
    return moving


@pytest.mark.parametrize("dies", ["a", "b"])
def test_a_host_that_dies_in_the_transfer(hosts, furnish, dies):
    furnish()
    with begin(hosts) as moving:
        hosts[dies].kill()
        assert moving.wait(CALL_S) != 0
    hosts[dies].up()
    health = hosts.check("g")
    assert health.ok, health
    assert health.running_on == ("vz-a",)
    assert virsh(hosts["b"], "list", "--all", "--name").out == ""
    hosts["a"].control(stalled=False)
    assert virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri).code == 0


def test_a_destination_that_is_frozen_at_the_handover(hosts, furnish):
    furnish(memory_mib=100)
    with begin(hosts) as moving:
        hosts["b"].freeze()
        hosts["a"].control(stalled=False)
        until = time.monotonic() + CALL_S
        while not any(g.handover for g in hosts["a"].machine.guests.values()):
            assert time.monotonic() < until
        assert hosts.check("g").running_on == ()
        hosts["a"].kill()
        hosts["b"].thaw()
        moving.wait(CALL_S)
    hosts["a"].up()
    until = time.monotonic() + CALL_S
    while True:
        found = [(h.name, g.handover) for h in hosts for g in h.machine.guests.values()]
        # With a handover the source still asks: the other may yet say that it came.
        if len(found) == 1 and not found[0][1]:
            break
        assert time.monotonic() < until, found
    health = hosts.check("g")
    assert health.ok, health
    assert health.running_on == (found[0][0],)


def test_a_power_cut_stops_the_guests(hosts, furnish):
    furnish()
    hosts["a"].crash()
    hosts["a"].up()
    assert hosts.check("g").running_on == ()
    assert virsh(hosts["a"], "domstate", "g").out == "shut off"


def test_guests_outlive_their_hosts_process(hosts, furnish):
    furnish()
    hosts["a"].kill()
    hosts["a"].up()
    assert virsh(hosts["a"], "domstate", "g").out == "running"
    assert hosts.check("g").ok


ALONE = """
import sys
from pathlib import Path
from virtmigrate_lab.vz_host.host import VzHosts
hosts = VzHosts.up(Path(sys.argv[1]), ["vz-a"])
print(hosts["a"].pid, flush=True)
sys.stdin.read()
"""


def test_hosts_that_stand_alone_end_with_who_started_them(hosts):
    """A test run that is killed leaves no host behind."""
    words = [sys.executable, "-c", ALONE, str(hosts.world / "x")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as starter:
        host = identify(int(starter.stdout.readline()))
        assert host.alive()
        starter.kill()
    assert wait_for(lambda: not host.alive(), CALL_S)


@pytest.mark.parametrize("action", ["error", "cut", "drop"])
def test_a_scripted_fault_strikes_once(hosts, furnish, action):
    furnish()
    hosts["a"].fault("begin", action=action)
    words = ["virsh", "-c", hosts["a"].uri, "migrate", "--live", "g", hosts["b"].uri]
    if action == "drop":
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(words, timeout=2, check=False, capture_output=True)
    else:
        assert subprocess.run(words, check=False, capture_output=True).returncode == 1
    assert virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri).code == 0
