"""Names from elsewhere, fit for a terminal: nothing in them can steer it."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with control characters, escapes and direction marks as `\x1b`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
