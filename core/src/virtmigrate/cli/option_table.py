"""The table of options in four forms: help, terminal, JSON, and docs/options.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.cli.arguments import TIMERS_PANEL, metavar, panel
from virtmigrate.option_rows import (
    BY_NAME,
    IMPLIED_BY,
    ROWS,
    SWITCHES,
    VALUES,
    Switch,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]

NEITHER = {
    "live": "yes; a stopped guest can't be",
    "persist_dest": "as it is at the source",
    "undefine_source": "yes",
    "paused": "as it is at the source",
    "offline": "for a stopped guest, where it needs that",
}
"""What neither yes nor no means where this project says it, by option."""

HEAD = """\
# Options

This page is written by `virtmigrate options --markdown`; a test compares it.

Each switch has three answers. `--compressed` is yes, `--no-compressed` is no, neither
is the default: what this project or the hypervisor does when nobody asks. An answer
that a host can't give is refused before anything is touched; which those are is told by
`virtmigrate capabilities URI`. The spellings are those of `virsh migrate`, the Python
names are the fields of `virtmigrate.Options`.

`Options.from_libvirt_flags(word)` is another reading: there a flag that is absent means
what libvirt says, in the column *absent to libvirt* (a dash: it promises nothing).
"""


def neither(row: Switch) -> str:
    """What it means to say neither yes nor no."""
    ours = "no" if row.knob or row.bit is None else "as the hypervisor does"
    means = NEITHER.get(row.name, ours)
    implied = IMPLIED_BY.get(row.name)
    return f"{means}; yes with --{BY_NAME[implied].virsh}" if implied else means


def absent(row: Switch) -> str:
    """What absence means to libvirt."""
    return "no" if row.absent is False and row.bit is not None else "-"


def rows() -> list[dict[str, object]]:
    """Every option as JSON data."""
    return [_switch(r) if isinstance(r, Switch) else _value(r) for r in ROWS]


def _switch(row: Switch) -> dict[str, object]:
    return {
        "option": f"--{row.virsh}",
        "negative": f"--no-{row.virsh}",
        "name": row.name,
        "kind": "switch",
        "yes": row.yes,
        "no": row.no,
        "neither": neither(row),
        "side": row.side.value,
        "libvirt_flag_bit": row.bit,
        "absent_to_libvirt": row.absent if row.bit is not None else None,
    }


def _value(row: Value) -> dict[str, object]:
    return {
        "option": f"--{row.virsh}",
        "name": row.name,
        "kind": "text" if row.kind == "string" else "number",
        "meaning": row.meaning,
        "value": metavar(row),
        "repeatable": row.many,
        "from_file": row.from_file,
        "libvirt_param": row.param,
        "libvirt_type": row.kind if row.param else None,
    }


def sections() -> Iterator[Section]:
    """The table for a terminal: heading, columns, lines."""
    timers = [row for row in ROWS if panel(row) == TIMERS_PANEL]
    plain = [row for row in SWITCHES if row not in timers]
    yield (
        "Switches: --NAME is yes, --no-NAME is no, neither is the default",
        ("option", "yes | no | neither"),
        [
            (f"--{r.virsh}", f"{r.yes}\nno: {r.no}\nneither: {neither(r)}")
            for r in plain
        ],
    )
    yield (
        "Values",
        ("option", "value", "meaning"),
        [
            (f"--{r.virsh}", metavar(r), r.meaning + ("; repeatable" * r.many))
            for r in VALUES
            if r not in timers
        ],
    )
    yield (
        "Timers of virsh",
        ("option", "meaning"),
        [
            (f"--{r.virsh}", r.yes if isinstance(r, Switch) else r.meaning)
            for r in timers
        ],
    )


def markdown() -> str:
    """The page docs/options.md."""
    switches = [
        (
            f"`--{r.virsh}`",
            f"`{r.name}`",
            r.yes,
            r.no,
            neither(r),
            absent(r),
            "-" if r.bit is None else str(r.bit),
        )
        for r in SWITCHES
    ]
    values = [
        (
            f"`--{r.virsh} {metavar(r)}`",
            f"`{r.name}`",
            r.meaning
            + ("; repeatable" * r.many)
            + ("; read from a file" * r.from_file),
            f"`{r.param}` ({r.kind})" if r.param else "-",
        )
        for r in VALUES
    ]
    columns = (
        "option",
        "in Python",
        "yes",
        "no",
        "neither",
        "absent to libvirt",
        "bit",
    )
    return "\n".join(
        [
            HEAD,
            "## Switches\n",
            *_grid(columns, switches),
            "\n## Values\n",
            *_grid(("option", "in Python", "meaning", "libvirt parameter"), values),
            "",
        ]
    )


def _grid(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' for _ in columns)} |"
    for line in lines:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in line)} |"
