"""What the commands share: options, output, exit codes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from virtmigrate_lab.errors import LabError, LabRefused

FAILED = 1
REFUSED = 2

P = ParamSpec("P")
R = TypeVar("R")

Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        envvar="VIRTMIGRATE_LAB_DIR",
        help="The lab's directory; several labs live side by side.",
        show_default="~/.local/state/virtmigrate/lab",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

people = Console(stderr=True, highlight=False)


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a lab's error into text for people and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LabError as error:
            people.print(f"[red]error:[/red] {error.message}", soft_wrap=True)
            if error.remedy:
                people.print(f"remedy: {error.remedy}", soft_wrap=True)
            refused = isinstance(error, LabRefused)
            raise typer.Exit(REFUSED if refused else FAILED) from error

    return wrapped


def say(data: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Give programs the data, people the text."""
    if as_json:
        typer.echo(json.dumps(data, indent=2))
    people.print(text, soft_wrap=True)
