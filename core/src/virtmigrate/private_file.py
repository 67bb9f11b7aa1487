"""A file that is its owner's alone, made whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable


def trusted(path: Path, fill: Callable[[Path], None]) -> None:
    """Make the file where there is none, and refuse one that others could write.

    It is filled under another name and gets its own in one step, so that of many who
    make it at once all see one file, and nobody one half made. A file that is there is
    looked at and never opened: to close any handle of a file drops all the locks that
    this process has on it (POSIX), also those under an open database.

    Args:
        path: The file. Its directory is made 0700, the file 0600.
        fill: Writes the first content into an empty file.

    Raises:
        JournalError: It can't be made or trusted.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(path.parent, path.parent.lstat())
        if not os.path.lexists(path):
            _make(path, fill)
        found = path.lstat()
    except OSError as error:
        msg = f"journal {path}: {error.strerror}"
        raise JournalError(
            msg, subject=str(path), remedy="set VIRTMIGRATE_STATE_DIR"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        msg = f"journal {path} is a link, a directory or a device, not a file"
        raise JournalError(msg, subject=str(path), remedy="remove it")
    _refuse_shared(path, found)


def _make(path: Path, fill: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as new:
        made = Path(new, path.name)
        made.touch(mode=0o600)
        fill(made)
        with suppress(FileExistsError):  # somebody was faster: theirs it is
            os.link(made, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _refuse_shared(path: Path, seen: os.stat_result) -> None:
    shared = seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    foreign = seen.st_uid not in (os.geteuid(), 0)
    if shared or foreign:
        msg = f"{path} may be written by others"
        raise JournalError(
            msg, subject=str(path), remedy=f"chown to yourself, chmod go-w {path}"
        )
