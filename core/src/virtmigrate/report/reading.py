"""Reads what a journal holds without trusting it: what it should be, or None.

A journal may come from another version, another program, or somebody who means ill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from virtmigrate.printable import printable
from virtmigrate.redact import redact_data

Json = Mapping[str, object]

TEXT_MAX = 2000
FIGURE_MAX = 1e18
NOTHING: Json = {}


def clean(data: object) -> object:
    """JSON data without secrets, control characters, or texts that never end."""
    return _shown(redact_data(data))


def _shown(data: object) -> object:
    if isinstance(data, str):
        text = printable(data)
        return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} …"
    if isinstance(data, Mapping):
        return {_shown(str(key)): _shown(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_shown(item) for item in data]
    return data


def number(data: Json, *names: str) -> float | None:
    """A finite, sensible number, not below zero; the first name that has one."""
    for name in names:
        value = data.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value) and 0 <= value <= FIGURE_MAX:
            return float(value)
    return None


def text(data: Json, name: str) -> str:
    """A text, "" for anything else."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def texts(data: Json, name: str) -> tuple[str, ...]:
    """All texts of a list."""
    return tuple(item for item in items(data, name) if isinstance(item, str))


def inner(data: Json, name: str) -> Json:
    """An object inside, an empty one for anything else."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else NOTHING


def inners(data: Json, name: str) -> tuple[Json, ...]:
    """All objects of a list."""
    return tuple(item for item in items(data, name) if isinstance(item, Mapping))


def items(data: Json, name: str) -> Sequence[object]:
    """A list, an empty one for anything else."""
    value = data.get(name)
    return value if isinstance(value, list | tuple) else ()
