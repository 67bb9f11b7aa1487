"""Things at once, where each waits for another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from virtmigrate.threads import Job

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
    other = Job(there)
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
    return Job(call).result if apart else call
