"""What the machine lacks is named; what is not the lab's is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from virtmigrate_lab import Lab, LabRefused, LabUnavailable, building, needs
from virtmigrate_lab.errors import LabError, LabNotFound
from virtmigrate_lab.kinds import parse_hosts
from virtmigrate_lab.layout import Layout, default_state_dir
from virtmigrate_lab.processes import Process, end, identify, marked, wait_for
from virtmigrate_lab.record import LabRecord


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A search path of our own; the function puts a command on it."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    monkeypatch.setattr(needs, "search_path", lambda: str(bin_dir))
    monkeypatch.setattr(needs, "DRIVER", "nowhere")

    def add(name, script="exit 0"):
        path = bin_dir / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    return add


def test_missing_packages_are_named_with_the_command_that_installs_them(tools):
    for need in needs.NEEDS:
        if need.command and need.package != "qemu-system-x86":
            tools(need.command)
    (text,) = needs.obstacles()
    assert "apt-get install" in text
    assert "qemu-system-x86" in text
    assert "iproute2" not in text


def test_the_step_that_fails_is_named(tools, monkeypatch):
    tools("unshare", "echo 'a bridge'; echo 'Operation not permitted' >&2; exit 1")
    (text,) = needs.namespace_obstacles()
    assert "can't make a bridge: Operation not permitted" in text


def test_no_namespaces_at_all_is_said(tools):
    tools("unshare", "echo 'unshare failed' >&2; exit 1")
    assert "can't make namespaces: unshare failed" in needs.namespace_obstacles()[0]


def test_a_lab_that_can_not_be_says_why_before_anything_is_touched(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(building, "obstacles", lambda: ["no bridge"])
    with pytest.raises(LabUnavailable, match="no bridge"):
        Lab.up(state_dir=tmp_path / "lab")
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize(
    "hosts",
    ["0", "9", "-1", "two", "xen:2", "qemu:", "", "2:qemu", "qemu:1,", "vz:2,vz:1"],
)
def test_hosts_that_can_not_be_are_refused(hosts, tmp_path):
    with pytest.raises(LabRefused, match="hosts") as caught:
        Lab.up(hosts, state_dir=tmp_path / "lab")
    assert "qemu:2,vz:2" in caught.value.remedy
    assert not (tmp_path / "lab").exists()


def test_hosts_are_called_by_letters():
    assert parse_hosts("3") == {"qemu": ["a", "b", "c"], "vz": []}
    assert parse_hosts("qemu:1") == {"qemu": ["a"], "vz": []}
    assert parse_hosts("vz:2") == {"qemu": [], "vz": ["vz-a", "vz-b"]}
    assert parse_hosts("qemu:1, vz:1") == {"qemu": ["a"], "vz": ["vz-a"]}


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "obstacles", list)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(LabRefused, match="not a lab's directory"):
        Lab.up(state_dir=tmp_path)
    Lab.clear(tmp_path)
    assert (tmp_path / "a" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_record_of_another_version_is_not_guessed_at(tmp_path):
    (tmp_path / "lab.json").write_text('{"version": 99}', encoding="utf-8")
    with pytest.raises(LabError, match="this version"):
        LabRecord.load(Layout(tmp_path))


def test_where_no_lab_is_none_is_found(tmp_path):
    with pytest.raises(LabNotFound):
        Lab.attach(tmp_path)


def test_a_path_too_long_for_sockets_is_refused(tmp_path):
    with pytest.raises(LabRefused, match="the limit is 107"):
        Layout(tmp_path / ("x" * 100))


def test_the_directory_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("VIRTMIGRATE_LAB_DIR", "/x")
    assert default_state_dir() == Path("/x")
    monkeypatch.delenv("VIRTMIGRATE_LAB_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", "/y")
    assert default_state_dir() == Path("/y/virtmigrate/lab")


@pytest.fixture
def sleeper():
    """A process of ours."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as it:
        yield it
        it.kill()


def test_a_process_of_the_same_pid_but_another_start_is_spared(sleeper):
    real = identify(sleeper.pid)
    assert end([Process(real.pid, real.start - 1)]) == []
    assert sleeper.poll() is None
    assert end([real]) == []
    assert sleeper.wait(10) == -9


def test_a_zombie_does_not_run(sleeper):
    real = identify(sleeper.pid)
    os.kill(sleeper.pid, 9)
    assert wait_for(lambda: not real.alive(), 10.0)
    assert Path(f"/proc/{sleeper.pid}").exists(), "it is not waited for yet"


def test_processes_of_another_lab_are_not_ours(sleeper):
    assert marked("no lab has this id") == []
