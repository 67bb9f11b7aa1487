"""The support matrix: what each kind of host declares, option by option, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from virtmigrate.capabilities import Capabilities, How
from virtmigrate.host import RunState
from virtmigrate.negotiation import settle
from virtmigrate.option_rows import OWN, ROWS, SWITCHES, VALUES
from virtmigrate.options import Options
from virtmigrate_testkit.companions import ends_of

MARKS = {True: "yes", False: "no"}
HEAD = """\
# Support matrix

This page is written by `python scripts/support_matrix.py`; a test compares it. Of a
host of your own `virtmigrate capabilities URI` tells the same."""
WORDS = """\
Native: the hypervisor does it when told to. Inherent: it is always so. Emulated: steps
of virtmigrate make it so. Deferred: it is made so later, and is owed until then.
Refused: it can't be so, and that is said before anything is touched. In each field: how
a yes is met / how a no is met; in brackets what is in effect when nobody asks, for a
running guest with a definition."""


def cell(declared: Capabilities, name: str) -> str:
    """One switch on one kind of host."""
    support = declared.switch(name)
    bare = settle(Options(), ends_of(declared, declared, RunState.RUNNING))
    return f"{support.on} / {support.off} ({MARKS[bool(bare[name].effective)]})"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def switches(kinds: Mapping[str, Capabilities]) -> str:
    """The table of switches."""
    lines = [
        [f"`--{row.virsh}`", *(cell(each, row.name) for each in kinds.values())]
        for row in SWITCHES
        if not row.knob and row.name not in OWN
    ]
    return table(["option", *kinds], lines)


def values(kinds: Mapping[str, Capabilities]) -> str:
    """The table of value options."""
    lines = [
        [f"`--{row.virsh}`", *(each.value(row.name).how for each in kinds.values())]
        for row in VALUES
        if row.param
    ]
    return table(["option", *kinds], lines)


def conduct(kinds: Mapping[str, Capabilities]) -> str:
    """The table of everything else."""
    rows: dict[str, list[str]] = {
        "forms, best first": [", ".join(each.forms) for each in kinds.values()],
        "after perform the source is": [
            each.source_after_perform for each in kinds.values()
        ],
        "progress counts": [each.progress for each in kinds.values()],
        "can be turned in flight": [
            ", ".join(each.knobs) or "nothing" for each in kinds.values()
        ],
        "a stopped guest moves": [
            "by the ordinary phases"
            if each.offline_by_plain_move
            else "with `--offline`"
            for each in kinds.values()
        ],
    }
    return table(["", *kinds], [[name, *found] for name, found in rows.items()])


def notes(kinds: Mapping[str, Capabilities]) -> str:
    """Why something is refused or not as usual, by kind and option."""
    parts = []
    for kind, declared in kinds.items():
        said = [
            f"- `--{row.virsh}`: {note}"
            for row in ROWS
            if (note := _note(declared, row.name))
        ]
        parts.append("\n".join([f"### {kind}", "", *said]))
    return "\n\n".join(parts)


def _note(declared: Capabilities, name: str) -> str:
    if name in declared.switches:
        return declared.switches[name].note
    value = declared.values.get(name)
    return value.note if value and value.how is How.REFUSED else ""


def page(kinds: Mapping[str, Capabilities]) -> str:
    """The whole page.

    Args:
        kinds: What a column is called, and what such a host declares.
    """
    parts = (
        HEAD,
        WORDS,
        "## Switches",
        switches(kinds),
        "## Values",
        values(kinds),
        "## Conduct",
        conduct(kinds),
        "## Notes",
        notes(kinds),
    )
    return "\n\n".join(parts) + "\n"


__all__ = ["page"]
