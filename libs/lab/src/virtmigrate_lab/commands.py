"""Runs the tools that a lab is made with, and starts what outlives them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from virtmigrate_lab.errors import CommandFailed, LabError
from virtmigrate_lab.needs import search_path
from virtmigrate_lab.processes import LAB_ID, Process, identify

RUN_TIMEOUT_S = 30.0
DETACH = 'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null & echo $!'


def run(
    argv: list[str],
    *,
    timeout_s: float = RUN_TIMEOUT_S,
    variables: dict[str, str] | None = None,
) -> str:
    """Run a command to its end and return what it printed.

    Args:
        argv: The command; it gets no input.
        timeout_s: It is killed after this many seconds.
        variables: Added to its environment.

    Raises:
        CommandFailed: it failed, or did not end in time (and was killed).
        LabError: there is no such command.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            env={
                **os.environ,
                "PATH": search_path(),
                "LC_ALL": "C",
                **(variables or {}),
            },
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(argv, None, str(error.stderr or "")) from error
    except FileNotFoundError as error:
        raise LabError(
            f"{argv[0]}: no such command", remedy="install what the lab needs"
        ) from error
    if done.returncode:
        raise CommandFailed(argv, done.returncode, done.stderr or done.stdout)
    return done.stdout


def spawn(argv: list[str], log: Path, lab_id: str) -> Process:
    """Start a process that outlives us, in a session of its own.

    Args:
        argv: The command.
        log: Where its output is added.
        lab_id: The lab whose process it is.

    Raises:
        LabError: it ended at once; the end of its log is in the message.
    """
    pid = int(_detach(argv, log, lab_id))
    process = identify(pid)
    if process is None:
        raise LabError(f"{argv[0]} ended at once: {tail(log)}")
    return process


def _detach(argv: list[str], log: Path, lab_id: str) -> str:
    words = ["sh", "-c", DETACH, "sh", str(log), *argv]
    return run(words, variables={LAB_ID: lab_id})


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, in one line; says so if there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{path} can't be read"
    return " | ".join(text.splitlines()[-lines:]) or f"{path} is empty"
