"""From words to an exit code: no traceback, no half-told error, no noise on a pipe."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import typer

from virtmigrate.cli.app import build
from virtmigrate.cli.faults import report, usage
from virtmigrate.cli.output import Unread, say
from virtmigrate.cli.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Sequence

UNREAD = 141
# Later versions of Typer have their own copy of click: take the class from Typer.
UsageMistake: type[Exception] = typer.BadParameter.__mro__[2]


class _ToPeople(logging.Handler):
    """What libraries and plugins log, one line each, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        say(f"{level}: {record.getMessage()}")


def run(words: Sequence[str], tools: Tools | None = None) -> int:
    """Carry out one command line.

    Args:
        words: Those after the program's name.
        tools: Plugins and journal; what is installed if None.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C, while nothing was touched.
    """
    handler = _listen()
    try:
        return _run(list(words), tools or Tools())
    except Unread:
        return UNREAD
    finally:
        logging.getLogger("virtmigrate").removeHandler(handler)


def _run(words: list[str], tools: Tools) -> int:
    try:
        code = build(tools, words)(
            words, prog_name="virtmigrate", standalone_mode=False, obj=tools
        )
    except typer.Abort:
        # Click's word for Ctrl-C.
        raise KeyboardInterrupt from None
    except Unread:
        raise
    except UsageMistake as error:
        return _mistake(error, words)
    except Exception as error:  # noqa: BLE001 - a person never sees a traceback
        return report(error, words)
    finally:
        tools.close()
    return code if isinstance(code, int) else 0


def _mistake(error: Exception, words: list[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        # Its message is the help text: asked for by saying nothing.
        show = getattr(error, "show", None)
        if show is not None:
            show()
        return 2
    return report(usage(error), words)


def _listen() -> logging.Handler:
    logger = logging.getLogger("virtmigrate")
    debug = os.environ.get("VIRTMIGRATE_DEBUG") == "1"
    handler = _ToPeople(logging.DEBUG if debug else logging.WARNING)
    logger.addHandler(handler)
    if debug:
        logger.setLevel(logging.DEBUG)
    return handler
