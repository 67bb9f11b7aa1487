"""`virtmigrate report`: one migration as a page and a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtmigrate.cli.arguments import Json
from virtmigrate.cli.choosing import chosen
from virtmigrate.cli.help import TaughtCommand
from virtmigrate.cli.output import answer, document
from virtmigrate.errors import BadInput
from virtmigrate.report import page_of, png_of, story_of

if TYPE_CHECKING:
    from virtmigrate.journal import Journal

HELP = """Write a report of one migration: a page and a picture.

The page (HTML) needs nothing else: it can be mailed, and works offline. The picture
(PNG) is its convergence plot: what remained, the rates, the throttle, what was done
and when. Both come from the journal alone; no host is asked.
"""
NAME_MAX = 100


def add(app: typer.Typer, epilog: str) -> None:
    """Add it to the application."""
    app.command("report", cls=TaughtCommand, help=HELP, epilog=epilog)(report)


def report(
    ctx: typer.Context,
    migration: Annotated[
        str, typer.Argument(metavar="ID", help="A migration, or how its id begins.")
    ],
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; ID.html if not said.")
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The picture; ID.png if not said."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that are there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    journal: Journal | None = ctx.obj.journal()
    entry = chosen(journal, migration)
    if journal is None:  # nothing can be chosen from no journal
        return
    name = _file_name(entry.migration)
    page, picture = html or Path(f"{name}.html"), png or Path(f"{name}.png")
    _check(page, picture, force=force)
    story = story_of(journal, entry.migration)
    # Both are made before either is written: a failure leaves no half of a report.
    made = {page: page_of(story).encode("utf-8"), picture: png_of(story)}
    for path, data in made.items():
        _write(path, data, force=force)
    if as_json:
        files = {"html": str(page.absolute()), "png": str(picture.absolute())}
        document({**files, **story.to_json()})
    else:
        answer(*(f"{path.absolute()}" for path in made))


def _file_name(migration: str) -> str:
    """An id as a file's name: it comes from the journal, so it may be anything."""
    name = re.sub(r"[^\w.+-]+", "_", migration, flags=re.ASCII).lstrip(".-")
    return name[:NAME_MAX] or "migration"


def _check(page: Path, picture: Path, *, force: bool) -> None:
    if page.absolute() == picture.absolute():
        raise BadInput(
            f"--html and --png name the same file, {str(page)!r}",
            subject="html",
            remedy="give each a file of its own",
        )
    for path in (page, picture):
        if not force and (path.exists() or path.is_symlink()):
            raise _taken(path)


def _taken(path: Path) -> BadInput:
    return BadInput(
        f"file {str(path)!r} is there already",
        subject=str(path),
        remedy="give --force, or another name with --html and --png",
    )


def _write(path: Path, data: bytes, *, force: bool) -> None:
    try:
        # "x": what has come since it was looked for is not overwritten either.
        with path.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise BadInput(
            f"file {str(path)!r} can't be written: {error.strerror or error}",
            subject=str(path),
            remedy="name a file that you may write",
        ) from error
