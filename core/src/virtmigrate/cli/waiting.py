"""Calls that ask hosts: Ctrl-C leaves them at once, a long one says that it waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from virtmigrate.cli.output import console, say

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE_S = 1.0
TICK_S = 0.2


def asking(call: Callable[[], T], what: str) -> T:
    """Run a call that changes nothing in a thread, and wait for it here.

    A client library may block where no signal reaches Python; the main thread never
    does.

    Args:
        call: Asks hosts; may be left alone in the middle.
        what: What it does, told when it takes longer than a second.

    Raises:
        KeyboardInterrupt: Ctrl-C; the call is left behind.
    """
    box: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def body() -> None:
        try:
            box.append(call())
        except BaseException as error:  # noqa: BLE001 - raised in the waiter
            failed.append(error)
        finally:
            done.set()

    threading.Thread(target=body, name="virtmigrate-asking", daemon=True).start()
    if not done.wait(PATIENCE_S):
        _wait_aloud(done, what)
    if failed:
        raise failed[0]
    return box[0]


def _wait_aloud(done: threading.Event, what: str) -> None:
    people = console(stderr=True)
    if not people.is_terminal:
        say(f"{what} …")
        while not done.wait(TICK_S):
            pass
        return
    with people.status(f"{what} …"):
        while not done.wait(TICK_S):
            pass
