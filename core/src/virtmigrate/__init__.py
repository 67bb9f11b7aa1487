"""virtmigrate moves virtual machines between hosts of any hypervisor.

One set of options that means the same thing everywhere: each is yes, no, or whatever
the hypervisor does by default. Before anything is touched a plan says what will be in
effect, and how. Start with `Migrator` and `Options`.
"""

from __future__ import annotations

import logging

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
