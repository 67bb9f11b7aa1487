"""What went wrong, for people on stderr and for programs on stdout."""

from __future__ import annotations

import difflib
import os
import traceback
from typing import TYPE_CHECKING

from virtmigrate.cli.output import document, line_of, say, write
from virtmigrate.errors import BadInput, Refused, VirtmigrateError, leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
REFUSED = 2
BUG = "this is a bug in virtmigrate or a plugin; VIRTMIGRATE_DEBUG=1 shows where"


class Bug(VirtmigrateError):
    """An exception that nobody expected."""

    exit_code = 6


def known(error: BaseException) -> list[VirtmigrateError]:
    """Every error inside, each of our own tree; what is foreign is a bug."""
    return [
        leaf
        if isinstance(leaf, VirtmigrateError)
        else Bug(f"{type(leaf).__name__}: {leaf}", remedy=BUG)
        for leaf in leaves(error)
    ]


def exit_code(errors: Sequence[VirtmigrateError]) -> int:
    """2 if every one is a refusal, else the code of the first that is not."""
    others = [error.exit_code for error in errors if not isinstance(error, Refused)]
    return others[0] if others else REFUSED


def report(error: BaseException, words: Sequence[str]) -> int:
    """Tell people, and programs that asked for JSON; give the exit code."""
    errors = known(error)
    code = exit_code(errors)
    if os.environ.get("VIRTMIGRATE_DEBUG") == "1":
        say("".join(traceback.format_exception(error)).rstrip())
    for each in errors:
        say(f"{'refused' if isinstance(each, Refused) else 'error'}: {each}")
    data = [each.as_dict() for each in errors]
    body: dict[str, object] = (
        {"outcome": "refused", "refusals": data}
        if code == REFUSED
        else {"outcome": "error", "errors": data}
    )
    spoken = words[: words.index("--")] if "--" in words else words
    if "--events" in spoken:
        write(line_of({"kind": body["outcome"], **body}) + "\n")
    elif "--json" in spoken:
        document(body)
    return code


def usage(error: Exception) -> BadInput:
    """A mistake in the words themselves, as one of our refusals.

    Typer brings its own copy of click's errors in later versions, so what is known of
    them is their shape: `format_message()`, and where one can help, `possibilities`
    and `ctx`.
    """
    message = str(getattr(error, "message", "") or error)
    ctx = getattr(error, "ctx", None)
    path = getattr(ctx, "command_path", "virtmigrate")
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option:
        near = sorted(getattr(error, "possibilities", None) or ())
        message = f"no such option: {option}"
    elif message.startswith("No such command"):
        command = message.partition("'")[2].partition("'")[0]
        names = getattr(getattr(ctx, "command", None), "commands", {})
        near = difflib.get_close_matches(command, list(names))
        message = f"no such command: {command}"
    else:
        near = []
        message = str(getattr(error, "format_message", lambda: message)())
    remedy = f"did you mean {' or '.join(near)}?" if near else f"see `{path} --help`"
    return BadInput(message.rstrip("."), subject=option, remedy=remedy)
