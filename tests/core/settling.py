"""What tests of a settlement ask of it."""

from __future__ import annotations

from virtmigrate import Options
from virtmigrate.errors import leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import settle

FOUR = {"compressed": True, "live": True, "persist_dest": True, "undefine_source": True}
RUNNING, PAUSED, SHUTOFF = RunState.RUNNING, RunState.PAUSED, RunState.SHUTOFF


def refusals(both, **asked):
    """What is refused: (subject, side) of each, sorted."""
    return sorted((e.subject, e.side) for e in errors(both, **asked))


def errors(both, **asked):
    try:
        settle(Options(**asked), both)
    except ExceptionGroup as group:
        return leaves(group)
    return []


def rows(both, **asked):
    """Option -> its settled row."""
    return {row.option: row for row in settle(Options(**asked), both).options}
