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


def killed_at(rig, guest: str, state, kind: str, step: str) -> str:
    """Run `migrate` in a process of its own and kill it at an event; the id."""
    rig.lab.link_rate(24)
    command = [sys.executable, "-m", "virtmigrate", "-c", rig.a]
    process = subprocess.Popen(
        [*command, "migrate", guest, rig.b, "--events"],
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


def recover(rig, state, migration: str):
    done = subprocess.run(
        [sys.executable, "-m", "virtmigrate", "recover", migration, "--json"],
        env={**os.environ, "VIRTMIGRATE_STATE_DIR": str(state)},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    return done, json.loads(done.stdout)


@requirement("lost.run-state")
@pytest.mark.parametrize(
    ("kind", "step"), [("step-started", "perform"), ("committed", "")]
)
def test_recover_brings_it_to_one_place(rig, guest, tmp_path, kind, step):
    began = rig.lab.now()
    state = tmp_path / "state"
    migration = killed_at(rig, guest, state, kind, step)
    done, result = recover(rig, state, migration)
    assert result["outcome"] in ("succeeded", "rolled back"), (done.stderr, result)
    where = "b" if result["outcome"] == "succeeded" else "a"
    other = "a" if where == "b" else "b"
    rig.runs_only_on(where, guest, began)
    assert rig.state(other, guest) == ""
    again, same = recover(rig, state, migration)
    assert (again.returncode, same) == (done.returncode, result)
