"""A controller that is killed, and what `recover` makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.requirements import requirement

pytestmark = pytest.mark.lab


def killed_at(rig, guest: str, state, kind: str, step: str, *words: str) -> str:
    """Run `migrate` in a process of its own and kill it at an event; the id."""
    rig.lab.link_rate(24)
    command = [sys.executable, "-m", "virtmigrate", "-c", rig.a]
    process = subprocess.Popen(
        [*command, "migrate", guest, rig.b, "--events", *words],
        env={**os.environ, "VIRTMIGRATE_STATE_DIR": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    with process:
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == kind and event.get("step", "") == step:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(60)
    return event["migration"]


def ran(state, *words: str):
    """A command of another controller: how it ended, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "virtmigrate", *words, "--json"],
        env={**os.environ, "VIRTMIGRATE_STATE_DIR": str(state)},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    return done, json.loads(done.stdout)


def recover(rig, state, migration: str, *words: str):
    return ran(state, "recover", migration, *words)


def settled(state):
    """What became of each obligation."""
    _, told = ran(state, "settle")
    return [debt["state"] for debt in told["debts"]]


@requirement("lost.run-state")
def test_killed_in_the_transfer_it_goes_on_at_the_source(rig, guest, tmp_path):
    began = rig.lab.now()
    state = tmp_path / "state"
    migration = killed_at(rig, guest, state, "step-started", "perform")
    done, result = recover(rig, state, migration)
    assert result["outcome"] == "rolled back", (done.stderr, result)
    rig.runs_only_on("a", guest, began)
    assert rig.state("b", guest) == ""
    again, same = recover(rig, state, migration)
    assert (again.returncode, same) == (done.returncode, result)


@requirement("lost.unknown")
def test_killed_right_after_commit_it_is_never_run_twice(rig, guest, tmp_path):
    """Whether finish reached the destination before the kill is a matter of luck.

    If it did, the guest is there. If not, its only copy stands at the source, and
    since COMMIT nobody but a person may say that it never ran elsewhere.
    """
    began = rig.lab.now()
    state = tmp_path / "state"
    migration = killed_at(rig, guest, state, "committed", "")
    done, result = recover(rig, state, migration)
    if result["outcome"] == "succeeded":
        rig.runs_only_on("b", guest, began)
        assert rig.state("a", guest) == ""
    else:
        assert done.returncode == 4, (done.stderr, result)
        assert (rig.state("a", guest), rig.state("b", guest)) == ("paused", "")
        assert len(rig.lab.guest_runs(guest, since=began)) == 1


@requirement("recover.policy")
def test_the_policy_of_a_transfer_that_outlives_its_controller_goes_on(
    rig, guest_name, tmp_path
):
    """Peer-to-peer the source's daemon moves it, and only its policy can end that."""
    rig.lab.guest_start(
        guest_name, host="a", memory_mib=96, working_set_mib=64, dirty_rate_mib_s=64
    )
    busy, began, state = guest_name, rig.lab.now(), tmp_path / "state"
    words = ("--p2p", "--policy", "virsh", "--max-time", "12")
    migration = killed_at(rig, busy, state, "progress", "", *words)
    done, judged = recover(rig, state, migration, "--dry-run")
    assert (judged["verdict"], judged["source"]) == ("W", "running"), done.stderr
    done, result = recover(rig, state, migration)
    assert result["outcome"] == "rolled back", (done.stderr, result)
    assert (result["fired"]["limit"], result["fired"]["value"]) == ("max_total", 12)
    rig.runs_only_on("a", busy, began)
    assert rig.state("b", busy) == ""


@requirement("recover.fence")
def test_a_source_that_is_off_is_retired_once_it_is_back(rig, guest, tmp_path):
    """Nothing is believed of a host that is silent but what a person states."""
    began, state = rig.lab.now(), tmp_path / "state"
    migration = killed_at(rig, guest, state, "landed", "")
    rig.lab.hosts["a"].crash()
    done, result = recover(rig, state, migration)
    told = result["outcome"], done.returncode
    assert told == ("unknown: needs recovery", 3), done.stderr
    done, result = recover(rig, state, migration, "--fence-proof", rig.a)
    assert (result["outcome"], done.returncode) == ("succeeded", 0), (done, result)
    assert result["obligations"] == ["retire_source"]
    assert settled(state) == ["owed"]
    rig.lab.daemon_restart("a")
    assert rig.state("a", guest) == "shut off"
    assert settled(state) == ["paid"]
    assert rig.state("a", guest) == ""
    rig.runs_only_on("b", guest, began)


@requirement("recover.fence")
def test_a_destination_that_is_off_does_not_keep_the_guest_down(rig, guest, tmp_path):
    began, state = rig.lab.now(), tmp_path / "state"
    migration = killed_at(rig, guest, state, "step-started", "perform")
    rig.lab.hosts["b"].crash()
    _, result = recover(rig, state, migration)
    assert result["outcome"] == "rolled back", result
    rig.lab.daemon_restart("b")
    assert settled(state) in ([], ["paid"])
    assert rig.state("b", guest) == ""
    rig.runs_only_on("a", guest, began)
