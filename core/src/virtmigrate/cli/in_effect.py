"""Which options a migration had in effect, in the command line's words. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from virtmigrate.cli.arguments import metavar
from virtmigrate.cli.output import shown
from virtmigrate.option_rows import ROWS, Switch

if TYPE_CHECKING:
    from virtmigrate.option_rows import Value
    from virtmigrate.options import Options

BARE = {"live": True, "persist_dest": True, "undefine_source": True}
"""What a bare move has, of a persistent guest that runs; no other switch is yes."""
HOSTS_OWN = ("change_protection",)
"""Yes or no by the way that the hosts move it: nobody's choice, unless it was asked."""


def in_effect(effective: Options, asked: Options) -> str:
    """Options that were asked for, or are other than in a bare move, as one line.

    Args:
        effective: What was in effect.
        asked: What the request said.
    """
    told = []
    for row in ROWS:
        value = getattr(effective, row.name)
        usual = row.name in HOSTS_OWN or value is BARE.get(row.name, False)
        wanted = getattr(asked, row.name) is not None
        if value is not None and (wanted or not usual):
            told.append(_word(row, value))
    return shown(" ".join(told)) or "the defaults"


def _word(row: Switch | Value, value: object) -> str:
    if isinstance(row, Switch):
        return f"--{row.virsh}" if value else f"--no-{row.virsh}"
    if row.from_file:
        return f"--{row.virsh} {metavar(row)}"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return f"--{row.virsh} {shlex.quote(text)}"
