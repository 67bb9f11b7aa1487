"""The command line on real hosts: moves, exit codes, and what it refuses untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.requirements import requirement

pytestmark = pytest.mark.lab

DTD = '<?xml version="1.0"?><!DOCTYPE domain [<!ENTITY x "y">]><domain>&x;</domain>'


class Shell:
    """`virtmigrate` as a person runs it, with a journal of its own."""

    def __init__(self, rig, state) -> None:
        self.rig = rig
        self.env = {**os.environ, "VIRTMIGRATE_STATE_DIR": str(state), "COLUMNS": "80"}

    def __call__(self, *words: str, source: str | None = None):
        command = [sys.executable, "-m", "virtmigrate", "-c", source or self.rig.a]
        return subprocess.run(
            [*command, *words],
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


@pytest.fixture
def shell(rig, tmp_path):
    return Shell(rig, tmp_path / "state")


@requirement("say.plan-first")
def test_plan_then_move_live_then_back_in_coma(rig, guest, shell):
    began = rig.lab.now()
    plan = json.loads(shell("plan", guest, rig.b, "--json").stdout)
    assert plan["form"] == "driven"
    assert rig.state("a", guest) == "running"
    moved = shell("migrate", guest, rig.b, "--json")
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout)["outcome"] == "succeeded"
    rig.runs_only_on("b", guest, began)
    back = shell("migrate", guest, rig.a, "--no-live", "--events", source=rig.b)
    assert back.returncode == 0, back.stderr
    kinds = [json.loads(line)["kind"] for line in back.stdout.splitlines()]
    assert kinds[0] == "started"
    assert kinds[-1] == "ended"
    rig.runs_only_on("a", guest, began)
    assert "no open migrations" in shell("status").stdout


@requirement("apps.all-four")
def test_what_orchestrators_always_pass(rig, guest, shell):
    words = ("--compressed", "--live", "--persistent", "--undefinesource")
    done = shell("migrate", guest, rig.b, *words)
    assert done.returncode == 0, done.stderr
    assert rig.state("b", guest) == "running"


def test_virsh_spellings_of_a_peer_to_peer_move(rig, guest, shell):
    done = shell("migrate", guest, rig.b, "--p2p", "--dname", f"{guest}-x")
    assert done.returncode == 0, done.stderr
    assert rig.state("b", f"{guest}-x") == "running"


def bad_inputs(rig, guest, file):
    """Words for `migrate`, and a word that the refusal must hold."""
    b = rig.b
    return {
        "unknown option": ((guest, b, "--no-such-thing"), "--no-such-thing"),
        "out of range": ((guest, b, "--disks-port", "70000"), "--disks-port"),
        "contradiction": ((guest, b, "--offline", "--live"), "--offline"),
        "several": ((guest, b, "--direct", "--zerocopy"), "--direct"),
        "no uri": ((guest, "http//x"), "destination"),
        "command": ((guest, "qemu+ssh://h/system?command=/bin/x"), "command"),
        "ext": ((guest, "qemu+ext:///system"), "ext"),
        "dash host": ((guest, "qemu+ssh://-oProxyCommand=x/system"), "host name"),
        "unknown guest": (("no-such-guest", b), "no-such-guest"),
        "same host": ((guest, rig.a), "same host"),
        "doctype": ((guest, b, "--xml", file, "--persistent-xml", file), "DOCTYPE"),
        "plaintext tcp": ((guest, "qemu+tcp://127.0.0.1/system"), "tcp"),
    }


@requirement("say.refused-untouched")
def test_bad_input_is_refused_before_anything_is_touched(rig, guest, shell, tmp_path):
    file = tmp_path / "evil.xml"
    file.write_text(DTD, encoding="utf-8")
    before = everything(rig)
    inputs = bad_inputs(rig, guest, str(file))
    with ThreadPoolExecutor(4) as pool:
        told = pool.map(lambda each: shell("migrate", *each[0]), inputs.values())
        for (name, (_, held)), said in zip(inputs.items(), told, strict=True):
            assert said.returncode == 2, (name, said)
            assert "Traceback" not in said.stderr, name
            assert held in " ".join(said.stderr.split()), (name, said.stderr)
    assert everything(rig) == before


@requirement("say.all-at-once")
def test_all_contradictions_are_told_at_once(rig, guest, shell):
    said = shell(
        "migrate", guest, rig.b, "--direct", "--zerocopy", "--offline", "--json"
    )
    refusals = json.loads(said.stdout)["refusals"]
    assert len(refusals) >= 3
    assert all(refusal["remedy"] for refusal in refusals)
    assert said.returncode == 2


def test_a_name_that_is_taken_there(rig, guest, shell):
    rig.lab.guest_start("taken", host="b", memory_mib=24, working_set_mib=1)
    before = everything(rig)
    said = shell("migrate", guest, rig.b, "--dname", "taken")
    assert said.returncode == 2
    assert "--dname" in said.stderr
    assert everything(rig) == before


def everything(rig) -> dict[str, str]:
    """All guests and their definitions on both hosts."""
    seen = {}
    for name, host in rig.lab.hosts.items():
        for guest in host.virsh("list", "--all", "--name").split():
            seen[f"{name}/{guest}"] = rig.state(name, guest) + host.virsh(
                "dumpxml", "--inactive", guest
            )
    return seen


@requirement("check.everything")
@requirement("explain.same-tables")
def test_check_and_explain_ask_real_hosts_and_touch_nothing(rig, guest, shell):
    fine = shell("check", guest, rig.b, "--json")
    assert fine.returncode == 0, fine.stdout
    told = json.loads(fine.stdout)
    assert told["findings"]["blocker"] == []
    same = shell("check", guest, rig.a)
    assert same.returncode == 2
    assert "same-host" in same.stdout
    words = ("explain", guest, rig.b, "--measure", "0", "--tunnelled", "--json")
    refused = shell(*words, "--no-p2p")
    assert refused.returncode == 2, refused.stderr
    explained = json.loads(refused.stdout)
    assert explained["options"]
    assert any(each["level"] == "blocker" for each in explained["findings"])
    assert rig.state("a", guest) == "running"
    assert rig.state("b", guest) == ""
