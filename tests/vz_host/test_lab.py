"""A lab of vz hosts: no privilege, the same commands as for hosts of any kind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.vz_host.conftest import virsh
from virtmigrate_lab import Lab, building
from virtmigrate_lab.errors import LabError, LabRefused
from virtmigrate_lab.processes import marked, wait_for

WAIT_S = 20


@pytest.fixture
def directory():
    # pytest's own directories have paths too long for sockets
    made = Path(tempfile.mkdtemp(prefix="vml-"))
    yield made
    Lab.clear(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def lab(directory, monkeypatch):
    """Two vz hosts on a machine that forbids everything else."""
    monkeypatch.setattr(building, "obstacles", lambda: ["no namespaces here"])
    with Lab.up("vz:2", state_dir=directory) as made:
        yield made


def command(lab, *words):
    """A command of the lab; its code, its document, and what it told people."""
    argv = [sys.executable, "-m", "virtmigrate_lab", *words]
    argv += ["--dir", str(lab.state_dir), "--json"]
    done = subprocess.run(
        argv, capture_output=True, timeout=60, check=False, encoding="utf-8"
    )
    return done.returncode, done.stdout and json.loads(done.stdout), done.stderr


def test_the_commands_serve_vz_hosts(lab):
    code, env, _ = command(lab, "env")
    assert code == 0
    assert {name: host["kind"] for name, host in env["hosts"].items()} == {
        "vz-a": "vz",
        "vz-b": "vz",
    }
    here, there = (host["uri"] for host in env["hosts"].values())
    assert command(lab, "guest", "start", "g", "--memory", "32")[0] == 0
    code, report, _ = command(lab, "guest", "check", "g")
    assert (code, report["ok"], report["running_on"]) == (0, True, ["vz-a"])
    assert virsh(here, "migrate", "--live", "g", there).code == 0
    code, report, _ = command(lab, "guest", "check", "g", "--since", "600s")
    assert (code, report["hosts"]) == (0, {"vz-a": "absent", "vz-b": "running"})
    assert report["persistent"] == ["vz-b"]
    assert report["longest_silence_ms"] > 0
    assert report["counter_s"] > 0
    virsh(there, "suspend", "g")
    code, report, _ = command(lab, "guest", "check", "g")
    assert (code, report["problems"]) == (1, ["it runs on 0 hosts"])
    assert command(lab, "guest", "list")[1] == {"guests": ["g"]}
    assert command(lab, "guest", "stop", "g")[0] == 0
    assert virsh(there, "list", "--all", "--name").out == ""


def test_containers(lab):
    options = lab.guest_start("ct", host="vz-b", container=True, paused=True)
    assert options.container
    uri = lab.hosts["vz-b"].uri
    assert "<type>exe</type>" in virsh(uri, "dumpxml", "ct").out
    assert virsh(uri, "domstate", "ct").out == "paused"


REFUSED = [
    ({"persistent": False}, "no guest is transient", "leave --transient out"),
    ({"dirty_rate_mib_s": 100}, "dirty_rate_mib_s 100 means nothing", "leave it out"),
    ({"pattern": "dense"}, "pattern dense means nothing", "qemu host"),
    ({"memory_mib": 0}, "memory 0 MiB", ""),
    ({"name": "no such/name"}, "name 'no such/name'", ""),
    ({"host": "vz-c"}, "no host vz-c in this lab (hosts: vz-a, vz-b)", ""),
]


@pytest.mark.parametrize(("how", "text", "remedy"), REFUSED, ids=str)
def test_what_a_vz_guest_can_not_be_is_refused(lab, how, text, remedy):
    with pytest.raises(LabRefused) as caught:
        lab.guest_start(**{"name": "g", **how})
    assert text in caught.value.message
    assert remedy in caught.value.remedy
    assert lab.guest_names() == []


def test_a_guest_is_known_by_one_name(lab):
    lab.guest_start("g")
    with pytest.raises(LabRefused, match="has been started in this lab"):
        lab.guest_start("g", host="vz-b")
    with pytest.raises(LabRefused, match=r"no guest h in this lab \(guests: g\)"):
        lab.guest_check("h")
    with pytest.raises(LabRefused, match="no guest h"):
        lab.guest_stop("h")


def test_links_are_rates_and_stalls(lab):
    lab.link_rate(40, "vz-a")
    assert [h.control()["rate_mib_s"] for h in lab.vz] == [40, 512]
    lab.link_rate(None)
    assert [h.control()["rate_mib_s"] for h in lab.vz] == [512, 512]
    lab.guest_start("g")
    lab.link_down()
    here, there = (host.uri for host in lab.vz)
    words = ["virsh", "-c", here, "migrate", "g", there]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as moving:
        assert wait_for(lambda: lab.hosts["vz-a"].control()["jobs"], WAIT_S)
        assert moving.poll() is None
        lab.link_up()
        assert moving.wait(WAIT_S) == 0
    assert lab.guest_check("g").running_on == ["vz-b"]


def test_another_process_finds_it_and_a_killed_host_is_started_again(lab, directory):
    lab.guest_start("g")
    lab.hosts["vz-a"].kill()
    found = Lab.attach(directory)
    assert found.guest_check("g").hosts["vz-a"] == "unreachable"
    with pytest.raises(LabError, match="vz host vz-a does not answer"):
        found.link_rate(5)
    found.daemon_restart("vz-a")
    again = Lab.attach(directory)
    assert again.guest_check("g").hosts["vz-a"] == "running"
    again.tidy()
    assert again.guest_names() == []


def test_down_leaves_nothing_and_up_clears_what_a_crash_left(directory, monkeypatch):
    monkeypatch.setattr(building, "obstacles", lambda: ["no namespaces here"])
    lab = Lab.up("vz:2", state_dir=directory)
    with pytest.raises(LabRefused, match="a lab is up"):
        Lab.up("vz:1", state_dir=directory)
    before = {host.pid for host in lab.vz}
    lab.hosts["vz-a"].kill()
    again = Lab.up("vz:1", state_dir=directory)
    assert list(again.hosts) == ["vz-a"]
    assert before.isdisjoint({process.pid for process in marked(again.id)})
    assert marked(lab.id) == []
    again.down()
    assert marked(again.id) == []
    assert not directory.exists()
