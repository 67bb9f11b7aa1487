"""The `virtmigrate` command. This file is light: the rest needs the extra `cli`.

Only `main` is for others; commands of plugins come through `virtmigrate_cli`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED = 2
INTERRUPTED = 130
NEEDED = ("typer", "rich")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Words after the program's name; those of this process if None.

    Returns:
        The exit code; the epilog of `virtmigrate --help` lists them.
    """
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _main(words: list[str]) -> int:
    if words in (["--version"], ["version"]):
        # The version costs no import of a terminal library, and needs none.
        from virtmigrate import __version__  # noqa: PLC0415

        sys.stdout.write(f"virtmigrate {__version__}\n")
        return 0
    try:
        from virtmigrate.cli.run import run  # noqa: PLC0415 - typer is dear
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        sys.stderr.write(
            f"virtmigrate: the command line needs {error.name}, which is not installed"
            " (pip install 'virtmigrate[cli]')\n"
        )
        return REFUSED
    return run(words)
