"""Where text goes: answers to stdout, everything about the work to stderr.

All that is printed passes through here: secrets are blanked, characters that could
steer a terminal are escaped, lines fit the terminal, or 80 columns where there is none.
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from virtmigrate.printable import printable
from virtmigrate.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

STYLES = {
    r"^ *(refused|error|fault|failed|blocker|alarm)\b:": "red",
    r"^ *(warning|unknown|quarantined)\b": "yellow",
    r"^ *(succeeded)\b": "green",
}
INDENT_MAX = 50
_LAST_COLUMN = re.compile(r".*\S {2,}(?=\S)")


class Unread(Exception):
    """Whoever read our stdout has left."""


def console(*, stderr: bool) -> Console:
    """A console that adds nothing of its own: no markup, no highlighting, no emoji."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def shown(text: object) -> str:
    """One line of text, fit to be printed."""
    return printable(redact(str(text)))


def safe(value: object) -> object:
    """JSON data with every string's secrets blanked."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {str(key): safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [safe(item) for item in value]
    return value


def line_of(value: object) -> str:
    """JSON data on one line; ASCII only, so that no terminal can be steered."""
    return json.dumps(safe(value), default=str)


def write(text: str) -> None:
    """Write to stdout, now.

    Raises:
        Unread: Nobody reads it any more.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer must not fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unread from None


def document(value: object) -> None:
    """The one JSON document of a command, on stdout."""
    write(json.dumps(safe(value), indent=2, default=str) + "\n")


def fold(line: str, width: int) -> str:
    """A line at most `width` wide, continued under its last column."""
    if len(line) <= width:
        return line
    column = _LAST_COLUMN.match(line)
    lead = len(line) - len(line.lstrip())
    indent = column.end() if column else lead + 2
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * (indent if indent <= INDENT_MAX else lead + 4),
        drop_whitespace=True,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def styled(text: str, width: int) -> Text:
    """Lines folded, and marked by how they begin."""
    folded = "\n".join(fold(shown(line), width) for line in text.split("\n"))
    rich = Text(folded)
    for pattern, style in STYLES.items():
        rich.highlight_regex(f"(?m){pattern}", style)
    return rich


def say(text: str) -> None:
    """Text for people, on stderr. A terminal that has gone away is no error."""
    people = console(stderr=True)
    with suppress(OSError):
        people.print(styled(text, people.width), soft_wrap=True)


def answer(*parts: RenderableType) -> None:
    """What was asked for, on stdout.

    Args:
        parts: Text, which is folded and escaped, or what Rich can render.

    Raises:
        Unread: Nobody reads it any more.
    """
    out = console(stderr=False)
    # Rich ends the process on a broken pipe; so it renders, and we write.
    with out.capture() as captured:
        for part in parts:
            whole = styled(part, out.width) if isinstance(part, str) else part
            out.print(whole, soft_wrap=isinstance(part, str))
    lines = captured.get().split("\n")
    write("\n".join(line.rstrip(" ") for line in lines))


def bullets(title: str, items: Iterable[object]) -> list[str]:
    """A heading and its items, or nothing."""
    lines = [f"  {item}" for item in items]
    return [title, *lines] if lines else []
