"""A migration in a thread of its own: wait for it, or cancel it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from virtmigrate.errors import VirtmigrateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.results import Result

NEVER = threading.Event()
"""The wish to cancel of a caller that blocks: nobody can set it."""


class Handle:
    """A migration that runs in a thread of its own."""

    def __init__(
        self, migration: str, run: Callable[[threading.Event], Result]
    ) -> None:
        """Start it at once.

        Args:
            migration: Its id.
            run: Carries it out; is given the cancel flag.
        """
        self.migration = migration
        self._cancel = threading.Event()
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._run = run
        threading.Thread(
            target=self._body, name=f"virtmigrate-{migration}", daemon=True
        ).start()

    def _body(self) -> None:
        try:
            self._result = self._run(self._cancel)
        except BaseException as error:  # noqa: BLE001 - raised in the waiter
            self._error = error
        finally:
            self._done.set()

    def cancel(self) -> None:
        """Ask for the end of it: it is rolled back unless COMMIT was written."""
        self._cancel.set()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._done.is_set()

    def wait(self, timeout_s: float | None = None) -> Result:
        """The result, once it is there.

        Args:
            timeout_s: Longest wait, seconds; None = as long as it takes.

        Raises:
            TimeoutError: It is not over yet; it goes on.
            ExceptionGroup: Of `Refused`, if the plan was refused.
            VirtmigrateError: It could not begin.
        """
        if not self._done.wait(timeout_s):
            msg = f"migration {self.migration} is not over after {timeout_s:g} s"
            raise TimeoutError(msg)
        if self._error is not None:
            raise self._error
        if self._result is None:
            msg = f"migration {self.migration} ended without a result"
            raise VirtmigrateError(msg)
        return self._result


def new_id() -> str:
    """An id for a migration: 12 hex digits."""
    return os.urandom(6).hex()
