"""Colours by role, for light and for dark.

Blue, vermilion and green are told apart by every kind of eye (Okabe and Ito); and no
two roles of one panel differ by colour alone.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1c2127",
    "muted": "#5d6875",
    "grid": "#e3e7eb",
    "remaining": "#0069a8",
    "dirty": "#c24e00",
    "bandwidth": "#007a5a",
    "throttle": "#9c3d78",
    "disks": "#7a5a1e",
    "limit": "#a8323a",
}
"""Each value is there once: the page finds a role again by its colour."""

DARK = {
    "paper": "#15191e",
    "ink": "#e7eaee",
    "muted": "#9aa5b1",
    "grid": "#2b323a",
    "remaining": "#63b3ed",
    "dirty": "#ff9452",
    "bandwidth": "#41cf9f",
    "throttle": "#e392c4",
    "disks": "#d8b26a",
    "limit": "#ff8a8a",
}


def variables(colours: dict[str, str]) -> str:
    """The colours as CSS declarations: `--ink: #1c2127; …`."""
    return " ".join(f"--{role}: {colour};" for role, colour in colours.items())
