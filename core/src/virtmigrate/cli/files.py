"""Files that a caller names: bounded before they are read, and never waited for."""

from __future__ import annotations

import os
import stat

from virtmigrate.errors import BadInput


def content(name: str, most: int, *, option: str, subject: str, what: str) -> str:
    """The text of a file.

    Args:
        name: The file, as typed.
        most: Bytes that it may have.
        option: How the option that named it is spelled, for the error.
        subject: The option, for the error.
        what: What it should hold, for the error.

    Raises:
        BadInput: It can't be read, is no file or no UTF-8, or is larger.
    """
    try:
        data = _read(name, most + 1)
        text = data.decode("utf-8")
        why = f"it has more than {most} bytes" if len(data) > most else ""
    except UnicodeDecodeError:
        why = "it is not UTF-8 text"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no file's name"
    if why:
        raise BadInput(
            f"{option}: file {name[:200]!r}: {why}",
            subject=subject,
            remedy=f"name a file with {what}",
        )
    return text


def _read(name: str, most: int) -> bytes:
    # A FIFO without a writer would keep us waiting already at open.
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is a pipe or a device, not a file")
        return file.read(most)
