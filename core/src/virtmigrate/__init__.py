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

# From most to least important; docs and a test hold the same list.
__all__ = [
    "AnswerLost",
    "BadInput",
    "Fate",
    "Handle",
    "HostError",
    "HostUnreachable",
    "Manager",
    "MemoryJournal",
    "Migrator",
    "NotSucceeded",
    "OptionRefused",
    "Options",
    "Outcome",
    "Phase",
    "Plan",
    "Refused",
    "Result",
    "Side",
    "VirtmigrateError",
    "hookimpl",
]

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
