"""Things at once, where each waits for another machine."""

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
    other = Aside(there)
    try:
        made = here()
    except BaseException:
        other.wait()
        if other.error is None:
            discard(other.result())
        raise
    return made, other.result()


def begun(call: Callable[[], B], *, apart: bool) -> Callable[[], B]:
    """Begin something that is wanted later.

    Args:
        call: It.
        apart: Whether it is begun now, in a thread of its own.

    Returns:
        What waits for it, and gives or raises what it came to; `call` itself where it
        is not begun.
    """
    return Aside(call).result if apart else call


class Aside(Generic[B]):
    """A call in a thread of its own; what it made, or why it could not, is kept."""

    def __init__(self, call: Callable[[], B]) -> None:
        """Begin at once."""
        self.error: BaseException | None = None
        self._made: B
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._made = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self.error = error

    def wait(self, longest_s: float | None = None) -> bool:
        """Whether it has ended, waited for so long; None = until it has."""
        self._thread.join(longest_s)
        return not self._thread.is_alive()

    def result(self) -> B:
        """Wait to its end; what it made.

        Raises:
            BaseException: What it raised.
        """
        self.wait()
        if self.error is not None:
            raise self.error
        return self._made
