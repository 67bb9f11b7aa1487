"""virtmigrate moves virtual machines between hosts of any hypervisor.

One set of options that means the same thing everywhere: each is yes, no, or whatever
the hypervisor does by default. Before anything is touched a plan says what will be in
effect, and how. Start with `Migrator` and `Options`.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.api import Migrator
    from virtmigrate.errors import (
        AnswerLost,
        BadInput,
        HostError,
        HostUnreachable,
        NotSucceeded,
        OptionRefused,
        Refused,
        Side,
        VirtmigrateError,
    )
    from virtmigrate.handle import Handle
    from virtmigrate.hookspecs import hookimpl
    from virtmigrate.journal import MemoryJournal
    from virtmigrate.manager import Manager
    from virtmigrate.options import Options
    from virtmigrate.phases import Fate, Outcome, Phase
    from virtmigrate.plan import Plan
    from virtmigrate.results import Result

# From most to least important; a test pins the list.
__all__ = [
    "Migrator",
    "Options",
    "Plan",
    "Result",
    "Outcome",
    "Handle",
    "Manager",
    "MemoryJournal",
    "hookimpl",
    "Phase",
    "Fate",
    "Side",
    "VirtmigrateError",
    "Refused",
    "BadInput",
    "OptionRefused",
    "HostError",
    "HostUnreachable",
    "AnswerLost",
    "NotSucceeded",
]

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOME = {
    "Migrator": "api",
    "AnswerLost": "errors",
    "BadInput": "errors",
    "HostError": "errors",
    "HostUnreachable": "errors",
    "NotSucceeded": "errors",
    "OptionRefused": "errors",
    "Refused": "errors",
    "Side": "errors",
    "VirtmigrateError": "errors",
    "Handle": "handle",
    "hookimpl": "hookspecs",
    "MemoryJournal": "journal",
    "Manager": "manager",
    "Options": "options",
    "Fate": "phases",
    "Outcome": "phases",
    "Phase": "phases",
    "Plan": "plan",
    "Result": "results",
}
"""Module of each name: imported when it is first asked for, as models take a while."""


def __getattr__(name: str) -> object:
    """A public name, from its module."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """All of it, imported yet or not."""
    return sorted({*globals(), *_HOME})
