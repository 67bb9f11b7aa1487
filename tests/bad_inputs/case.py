"""One bad input, and what every one of them must come to.

A case says what is typed and what must be told: the class of the error, the exit code
of its kind, and a word that the message must have. What is the same for all is checked
for all: no traceback, no secret anywhere, both hosts as before.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest import mock

from tests.bad_inputs.eyes import EYES
from virtmigrate import Manager
from virtmigrate.cli.run import run
from virtmigrate.cli.tools import Tools
from virtmigrate_mock import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SECRET = "hunter2-7f3a91"
"""Stands in many of them; it may be seen nowhere."""
REFUSED, FAILED, UNTRUSTED = 2, 1, 5
A, B = "mock://bad-inputs?host=a", "mock://bad-inputs?host=b"
PLAN = ("-c", A, "plan", "web", B)
MIGRATE = ("-c", A, "migrate", "web", B)
UUID = World.create("bad-inputs", replace=True).add_guest("a", "web")
MANAGER = Manager([EYES])
"""Plugins are looked for once: the cases are about other things."""


def nothing(here: Path) -> None:
    """No file is needed."""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        kind: What it is about, for the count.
        name: Short, unique in its kind.
        typed: The command line; `{file}` and `{dir}` stand for what `make` made.
        word: What the message, its remedy, subject or side must have.
        error: Class of the error.
        code: The exit code.
        make: Makes the file `input` in a directory, and whatever else there.
        environment: Variables; `{dir}` as in `typed`.
        cookie: What the source's begin is made to hand over, where that is the input.
    """

    kind: str
    name: str
    typed: tuple[str, ...]
    word: str
    error: str = "BadInput"
    code: int = REFUSED
    make: Callable[[Path], object] = nothing
    environment: Mapping[str, str] = field(default_factory=dict)
    cookie: bytes | None = None

    def __str__(self) -> str:
        """Name of the test."""
        return f"{self.kind}: {self.name}"


def world() -> World:
    """Two hosts; `web` on a, and `taken` on b."""
    made = World.create("bad-inputs", style="qemu-like", replace=True)
    made.add_guest("a", "web", memory_mib=64)
    made.add_guest("b", "taken", memory_mib=64)
    return made


def shape(seen: World) -> object:
    """Who is where, doing what, by which definitions."""
    return {
        (host.name, uuid): (guest.name, guest.state, guest.persistent_xml, guest.live)
        for host in seen.state().hosts.values()
        for uuid, guest in host.guests.items()
    }


def outcome(case: Case, here: Path) -> list[str]:
    """Everything that is wrong with what this input came to; nothing is fine.

    Args:
        case: It.
        here: An empty directory.
    """
    case.make(here)
    found = _files(here)
    hosts = world()
    before = shape(hosts)
    put = {"file": str(here / "input"), "dir": str(here)}
    typed = [word.format_map(put) if "{" in word else word for word in case.typed]
    if "--" not in typed:
        typed.append("--json")
    environment = {"VIRTMIGRATE_STATE_DIR": str(here / "state"), "COLUMNS": "200"}
    environment |= {k: v.format_map(put) for k, v in case.environment.items()}
    out, err = io.StringIO(), io.StringIO()
    tools = Tools(clock=hosts.clock)
    if "VIRTMIGRATE_PLUGINS" not in environment:
        tools.manager = MANAGER
    with (
        mock.patch.dict(os.environ, environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        EYES.forging(case.cookie),
    ):
        code = run(typed, tools)
    said = out.getvalue() + err.getvalue()
    wrong = [f"exit code {code}, not {case.code}"] if code != case.code else []
    wrong += _told(case, out.getvalue(), err.getvalue(), json_too="--" not in typed)
    if "Traceback" in said:
        wrong.append("a traceback")
    if SECRET in said:
        wrong.append("a secret was told")
    if shape(hosts) != before:
        wrong.append("a host has changed")
    wrong += [f"violated: {v}" for v in hosts.violations()]
    written = dict(_files(here).items() - found.items())
    wrong += [
        f"a secret in {p.name}" for p, b in written.items() if SECRET.encode() in b
    ]
    return [f"{problem}\n{said[-1500:]}" for problem in wrong]


def _files(here: Path) -> dict[Path, bytes]:
    """All files of a directory, with their content."""
    return {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}


def _told(case: Case, out: str, err: str, *, json_too: bool) -> list[str]:
    """What is wrong with the error as it was told."""
    if not json_too:
        missing = case.word not in " ".join(err.split())
        return [f"no word of {case.word!r}"] if missing else []
    try:
        data = json.loads(out)
    except ValueError:
        return ["no JSON document"]
    lists = (data.get(name, ()) for name in ("refusals", "errors", "faults"))
    errors = [error for found in lists for error in found]
    classes = {error["error"] for error in errors}
    wrong = [] if case.error in classes else [f"it is {classes}, not {case.error}"]
    if not all(error["side"] for error in errors):
        wrong.append("no side")
    if code_is_refused := case.code == REFUSED:
        wrong += ["no remedy"] if not all(e["remedy"] for e in errors) else []
    told = json.dumps(errors, ensure_ascii=False)
    if case.word not in told:
        wrong.append(f"no word of {case.word!r}")
    if code_is_refused and data.get("outcome") != "refused":
        wrong.append("it is not said to be refused")
    if not err.strip():
        wrong.append("people are told nothing")
    return wrong
