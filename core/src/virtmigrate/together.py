"""Two things at once, where each waits for another machine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

A = TypeVar("A")
B = TypeVar("B")


def remote(one: object, other: object) -> bool:
    """Whether asking either of these hosts or hypervisors is worth a thread.

    They say so by an attribute `remote`; one that says nothing answers at once.
    """
    return bool(getattr(one, "remote", False) or getattr(other, "remote", False))


def together(
    here: Callable[[], A],
    there: Callable[[], B],
    *,
    apart: bool,
    discard: Callable[[B], object] = lambda made: None,
) -> tuple[A, B]:
    """Do both; the second in a thread of its own, if that pays.

    Args:
        here: Done in this thread; its error is the one that counts.
        there: The other.
        apart: Whether they are done side by side, else one after the other.
        discard: Gets what `there` made if `here` failed.

    Raises:
        BaseException: What either raised, after both have ended.
    """
    if not apart:
        made = here()
        return made, there()
    other = _Other(there)
    try:
        made = here()
    except BaseException:
        other.thread.join()
        if other.error is None:
            discard(other.made)
        raise
    return made, other.wait()


class _Other(Generic[B]):
    """A thread that keeps what it made, or why it could not."""

    made: B

    def __init__(self, make: Callable[[], B]) -> None:
        self.error: BaseException | None = None
        self._make = make
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.made = self._make()
        except BaseException as error:  # noqa: BLE001 - raised again by `wait`
            self.error = error

    def wait(self) -> B:
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.made
