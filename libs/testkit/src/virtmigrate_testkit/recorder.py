"""A plugin that surrounds every hook: it writes down what is called, and strikes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from virtmigrate.errors import AnswerLost, HostError
from virtmigrate.hookspecs import hookimpl

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.host import RunState
    from virtmigrate.phases import Fate

T = TypeVar("T")
Wrapper = Generator[None, T, T]
ERRORS = {"error": HostError, "lost": AnswerLost}


@dataclass(frozen=True, slots=True)
class Strike:
    """What is to go wrong, at the first call of a hook.

    Attributes:
        hook: Without its prefix.
        when: `before` the hook is carried out, or `after`.
        what: `error`, `lost` (an answer) or `cancel` (the caller's wish).
    """

    hook: str
    when: str
    what: str

    def __str__(self) -> str:
        """For a test's id."""
        return f"{self.what}-{self.when}-{self.hook}"


@dataclass(slots=True)
class Call:
    """One call of a hook.

    Attributes:
        hook: Without its prefix.
        ctx: The migration.
        cookie: What it was given; None for a hook without one.
        fate: What it was told; None for a hook that is told none.
        answer: What the hook answered; None if it raised.
        raised: What it raised, the strike's own errors included.
        over: Whether it has ended.
    """

    hook: str
    ctx: Context
    cookie: bytes | None = None
    fate: Fate | None = None
    answer: object = None
    raised: BaseException | None = None
    over: bool = False


@dataclass(slots=True, eq=False)  # pluggy keeps plugins in sets
class Recorder:
    """What was called, in order.

    Attributes:
        strikes: Still to come.
        struck: That did.
        watch: Is told each call at its start and at its end.
        cancel: Cancels the migration, bounded wait included.
        calls: In the order of their starts.
    """

    strikes: list[Strike] = field(default_factory=list)
    watch: Callable[[Call], None] | None = None
    cancel: Callable[[], None] | None = None
    calls: list[Call] = field(default_factory=list)
    struck: list[Strike] = field(default_factory=list)

    def of(self, hook: str) -> list[Call]:
        """The calls of one hook."""
        return [call for call in self.calls if call.hook == hook]

    def _around(self, call: Call) -> Wrapper[T]:
        self.calls.append(call)
        try:
            self._tell(call)
            self._strike(call, "before")
            answer = yield
            call.answer = answer
            self._strike(call, "after")
        except BaseException as error:
            call.raised = error
            raise
        finally:
            call.over = True
            self._tell(call)
        return answer

    def _tell(self, call: Call) -> None:
        if self.watch is not None:
            self.watch(call)

    def _strike(self, call: Call, when: str) -> None:
        for strike in list(self.strikes):
            if (strike.hook, strike.when) != (call.hook, when):
                continue
            self.strikes.remove(strike)
            self.struck.append(strike)
            if strike.what in ERRORS:
                msg = f"the kit's own {strike.what} {when} {call.hook}"
                raise ERRORS[strike.what](msg, subject=call.hook)
            if self.cancel is not None:
                self.cancel()

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_begin(self, ctx: Context) -> Wrapper[bytes]:
        """Surround it."""
        return (yield from self._around(Call("begin", ctx)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_prepare(self, ctx: Context, cookie: bytes) -> Wrapper[bytes]:
        """Surround it."""
        return (yield from self._around(Call("prepare", ctx, cookie)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_perform(self, ctx: Context, cookie: bytes) -> Wrapper[bytes]:
        """Surround it."""
        return (yield from self._around(Call("perform", ctx, cookie)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_finish(
        self, ctx: Context, cookie: bytes, fate: Fate
    ) -> Wrapper[bytes]:
        """Surround it."""
        return (yield from self._around(Call("finish", ctx, cookie, fate)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_confirm(
        self, ctx: Context, cookie: bytes, fate: Fate
    ) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("confirm", ctx, cookie, fate)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_enter_coma(self, ctx: Context) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("enter_coma", ctx)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_leave_coma(self, ctx: Context) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("leave_coma", ctx)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_restore_run_state(
        self, ctx: Context, landing: RunState
    ) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("restore_run_state", ctx)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_undo_persist(self, ctx: Context) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("undo_persist", ctx)))

    @hookimpl(wrapper=True, tryfirst=True)
    def virtmigrate_restore_source(self, ctx: Context) -> Wrapper[bool]:
        """Surround it."""
        return (yield from self._around(Call("restore_source", ctx)))
