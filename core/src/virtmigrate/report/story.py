"""What happened in one migration, by its journal: series, marks, limits. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from virtmigrate.report import reading
from virtmigrate.report.timeline import Moment, timeline
from virtmigrate.wording import LIMITS, MIB, deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.journal import Entry, Journal, Record
    from virtmigrate.report.reading import Json

OPEN = "not over"
GIB, GB = 1 << 30, 10**9


@dataclass(frozen=True, slots=True)
class Point:
    """One sample. None = the hypervisor did not say.

    Attributes:
        at_s: Seconds since the migration's start.
        remaining_mib: Left to be sent.
        percent: 0-100, where it counts nothing else.
        sent_mib: Sent so far.
        dirty_mib_s: What the guest rewrites.
        bandwidth_mib_s: What is sent.
        throttle_percent: Of the guest's CPUs.
        iteration: Passes over memory so far.
        postcopy: Whether post-copy had begun.
        disks_mib: Left to be sent of the disks that are copied.
    """

    at_s: float
    remaining_mib: float | None
    percent: float | None
    sent_mib: float | None
    dirty_mib_s: float | None
    bandwidth_mib_s: float | None
    throttle_percent: float | None
    iteration: int | None
    postcopy: bool
    disks_mib: float | None


class Kind(StrEnum):
    """What a mark on the time axis stands for."""

    BOUNDARY = "boundary"
    """A pass over memory ends, and the next begins."""
    ACTION = "action"
    COMMIT = "commit"
    LANDED = "landed"
    ROLLBACK = "rollback"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment.

    Attributes:
        at_s: Seconds since the migration's start.
        kind: What it stands for.
        label: A few words.
        why: The reason, "" where none is told.
    """

    at_s: float
    kind: Kind
    label: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit that was in force.

    Attributes:
        name: Its field in the policy.
        value: How much.
        unit: Of the value.
        origin: `request`, or a policy by name.
    """

    name: str
    value: float
    unit: str
    origin: str


@dataclass(frozen=True, slots=True)
class Story:
    """One migration. All texts are free of secrets and control characters.

    Attributes:
        migration: Its id.
        guest: Name at the source.
        uuid: Identity.
        source: URI.
        destination: URI.
        opened: Seconds since 1970.
        ended_s: Seconds from the start to the last record; None = nothing was written.
        outcome: How it ended, or that it is not over.
        reason: Why, one sentence.
        digest: Of the plan, as it is in the journal.
        transfer_s: When perform began, seconds since the start; None = it did not.
        transferred_s: When the last page was there; None = it did not come to that.
        points: The samples, oldest first.
        marks: What happened, oldest first.
        limits: Those of the policy; none where the plan has no policy.
        deadline_s: When max time is over, seconds since the start; None = no limit.
        plan: The whole plan, as JSON data.
        result: The result, as JSON data; empty while there is none.
    """

    migration: str
    guest: str
    uuid: str
    source: str
    destination: str
    opened: float
    ended_s: float | None
    outcome: str
    reason: str
    digest: str
    transfer_s: float | None
    transferred_s: float | None
    points: tuple[Point, ...]
    marks: tuple[Mark, ...]
    limits: tuple[Limit, ...]
    deadline_s: float | None
    plan: Json
    result: Json

    @property
    def counts(self) -> Literal["bytes", "percent", "nothing"]:
        """What the hypervisor's progress counted."""
        if any(point.remaining_mib is not None for point in self.points):
            return "bytes"
        known = any(point.percent is not None for point in self.points)
        return "percent" if known else "nothing"

    @property
    def silence(self) -> str:
        """Why there is nothing to plot; "" where there is something."""
        if self.counts != "nothing":
            return ""
        if self.points:
            return "the hypervisor said nothing about the transfer"
        if self.transfer_s is None:
            return "no transfer began"
        # Whether it said nothing or nobody wrote it down can't be told any more.
        return "the journal holds no samples of the transfer"

    def of_kind(self, *kinds: Kind) -> tuple[Mark, ...]:
        """Marks of these kinds."""
        return tuple(mark for mark in self.marks if mark.kind in kinds)

    def limit(self, name: str) -> Limit | None:
        """A limit by the name of its field."""
        return next((each for each in self.limits if each.name == name), None)

    def to_json(self) -> dict[str, object]:
        """All of it as JSON data."""
        return {**asdict(self), "counts": self.counts}


def story_of(journal: Journal, migration: str) -> Story:
    """Read one migration from a journal.

    Args:
        journal: Where it is.
        migration: Its whole id.

    Raises:
        JournalError: It is not there, or can't be trusted.
    """
    entry = next((e for e in journal.entries() if e.migration == migration), None)
    plan = journal.plan(migration)
    if entry is None:  # pragma: no cover - plan() has refused it
        raise KeyError(migration)
    data = plan.model_dump(mode="json")
    return tell(entry, data, journal.records(migration), digest=plan.digest())


def tell(
    entry: Entry, plan: Json, records: Sequence[Record], *, digest: str = ""
) -> Story:
    """Make a story of what a journal holds.

    Args:
        entry: The migration.
        plan: Its plan as JSON data.
        records: All of its records, oldest first.
        digest: Of the plan.
    """
    cleaned = reading.clean(plan)
    plan = cleaned if isinstance(cleaned, dict) else {}
    moments = timeline(records, entry.opened)
    points = _points(moments)
    result = _result(moments)
    began = _step_s(moments, "intent", "perform")
    limits = _limits(reading.inner(plan, "policy"))
    length = _deadline(reading.inner(plan, "policy"), _size(plan, points))
    return Story(
        migration=_line(entry.migration),
        guest=_line(entry.guest),
        uuid=_line(entry.uuid),
        source=_line(entry.source),
        destination=_line(entry.destination),
        opened=entry.opened,
        ended_s=moments[-1].at_s if moments else None,
        outcome=reading.text(result, "outcome") or _line(entry.outcome) or OPEN,
        reason=reading.text(result, "reason"),
        digest=digest,
        transfer_s=began,
        transferred_s=_transferred(moments, points),
        points=points,
        marks=_marks(moments, points, plan, result),
        limits=limits,
        deadline_s=None if length is None else (began or 0.0) + length,
        plan=plan,
        result=result,
    )


def _line(text: str) -> str:
    return str(reading.clean(text))


def _result(moments: Sequence[Moment]) -> Json:
    ends = [m.body for m in moments if m.kind == "end"]
    return reading.inner(ends[-1], "result") if ends else reading.NOTHING


def _points(moments: Sequence[Moment]) -> tuple[Point, ...]:
    return tuple(_point(m) for m in moments if m.kind == "sample")


def _point(moment: Moment) -> Point:
    body = moment.body
    percent = reading.number(body, "percent")
    passes = reading.number(body, "iteration")
    return Point(
        at_s=moment.at_s,
        remaining_mib=_mib(body, "remaining_bytes"),
        percent=None if percent is None else min(percent, 100.0),
        sent_mib=_mib(body, "processed_bytes"),
        dirty_mib_s=_mib(body, "dirty_bytes_s"),
        bandwidth_mib_s=_mib(body, "bandwidth_bytes_s"),
        throttle_percent=reading.number(body, "throttle_percent"),
        iteration=None if passes is None else int(passes),
        postcopy=body.get("postcopy") is True,
        disks_mib=(
            _mib(body, "disk_remaining_bytes") if body.get("disk_total_bytes") else None
        ),
    )


def _mib(body: Json, name: str) -> float | None:
    value = reading.number(body, name)
    return None if value is None else value / MIB


def _step_s(moments: Sequence[Moment], kind: str, *steps: str) -> float | None:
    """When the last record of a step was written."""
    found = [m for m in moments if m.kind == kind and m.body.get("step") in steps]
    return found[-1].at_s if found else None


def _transferred(moments: Sequence[Moment], points: Sequence[Point]) -> float | None:
    """Perform's end; with post-copy finish's, which waits for the last page."""
    after = "finish" if any(point.postcopy for point in points) else "perform"
    return _step_s(moments, "record", after)


def _marks(
    moments: Sequence[Moment], points: Sequence[Point], plan: Json, result: Json
) -> tuple[Mark, ...]:
    marks = [*_passes(points), *(m for m in map(_mark, moments) if m is not None)]
    landed = _landed_s(moments, plan, result)
    if landed is not None:
        marks.append(Mark(landed, Kind.LANDED, "landed", "it is at the destination"))
    return tuple(sorted(marks, key=lambda mark: mark.at_s))


def _mark(moment: Moment) -> Mark | None:
    body, at_s = moment.body, moment.at_s
    if moment.kind == "acted":
        value = reading.number(body, "value")
        label = deed(reading.text(body, "action"), value and f"{value:g}")
        return Mark(at_s, Kind.ACTION, label, reading.text(body, "why"))
    if moment.kind == "commit":
        why = "from here only forward"
        return Mark(at_s, Kind.COMMIT, "COMMIT", why)
    if moment.kind == "rollback":
        return Mark(at_s, Kind.ROLLBACK, "roll back", reading.text(body, "why"))
    if moment.kind == "fault":
        label = f"fault in {reading.text(body, 'step') or 'the engine'}"
        return Mark(at_s, Kind.FAULT, label, reading.text(body, "message"))
    return None


def _passes(points: Sequence[Point]) -> list[Mark]:
    """Where one pass over memory ends and the next begins."""
    marks: list[Mark] = []
    last: int | None = None
    for point in points:
        if point.iteration is None:
            continue
        if last is not None and point.iteration > last:
            marks.append(Mark(point.at_s, Kind.BOUNDARY, f"pass {point.iteration}"))
        last = max(last or 0, point.iteration)
    return marks


def _landed_s(moments: Sequence[Moment], plan: Json, result: Json) -> float | None:
    """When the guest was in its final state; by the steps where no result says it."""
    landed = reading.number(reading.inner(result, "timing"), "landed_ms")
    if landed is not None:
        return landed / 1000
    if not any(m.kind == "commit" for m in moments):
        return None
    hooks = {reading.text(step, "hook") for step in reading.inners(plan, "steps")}
    lands_with = "restore_run_state" if "restore_run_state" in hooks else "finish"
    return _step_s(moments, "record", lands_with)


def _limits(policy: Json) -> tuple[Limit, ...]:
    given = reading.inner(policy, "limits")
    found = []
    for name in LIMITS:
        value = reading.number(given, name)
        if value is not None:
            unit = "ms" if name.endswith("_ms") else "s"
            unit = "s per GiB" if name.endswith("_per_gib") else unit
            found.append(Limit(name, value, unit, origin(policy, name)))
    return tuple(found)


def origin(policy: Json, name: str) -> str:
    """Where a limit or consent of a policy comes from, in words."""
    said = reading.text(reading.inner(policy, "origins"), name)
    return said or f"policy {reading.text(policy, 'name')}".rstrip()


def _size(plan: Json, points: Sequence[Point]) -> float | None:
    """Bytes to be moved: as measured before, else what the first samples show."""
    known = reading.number(reading.inner(plan, "workload"), "memory_bytes")
    lefts = (p.remaining_mib for p in points if p.remaining_mib is not None)
    return known or next((left * MIB for left in lefts), None)


def _deadline(policy: Json, size_bytes: float | None) -> float | None:
    """Seconds of transfer after which it ends: the smaller of the two limits."""
    given = reading.inner(policy, "limits")
    found = [reading.number(given, "max_total_s")]
    each = reading.number(given, "max_total_s_per_gib")
    if each is not None and size_bytes is not None:
        sizing = reading.inner(policy, "sizing")
        units = size_bytes / (GB if reading.text(sizing, "unit") == "GB" else GIB)
        if sizing.get("round_up") is True:
            units = float(-(-units // 1))
        found.append(each * max(units, reading.number(sizing, "least") or 0.0))
    return min((x for x in found if x is not None), default=None)
