"""The tables of an explanation: cells for people, and the same rows for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.capabilities import How
from virtmigrate.option_rows import BY_NAME
from virtmigrate.plan import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from virtmigrate.disks import Disk
    from virtmigrate.plan import Finding, Settled, Step

ANSWERS = {True: "yes", False: "no", None: "-"}
SHOWN_MOST = 40
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Grid:
    """One table.

    Attributes:
        name: What it is about, and its key among JSON.
        columns: Headings for people.
        rows: Cells for people; what they need not see is left out.
        data: Every row, for programs.
        rest: What was left out, in words; "" = nothing.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: list[dict[str, object]]
    rest: str = ""


def shown(value: object) -> str:
    """A value of an option, as people write it."""
    if value is None or isinstance(value, bool):
        return ANSWERS[value]
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    text = str(value)
    return text if len(text) <= SHOWN_MOST else f"{len(text)} characters"


def noteworthy(row: Settled) -> bool:
    """Whether a row tells more than "not asked for, and off"."""
    return row.asked is not None or bool(row.effective) or row.how is How.REFUSED


def of_options(settled: Sequence[Settled]) -> Grid:
    """What was asked, what will be in effect, and how."""
    rows = [row for row in settled if noteworthy(row)]
    off = len(settled) - len(rows)
    return Grid(
        "options",
        ("option", "asked", "effective", "how", "why"),
        tuple(
            (
                BY_NAME[row.option].virsh,
                shown(row.asked),
                shown(row.effective),
                row.how.value,
                row.why,
            )
            for row in rows
        ),
        [
            {**row.model_dump(mode="json"), "word": f"--{BY_NAME[row.option].virsh}"}
            for row in settled
        ],
        f"({off} more options are off)" if off else "",
    )


def of_disks(disks: Sequence[Disk]) -> Grid:
    """What becomes of each disk, and why."""
    return Grid(
        "disks",
        ("disk", "sharing", "way", "MiB", "image, and how that is known"),
        tuple(
            (
                disk.target,
                disk.sharing.value,
                disk.way.value,
                f"{disk.copy_bytes / MIB:.0f}" if disk.copied else "-",
                _image(disk),
            )
            for disk in disks
        ),
        [disk.model_dump(mode="json") for disk in disks],
    )


def of_findings(findings: Iterable[Finding]) -> Grid:
    """What was seen on the hosts, the worst first."""
    order = list(Level)
    ordered = sorted(findings, key=lambda finding: order.index(finding.level))
    rows = [finding for finding in ordered if not finding.ignored]
    hidden = dict.fromkeys(each.id for each in ordered if each.ignored)
    return Grid(
        "findings",
        ("level", "finding", "side", "subject", "what was seen, and what to do"),
        tuple((f.level.value, f.id, f.side.value, f.subject, _seen(f)) for f in rows),
        [finding.model_dump(mode="json") for finding in ordered],
        f"(ignored: {', '.join(hidden)})" if hidden else "",
    )


def of_steps(steps: Iterable[Step]) -> Grid:
    """The program, in order."""
    steps = list(steps)
    return Grid(
        "steps",
        ("phase", "side", "step", "why"),
        tuple(
            (
                step.phase.value,
                step.side.value,
                step.hook,
                step.why + (f"; undone by {step.undo}" if step.undo else ""),
            )
            for step in steps
        ),
        [step.model_dump(mode="json") for step in steps],
    )


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces apart; the last one runs on."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "".join(
            f"  {cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)
        ).rstrip()
        for row in rows
    ]


def plain(grid: Grid) -> list[str]:
    """A table as lines of text."""
    lines = aligned([grid.columns, *grid.rows]) if grid.rows else []
    return [*lines, *([f"  {grid.rest}"] if grid.rest else [])]


def _image(disk: Disk) -> str:
    moved = disk.there and disk.there != disk.path
    path = f"{disk.path} -> {disk.there}" if moved else disk.path or "empty"
    return f"{path}: {disk.evidence}" if disk.evidence else path


def _seen(finding: Finding) -> str:
    evidence = f" [{finding.evidence}]" if finding.evidence else ""
    remedy = f" ({finding.remedy})" if finding.remedy else ""
    return f"{finding.message}{evidence}{remedy}"
