"""A call whose effect can be seen, but whose answer does not come.

A reply that a network loses without closing the connection would cost the whole
deadline, while the other host waits. So the control connection looks meanwhile: once
the effect has been seen for a while, the answer counts as lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from virtmigrate.attend import attend
from virtmigrate.errors import AnswerLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.context import Context, Pulse
    from virtmigrate.errors import Side

T = TypeVar("T")

FIRST_LOOK_S = 2.0
"""An answer that comes in time is never raced."""
LOOK_S = 0.5
STABLE_S = 1.5
"""So long the effect must be seen before the answer counts as lost."""


def await_answer(
    call: Callable[[], T],
    ctx: Context,
    *,
    over: Callable[[], bool],
    doing: str,
    side: Side,
    pulse: bool = False,
) -> T:
    """Run a call with a deadline of its own, and look for its effect meanwhile.

    Args:
        call: Blocks, within its own deadline.
        ctx: The migration.
        over: Whether the effect can be seen; asks a host over its control connection.
        doing: The call in words, for the error.
        side: Whose host carries it out.
        pulse: Whether the engine looks in as well (post-copy).

    Raises:
        AnswerLost: The effect is there, the answer is not; or the call's own deadline.
        VirtmigrateError: What the call raised.
    """
    watch = _Watch(ctx, over, AnswerLost(f"{doing}: done, but not answered", side=side))
    watch.inner = ctx.engine if pulse else None
    return attend(call, replace(ctx, engine=watch), deadline_s=None)


class _Watch:
    """The pulse of one such call."""

    def __init__(
        self, ctx: Context, over: Callable[[], bool], lost: AnswerLost
    ) -> None:
        self._ctx = ctx
        self._over = over
        self._lost = lost
        self._began = self._looked = ctx.clock.now()
        self._seen: float | None = None
        self.inner: Pulse | None = None

    def pulse(self) -> None:
        if self.inner is not None:
            self.inner.pulse()
        now = self._ctx.clock.now()
        if now - self._began < FIRST_LOOK_S or now - self._looked < LOOK_S:
            return
        self._looked = now
        if not self._over():
            self._seen = None
        elif self._seen is None:
            self._seen = now
        elif now - self._seen >= STABLE_S:
            raise self._lost

    def warn(self, message: str) -> None:
        self._ctx.engine.warn(message)

    def owe(self, obligation: str) -> None:
        self._ctx.engine.owe(obligation)

    def remember(self, key: str, value: str) -> None:
        self._ctx.engine.remember(key, value)
