"""The journal's file, as others on the machine see it."""

from __future__ import annotations

import sqlite3
import stat


def mode(path):
    """Its permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def raw(path, statement, *values):
    """What an intruder, or a broken disk, would do to the file."""
    with sqlite3.connect(path) as db:
        db.execute(statement, values)
    db.close()
