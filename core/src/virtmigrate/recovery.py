"""Bring a migration to an end whose controller died: journal in, settlement out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from virtmigrate.adjudication import Told
from virtmigrate.context import Captured
from virtmigrate.errors import JournalError
from virtmigrate.host import Definitions, RunState, Sighting
from virtmigrate.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from virtmigrate.journal import Body, Record
    from virtmigrate.plan import Plan

UNDO_CONFIGURATION = ("restore_source", "undo_persist")
"""Steps that put definitions as asked, in the order that never leaves none."""
REMOVES = "remove_source_disks"


@dataclass(slots=True)
class Remembered:
    """What the journal tells of one migration.

    Attributes:
        told: How far it had come.
        performing: Seconds since the epoch when perform began; None = it did not.
        captured: Both sides before anything was touched; None = it had not begun.
        landing: State in which the guest was to be left; None = COMMIT, which decides
            it, was not written.
        suspended: Whether we paused it at the source.
        prepared: Whether the destination may have been touched.
        notes: The plugin's own.
        done: Steps whose record is there.
        owed: What was put off, in its order.
    """

    told: Told = Told.BEGUN
    performing: float | None = None
    captured: Captured | None = None
    landing: RunState | None = None
    suspended: bool = False
    prepared: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    owed: list[str] = field(default_factory=list)

    def left(self, plan: Plan) -> tuple[str, ...]:
        """Hooks of the plan that undo configuration and are not recorded as done."""
        hooks = {step.hook for step in plan.steps} - self.done
        return tuple(h for h in UNDO_CONFIGURATION if h in hooks)

    def removes(self, plan: Plan) -> bool:
        """Whether the source's images were to be removed, and are not yet."""
        return REMOVES in {step.hook for step in plan.steps} - self.done


def remember(records: Iterable[Record]) -> Remembered:
    """Read a migration's records. Pure.

    Raises:
        JournalError: A record is not of the form that this version writes.
    """
    state = Remembered()
    for record in records:
        try:
            _take(state, record)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"record {record.seq} ({record.kind}) can't be understood: {error}"
            raise JournalError(msg, subject=str(record.seq)) from error
    return state


def _take(state: Remembered, record: Record) -> None:
    taker = TAKERS.get(record.kind)
    if taker is not None:
        taker(state, record.body)
    if state.told is Told.PERFORM_INTENDED and state.performing is None:
        state.performing = record.at


def _take_capture(state: Remembered, body: Body) -> None:
    state.captured = _captured(body)


def _take_intent(state: Remembered, body: Body) -> None:
    step = body.get("step")
    state.suspended |= step == "enter_coma"
    state.prepared |= step == "prepare"
    if step == "perform":
        state.told = Told.PERFORM_INTENDED


def _take_suspension(state: Remembered, body: Body) -> None:
    del body
    state.suspended = True


def _take_notes(state: Remembered, body: Body) -> None:
    notes = body.get("notes", {})
    if not isinstance(notes, dict):
        msg = "notes are no mapping"
        raise TypeError(msg)
    state.notes |= {str(key): str(value) for key, value in notes.items()}


def _take_record(state: Remembered, body: Body) -> None:
    step = str(body.get("step", ""))
    state.done.add(step)
    state.notes = {}
    _take_notes(state, body)
    if step == "perform":
        state.told = Told.PERFORMED


def _take_commit(state: Remembered, body: Body) -> None:
    state.told = Told.COMMITTED
    state.landing = RunState(str(body["landing"]))


def _take_rollback(state: Remembered, body: Body) -> None:
    del body
    if state.told is not Told.BEGUN:
        state.told = Told.ROLLING_BACK


def _take_debt(state: Remembered, body: Body) -> None:
    state.owed.append(str(body["obligation"]))


TAKERS: dict[str, Callable[[Remembered, Body], None]] = {
    "captured": _take_capture,
    "intent": _take_intent,
    "suspended": _take_suspension,
    "noted": _take_notes,
    "record": _take_record,
    "commit": _take_commit,
    "rollback": _take_rollback,
    "owed": _take_debt,
}


def remembered(captured: Captured) -> dict[str, Any]:
    """A capture as JSON data, for the journal."""

    def sighting(seen: Sighting) -> dict[str, object]:
        return {
            "state": seen.state.value,
            "persistent": seen.persistent,
            "job": seen.job,
            "why": seen.why,
        }

    def definitions(texts: Definitions) -> dict[str, object]:
        return {"live": texts.live, "persistent": texts.persistent}

    return {
        "source": sighting(captured.source),
        "definitions": definitions(captured.definitions),
        "destination": sighting(captured.destination),
        "destination_definitions": definitions(captured.destination_definitions),
    }


def _captured(body: dict[str, object]) -> Captured:
    def sighting(name: str) -> Sighting:
        part = body[name]
        if not isinstance(part, dict):
            raise TypeError(name)
        return Sighting(
            RunState(part["state"]),
            bool(part["persistent"]),
            bool(part["job"]),
            str(part["why"]),
        )

    def definitions(name: str) -> Definitions:
        part = body[name]
        if not isinstance(part, dict):
            raise TypeError(name)
        return Definitions(part["live"], part["persistent"])

    return Captured(
        sighting("source"),
        definitions("definitions"),
        sighting("destination"),
        definitions("destination_definitions"),
    )


def last_result(records: Iterable[Record]) -> Result:
    """The result that a closed migration had.

    Raises:
        JournalError: None is recorded.
    """
    ends = [record.body.get("result") for record in records if record.kind == "end"]
    try:
        return Result.model_validate(ends[-1])
    except (IndexError, ValueError) as error:
        msg = "the journal has no result of this migration"
        raise JournalError(msg) from error
