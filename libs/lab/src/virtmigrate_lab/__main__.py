"""``python -m virtmigrate_lab``: the lab's commands without the rest."""

from __future__ import annotations

from virtmigrate_lab.cli import app

if __name__ == "__main__":
    app(prog_name="lab")
