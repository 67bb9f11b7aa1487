"""How long each kind of call to a host may take. Nothing is waited for without one.

A transfer and a post-copy's finish have no time of their own, as no figure fits them:
`answer.py` looks at the hosts meanwhile, and the policy's limits end them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Deadlines:
    """Seconds.

    Attributes:
        open: A first connection.
        reopen: A connection that takes the place of a dead one.
        close: Telling a host that a connection ends.
        ask: A question.
        tell: An order.
        rehearse: A begin that is taken back at once, in the pre-flight.
        begin: The phase; it asks QEMU.
        prepare: The phase; it starts a process, and may make disks.
        finish: The phase; it waits for that process.
        cancel: A cancelled finish. A frozen process keeps its daemon waiting, and the
            source may stand still meanwhile: who looks afterwards ends what is left.
        confirm: The phase; it ends the source's process.
        ping: Whether a connection still answers.
    """

    open: float = 20.0
    reopen: float = 8.0
    close: float = 2.0
    ask: float = 8.0
    tell: float = 30.0
    rehearse: float = 30.0
    begin: float = 45.0
    prepare: float = 180.0
    finish: float = 120.0
    cancel: float = 15.0
    confirm: float = 90.0
    ping: float = 5.0


SECONDS = Deadlines()
"""The table that every call reads at the moment of the call."""
