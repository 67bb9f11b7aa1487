"""What a fault proxy does, and to which message.

A rule names a message (the N-th call or reply of a procedure) and what becomes of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

from virtmigrate_lab.rpc import REMOTE_PROGRAM, Kind, Message

What = Literal["call", "reply", "event"]
KINDS: dict[str, tuple[int, ...]] = {
    "call": (Kind.CALL, Kind.CALL_WITH_FDS),
    "reply": (Kind.REPLY, Kind.REPLY_WITH_FDS),
    "event": (Kind.EVENT,),
}


@dataclass(eq=False)
class Rule:
    """A message, and (in the subclasses) what becomes of it.

    Args:
        procedure: Its number (see :class:`~virtmigrate_lab.rpc.Procedure`).
        what: ``call``, ``reply`` or ``event``.
        nth: Which of them, counted over all connections from 1; 0: every one.
        program: Whose procedure it is.
        fired: Set once the rule has been applied.
    """

    procedure: int
    what: What = "reply"
    nth: int = 1
    program: int = REMOTE_PROGRAM
    fired: threading.Event = field(default_factory=threading.Event, init=False)
    _seen: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def applies(self, message: Message) -> bool:
        """Whether this is the message; counts the ones that might have been."""
        same = (
            message.program == self.program
            and message.procedure == self.procedure
            and message.kind in KINDS[self.what]
        )
        if not same:
            return False
        with self._lock:
            self._seen += 1
            return self.nth in (0, self._seen)


@dataclass(eq=False)
class Drop(Rule):
    """It is lost, and nobody is told: who waits for it waits for ever."""


@dataclass(eq=False)
class Cut(Rule):
    """It is lost, and the connection with it.

    Cut at a call, the host never heard it; cut at a reply, the host has done it and
    the client will not know.
    """


@dataclass(eq=False)
class Duplicate(Rule):
    """It arrives twice."""


@dataclass(eq=False)
class Delay(Rule):
    """It arrives later; messages behind it overtake it.

    Args:
        seconds: How much later.
    """

    seconds: float = 1.0


@dataclass(eq=False)
class Hold(Rule):
    """It waits until :meth:`release`, so that a test can act in between."""

    released: threading.Event = field(default_factory=threading.Event, init=False)

    def release(self) -> None:
        """Let it go on."""
        self.released.set()
