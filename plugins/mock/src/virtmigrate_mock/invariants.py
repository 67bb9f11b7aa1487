"""Judge a history: pure, from the records alone.

I1 never two copies running; I2 never without a definition; never without a copy that
was not ended by an admin or a crash; I6 never a stale memory resumed; a coma is a
coma; memory and disks arrive as they left; no image is overwritten, nor deleted if its
data is nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from virtmigrate.host import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from virtmigrate_mock.state import Record

EXCUSED = ("admin", "crash")
SLACK_S = 1e-6


@dataclass(slots=True)
class _Life:
    """What the history has said of one guest so far."""

    running: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    boots: dict[int, float] = field(default_factory=dict)
    coma: bool = False
    sent: str = ""
    disks: str = ""
    excused: bool = False
    worthless: bool = False
    """A stand-in: whoever started it ends it."""
    started: str = ""
    """Where a person starts it at this moment."""


def violations(
    history: Iterable[Record], *, may_vanish: Collection[str] = ()
) -> list[str]:
    """Everything that must never be, in the order in which it was seen.

    Args:
        history: Records in order.
        may_vanish: UUIDs of guests that may end without any definition.
    """
    lives: dict[str, _Life] = {}
    found: list[str] = []
    for record in history:
        judge = JUDGES.get(record.what)
        if judge is not None and record.uuid:
            life = lives.setdefault(record.uuid, _Life())
            wrong = judge(life, record)
            if wrong and not (wrong == NO_DEFINITION and record.uuid in may_vanish):
                found.append(
                    f"{record.at:.3f} s: {record.uuid} on {record.host}: {wrong}"
                )
    return found


NO_DEFINITION = "no definition is left on any host"


def _run(life: _Life, record: Record) -> str:
    by_hand, life.started = life.started == record.host, ""
    life.running.add(record.host)
    if len(life.running) > 1 and not by_hand:
        return f"runs on {' and '.join(sorted(life.running))} at once"
    if life.coma:
        return "its CPUs ran during a coma"
    if record.counter_s < life.boots.get(record.boot, 0.0) - SLACK_S:
        return "a stale memory was resumed: its counter went back"
    return ""


def _befell(life: _Life, record: Record) -> str:
    life.started = record.host if record.detail == "start" else ""
    return ""


def _halt(life: _Life, record: Record) -> str:
    life.running.discard(record.host)
    reached = life.boots.get(record.boot, 0.0)
    life.boots[record.boot] = max(reached, record.counter_s)
    return ""


def _stand_in(life: _Life, record: Record) -> str:
    life.worthless = True
    return ""


def _create(life: _Life, record: Record) -> str:
    # What is still incoming is no copy yet; the switch makes it one.
    if record.detail != RunState.PAUSED_MIGRATION:
        life.copies.add(record.host)
        life.excused = False
    return ""


def _end(life: _Life, record: Record) -> str:
    had = record.host in life.copies
    if had and record.detail in EXCUSED:
        # What an admin or a crash ended may have been newer than any other copy.
        life.excused = True
    life.copies.discard(record.host)
    life.running.discard(record.host)
    if had and not life.copies and not (life.excused or life.worthless):
        return f"its last copy was ended ({record.detail})"
    return ""


def _define(life: _Life, record: Record) -> str:
    life.defined.add(record.host)
    return ""


def _undefine(life: _Life, record: Record) -> str:
    life.defined.discard(record.host)
    if not (life.defined or life.worthless or record.detail in EXCUSED):
        return NO_DEFINITION
    return ""


def _coma(life: _Life, record: Record) -> str:
    life.coma = True
    return "a coma began while it ran" if life.running else ""


def _coma_over(life: _Life, record: Record) -> str:
    life.coma = False
    return ""


def _switch(life: _Life, record: Record) -> str:
    life.sent = record.detail
    life.copies.add(record.host)
    return ""


def _landed(life: _Life, record: Record) -> str:
    if life.sent and record.detail != life.sent:
        return "its memory arrived damaged"
    return ""


def _disks_sent(life: _Life, record: Record) -> str:
    life.disks = record.detail
    return ""


def _disks_arrived(life: _Life, record: Record) -> str:
    if life.disks and record.detail != life.disks:
        return f"its disks are not those that it had: {record.detail}"
    return ""


def _overwritten(life: _Life, record: Record) -> str:
    return "an image that held data was overwritten"


def _deleted(life: _Life, record: Record) -> str:
    return f"an image was deleted, {record.detail}"


JUDGES: dict[str, Callable[[_Life, Record], str]] = {
    "befell": _befell,
    "run": _run,
    "halt": _halt,
    "stand-in": _stand_in,
    "create": _create,
    "end": _end,
    "define": _define,
    "undefine": _undefine,
    "coma": _coma,
    "coma-over": _coma_over,
    "switch": _switch,
    "landed": _landed,
    "disks-sent": _disks_sent,
    "disks-arrived": _disks_arrived,
    "image-overwritten": _overwritten,
    "image-deleted": _deleted,
}
