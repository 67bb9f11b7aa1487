"""What was foretold, and said in pass 2, and what came: tables of it."""

from __future__ import annotations

import statistics

from bench.convergence import figures, verdicts
from bench.convergence.data import Data
from bench.convergence.table import Table, by_kind, number, percent, right, share

NOTE = (
    "A verdict is right if the limits were kept as it says."
    " Goal: median <= 5 %, p95 <= 15 %. Transfer: from the first byte to the last."
    " Whole: from call to return, by what earlier moves took around theirs."
)
VERDICT_NOTE = (
    "Goal: right in all. Every move that reached pass 2 counts, with what stood at its"
    f" end, or {1000 * verdicts.LOOKS_S:.0f} ms after its start where it is shorter."
    " Came: what a move that was turned or given up would have come to shows in others"
    " of its scenario, without consent and with the same use of differences."
)
SAID = {True: "yes", False: "no", None: "-"}
WORDS = {True: "yes", False: "no", None: "undecided"}


def forecast(data: Data) -> Table:
    """What the plan foretold."""
    rows = figures.forecasts(data)
    early = right(row.right for row in rows)
    unknown = sum(row.verdict == "unknown" for row in rows)
    notes = [
        f"Verdict right before the start: {early}; {unknown} times: unknown.",
        NOTE,
        errors_of("All", rows),
        errors_of(
            "Without those in which the link or the guest changes meanwhile",
            [row for row in rows if not data.changes(row.cell.scenario)],
        ),
    ]
    return Table(
        "Forecast before the start",
        (
            *("scenario", "buffers", "ours", "verdict", "right"),
            *("foretold s", "range", "took s", "error", "of the whole"),
        ),
        [
            (
                *(row.cell.scenario, row.cell.buffers, row.cell.strategy, row.verdict),
                SAID[row.right],
                number(row.foretold_s),
                ranged(row.cell.more["forecast"].get("total_range_s")),
                number(row.cell.transfer_s) if row.cell.ended else "did not end",
                percent(row.error),
                percent(row.whole_error),
            )
            for row in rows
        ],
        notes,
    )


def by_pass_2(data: Data) -> Table:
    """What was said of each move by pass 2."""
    rows = verdicts.verdicts(data)
    notes = by_kind(data, rows, lambda row: row.cell.strategy, counts)
    return Table(
        "Verdict by pass 2: does it end by itself, within the permitted stop?",
        ("scenario", "buffers", "ours", "said", "came", "right"),
        [
            (
                *(row.cell.scenario, row.cell.buffers, row.cell.strategy),
                *(WORDS[row.said] if row.counted else "not counted", SAID[row.came]),
                SAID[row.right],
            )
            for row in rows
        ],
        [*notes, VERDICT_NOTE],
    )


def counts(rows: list[verdicts.Verdict]) -> str:
    """How many were right, wrong and neither, in a sentence."""
    some = [row for row in rows if row.counted]
    told = [row for row in some if row.said is not None]
    return (
        f"right {share(sum(row.right is True for row in some), len(some))},"
        f" wrong {sum(row.right is False for row in some)},"
        f" undecided then {len(some) - len(told)},"
        f" nothing shows what would have come {sum(row.came is None for row in told)};"
        " not counted, as over or turned before anything could be told:"
        f" {len(rows) - len(some)}."
    )


def errors_of(what: str, rows: list[figures.Forecast]) -> str:
    """How far off some forecasts were, in a sentence."""
    told = {
        "transfer": [row.error for row in rows if row.error is not None],
        "whole": [row.whole_error for row in rows if row.whole_error is not None],
    }
    parts = [
        f"{name}: median error {percent(statistics.median(errors))}, p95"
        f" {percent(figures.percentile(errors, 0.95))}, {len(errors)} moves"
        for name, errors in told.items()
        if errors
    ]
    within = right(row.in_range for row in rows)
    return f"{what}: {'; '.join([*parts, f'within the foretold range {within}'])}."


def ranged(range_s: list[float] | None) -> str:
    """From the least to the most."""
    return f"{range_s[0]:.2f} .. {range_s[1]:.2f}" if range_s else ""
