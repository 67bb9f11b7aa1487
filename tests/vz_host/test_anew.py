"""Hosts that begin anew, as they do between two tests: nothing is left of before."""

from __future__ import annotations

import subprocess

from tests.vz_host.conftest import CALL_S, virsh
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.vz_host.machine import read_history


def test_nothing_is_left_of_before(hosts, furnish):
    pids = [host.pid for host in hosts]
    virsh(hosts["a"], "vol-create-as", "images", "own.img", "64K")
    virsh(hosts["a"], "vol-create-as", "shared", "all.img", "64K")
    hosts["a"].control(rate_mib_s=1, lock_wait_s=0.1)
    hosts["b"].fault("finish")
    furnish()
    hosts.renew()
    assert [host.pid for host in hosts] == pids
    assert list(read_history(hosts.world)) == []
    for host in hosts:
        assert (host.machine.guests, host.machine.next_id) == ({}, 1)
        assert (host.control()["faults"], host.control()["rate_mib_s"]) == (0, 512)
        assert virsh(host, "vol-list", "images").out == ""
        assert virsh(host, "vol-list", "shared").out == ""
    furnish()
    assert virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri).code == 0


def test_a_move_in_the_middle_ends_with_its_host(hosts, furnish):
    furnish()
    hosts["a"].control(stalled=True)
    words = ["virsh", "-c", hosts["a"].uri, "migrate", "g", hosts["b"].uri]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as moving:
        assert wait_for(lambda: hosts["a"].control()["jobs"], CALL_S)
        hosts.renew()
        assert moving.wait(CALL_S) != 0
    assert [host.control()["jobs"] for host in hosts] == [{}, {}]
    assert list(read_history(hosts.world)) == []


def test_dead_and_frozen_hosts_are_there_again(hosts, furnish):
    furnish()
    hosts["a"].kill()
    hosts["b"].freeze()
    hosts.renew()
    assert [virsh(host, "list", "--all", "--name").out for host in hosts] == ["", ""]
