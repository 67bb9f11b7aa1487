"""Scripted misfortune: which call it strikes, and what it does there.

Kinds that fail the call: `error` (answered: it failed), `unreachable` (never carried
out), `lost-answer` (sent, no answer), `hang` (no answer for `for_s`, then lost),
`crash-host` (the host goes down with everything on it), `kill-controller` (this
process ends; in a memory world `ControllerKilled` is raised instead and its
connections are dead). Kinds that let the call go on: `delay`, and everything in
`happenings.HAPPENINGS` (an admin's action, a link's fate, damaged memory).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import (
    AnswerLost,
    BadInput,
    HostError,
    HostUnreachable,
    Side,
)
from virtmigrate_mock.happenings import ENDS, HAPPENINGS, happen, schedule
from virtmigrate_mock.state import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.state import Fault, State

FAILING = frozenset(
    ("error", "unreachable", "lost-answer", "hang", "crash-host", "kill-controller")
)
KINDS = FAILING | {"delay"} | set(HAPPENINGS)
WHENS = ("before", "after", "during")


class ControllerKilled(BaseException):
    """The controller died here (memory worlds); no `except Exception` sees it."""


def fails(fault: Fault, host: str) -> bool:
    """Whether a call to this host fails by it; a crash elsewhere is no such thing."""
    elsewhere = fault.kind == "crash-host" and fault.target not in (None, host)
    return fault.kind in FAILING and not elsewhere


def check(fault: Fault) -> Fault:
    """The fault, if it can strike at all.

    Raises:
        BadInput: Unknown kind or moment, or a count below one.
    """
    if fault.kind not in KINDS or fault.when not in WHENS:
        raise BadInput(
            f"no such fault: {fault.kind} {fault.when}",
            subject="fault",
            remedy=f"kinds: {', '.join(sorted(KINDS))}; {', '.join(WHENS)}",
        )
    if (
        fault.nth < 1
        or fault.times < 1
        or (fault.when == "during") > (fault.step == "perform")
    ):
        raise BadInput(
            "a fault that can't strike: nth and times count from 1, and only perform "
            "has a `during`",
            subject="fault",
            remedy="correct it",
        )
    return fault


def due(
    faults: Iterable[Fault], step: str, side: Side, host: str, when: str
) -> Fault | None:
    """Count this call, and find the first fault that strikes it."""
    struck: Fault | None = None
    for fault in faults:
        if fault.step != step or fault.when != when:
            continue
        if fault.side not in (None, side) or fault.host not in (None, host):
            continue
        fault.seen += 1
        if struck is None and fault.nth <= fault.seen < fault.nth + fault.times:
            struck = fault
    return struck


def befall(machine: Machine, fault: Fault, host: str, uuid: str) -> None:
    """What the fault does to the world, apart from the call that it strikes."""
    what = "crash" if fault.kind == "crash-host" else fault.kind
    if what not in HAPPENINGS:
        return
    event = Event(machine.now, what, fault.target or host, fault.guest or uuid)
    happen(machine, event)
    if fault.for_s and what in ENDS:
        _later(machine.state, event, fault.for_s)


def _later(state: State, event: Event, seconds: float) -> None:
    schedule(state, Event(event.at + seconds, ENDS[event.what], event.host))


def error_of(fault: Fault, step: str, side: Side, host: str) -> HostError | None:
    """What the caller gets to see; None if the call goes on."""
    carried_out = fault.when != "before"
    said = fault.message or f"scripted {fault.kind} {fault.when} {step}"
    if fault.kind == "error":
        return HostError(said, side=side, subject=host)
    if fault.kind == "unreachable" and not carried_out:
        return HostUnreachable(said, side=side, subject=host, remedy="bring it back")
    if fails(fault, host):
        return AnswerLost(said, side=side, subject=host, remedy="look at both hosts")
    return None
