"""What was foretold, and what came: a table of it."""

from __future__ import annotations

import statistics

from bench.convergence import figures
from bench.convergence.data import Data
from bench.convergence.table import Table, number, percent, right

NOTE = (
    "Goal: median <= 5 %, p95 <= 15 %. Transfer: from the first byte to the last."
    " Whole: from call to return, by what earlier moves took around theirs."
)
SAID = {True: "yes", False: "no", None: "-"}


def forecast(data: Data) -> Table:
    """What the plan foretold."""
    rows = figures.forecasts(data)
    early, later = (r.right for r in rows), (r.by_pass_2 for r in rows)
    unknown = sum(row.verdict == "unknown" for row in rows)
    notes = [
        f"Verdict right before the start: {right(early)}; {unknown} times: unknown.",
        f"The first one after pass 1, whether it ends by itself: {right(later)}.",
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
            *("scenario", "buffers", "ours", "verdict", "right", "by pass 2"),
            *("foretold s", "range", "took s", "error", "of the whole"),
        ),
        [
            (
                *(row.cell.scenario, row.cell.buffers, row.cell.strategy, row.verdict),
                *(SAID[row.right], SAID[row.by_pass_2]),
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
