"""A controller in a process of its own, which can be killed and frozen.

    python -m tests.faults.controller STATE GUEST SOURCE DESTINATION WAY FORM

It prints its events as JSON, a line each, and ends with 0 whatever came of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults import moves
from virtmigrate import Migrator
from virtmigrate.sqlite_journal import SQLiteJournal


def main(state, guest, source, destination, way, form):
    """Migrate."""
    ways = {each.name: each for each in moves.WAYS}
    forms = {each.name: each for each in (*moves.FORMS, moves.EARLY)}
    journal = SQLiteJournal(Path(state) / "journal.db")

    def tell(event):
        print(event.model_dump_json(), flush=True)

    with moves.short(), Migrator(journal=journal, sinks=[tell]) as migrator:
        moves.migrate(
            migrator,
            guest,
            (source, destination),
            ways[way],
            forms[form],
            total_s=moves.SLOW_TOTAL_S,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
