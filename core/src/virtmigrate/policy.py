"""A convergence policy as data: what is aimed at, within which limits, by which means.

One vocabulary for our own policy and for those of the peers (`presets.py`). A policy is
judged by `convergence.decide`, which is pure; the monitor carries out what it says.
Units are in the names; a policy always ends (`Limits`), whatever its rules say.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from virtmigrate.cache import cache_of
from virtmigrate.model import Model

GIB = 1 << 30
GB = 10**9
MS_MOST = 2_000_000
"""QEMU's own bound of the downtime limit (`MAX_MIGRATE_DOWNTIME`)."""
YEAR_S = 366 * 86400.0

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Seconds = Annotated[Number, Field(gt=0, le=YEAR_S)]
Milliseconds = Annotated[int, Field(ge=1, le=MS_MOST, strict=True)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Foreseen = Literal["diverges", "postcopy-is-sooner", "takes-much-longer", "sends-more"]
Asked = Flag | Count | tuple[str, ...]

STEP_LIMITS_S: dict[str, float] = {
    "capture": 60.0,
    "enter_coma": 60.0,
    "begin": 60.0,
    "make_disks": 120.0,
    "prepare": 240.0,
    "perform": 120.0,
    "commit": 60.0,
    "finish": 180.0,
    "restore_run_state": 60.0,
    "confirm": 120.0,
    "restore_source": 60.0,
    "undo_persist": 60.0,
    "remove_source_disks": 120.0,
    "observe": 60.0,
    "rollback": 300.0,
    "closing": 300.0,
}
"""Step to the seconds after which it raises an alarm: a third more than the longest
deadline of its calls. For perform: after the transfer must have been ended."""


class Objective(StrEnum):
    """What is to be small, where there is a choice."""

    TIME = "time"
    """The whole transfer."""
    GAP = "gap"
    """The guest-visible stop, and what post-copy makes the guest wait for."""
    BYTES = "bytes"
    """What is sent."""


class Do(StrEnum):
    """What a policy can do to a running transfer."""

    DOWNTIME = "downtime"
    """Permit a longer stop at the switchover (ms)."""
    BANDWIDTH = "bandwidth"
    """Cap what is sent (MiB/s)."""
    XBZRLE_CACHE = "xbzrle-cache"
    """Keep more of what was sent, for differences (bytes, a power of two)."""
    POSTCOPY = "postcopy"
    """Start the guest at the destination now; the rest follows on demand."""
    SUSPEND = "suspend"
    """Stop the guest until all is there."""
    ABORT = "abort"
    """End the transfer; the source runs on."""


WITH_CONSENT = {
    "postcopy": "postcopy",
    "auto_converge": "throttle",
    "auto_converge_initial_percent": "throttle",
    "auto_converge_increment_percent": "throttle",
}
"""Options that a policy wants only with the caller's consent, and which."""
WITH_A_VALUE = (Do.DOWNTIME, Do.BANDWIDTH, Do.XBZRLE_CACHE)
PAGE = 4096


class Limits(Model):
    """Between these a migration ends, one way or the other."""

    max_downtime_ms: Milliseconds = 300
    """Longest stop at the switchover that is caused on purpose."""
    max_total_s: Seconds | None = None
    """Longest transfer, from perform's start; None: see `max_total_s_per_gib`."""
    max_total_s_per_gib: Seconds | None = None
    """The same for each unit of the guest's size (`Sizing`); the smaller one holds."""
    max_switchover_s: Seconds = 30.0
    """Longest standstill of the guest before the transfer is ended, suspended by us or
    stopped by the hypervisor."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.max_total_s is None and self.max_total_s_per_gib is None:
            msg = "a policy must end: give max_total_s or max_total_s_per_gib"
            raise ValueError(msg)
        return self


class Consents(Model):
    """What the caller permits, each with its risk."""

    postcopy: Flag = False
    """A network cut after the switch can lose the guest."""
    pause: Flag = False
    """The guest may stand still for longer than `max_downtime_ms`, for up to
    `max_switchover_s`."""
    throttle: Flag = False
    """Guest CPUs may be slowed down."""


class Sizing(Model):
    """What is counted where a policy says "per GiB"."""

    unit: Literal["GiB", "GB"] = "GiB"
    """2**30 or 10**9 bytes."""
    least: Number = Field(default=0.0, ge=0, le=1 << 20)
    """A smaller guest counts as this many."""
    round_up: Flag = False
    """Whole units."""

    def of(self, size_bytes: int) -> float:
        """How many units a guest counts; one of unknown size (0) at least one."""
        units = size_bytes / (GIB if self.unit == "GiB" else GB)
        return max(self.least, math.ceil(units) if self.round_up else units) or 1.0


class Stall(Model):
    """A stall as KubeVirt finds it (VEP 248): no new low of what remains in a while."""

    margin_percent: Number = Field(gt=0, lt=100)
    """A low that is not lower by this much is none."""
    window_s: Seconds
    """How long a low counts as recent, at first."""
    decay: Number = Field(gt=0, lt=1)
    """The window shrinks by this each time it passes without a moment to act."""


class When(Model):
    """A moment: all that is given must hold."""

    after_s: Number | None = Field(default=None, ge=0, le=YEAR_S)
    """So long since the transfer began."""
    after_s_per_gib: Number | None = Field(default=None, ge=0, le=YEAR_S)
    """The same for each unit of size."""
    passes_above: Count | None = Field(default=None, ge=0, le=10**6)
    """The number of the running pass over memory is above this (1 is the first)."""
    no_progress_s: Seconds | None = None
    """What remains has not fallen from one look to the next for so long."""
    growths_above: Count | None = Field(default=None, ge=0, le=10**6)
    """What remains has grown, or was nothing, more often than this since the rule last
    acted."""
    stall: Stall | None = None
    """The transfer stalls, and what remains is at a local low."""
    outlook: Foreseen | None = None
    """What the prediction says (`outlook.py`), or what was measured (`ends.py`)."""
    lingers: Literal[True] | None = None
    """Pass after pass begins with about what `max_downtime_ms` would let through, while
    the hypervisor is permitted less."""
    queued_ms_below: Number | None = Field(default=None, gt=0, le=MS_MOST)
    """What waits in the sender's sockets is known, and gone within this."""
    mirror_lags_s: Seconds | None = None
    """Disks are copied, and what remains of them has not become less in so long, nor in
    the last quarter of the copy, although it is sent as fast as before."""


class Act(Model):
    """Something to do, and how much of it."""

    do: Do
    """What."""
    value: Count | None = Field(default=None, ge=1, le=1 << 40)
    """ms, MiB/s or bytes; None for an act without one, or one that finds its value."""
    times: Number | None = Field(default=None, gt=1, le=100)
    """A downtime of so many times what it is now."""
    fits_within: Number | None = Field(default=None, gt=0, le=10**4)
    """A downtime that lets what remains through, if that is at most so many times
    `max_downtime_ms`; never more than that itself: predictions are not exact."""

    @model_validator(mode="after")
    def _has_a_value(self) -> Self:
        given = sum(x is not None for x in (self.value, self.times, self.fits_within))
        wanted = int(self.do in WITH_A_VALUE)
        found = self.do is Do.DOWNTIME  # the only one that may find its value
        if given != wanted or (wanted and not found and self.value is None):
            msg = f"{self.do} takes {'one value' if wanted else 'no value'}"
            raise ValueError(msg)
        cache = self.value if self.do is Do.XBZRLE_CACHE else None
        if cache and (cache < PAGE or cache.bit_count() > 1):
            msg = f"{self.do} is a power of two, {PAGE} or more"
            raise ValueError(msg)
        return self


class Rule(Model):
    """At a moment do the first thing of a ladder that is permitted and possible."""

    id: Name
    """Told when it acts."""
    when: When
    """The moment."""
    words: str = Field(default="", max_length=100)
    """Told before the reason."""
    ladder: tuple[Act, ...] = Field(min_length=1)
    """Best first."""
    limit: Literal["", "max_downtime", "max_total", "max_switchover"] = ""
    """The limit that it upholds, where it does."""
    objectives: tuple[Objective, ...] = ()
    """Only where the policy aims at one of these; none: always."""
    repeats: Flag = False
    """Whether it may act more than once."""


def _ends_in_abort(ladder: tuple[Do, ...]) -> tuple[Do, ...]:
    if not ladder or ladder[-1] is not Do.ABORT:
        msg = "the last thing to do at the deadline is abort: a policy always ends"
        raise ValueError(msg)
    return ladder


class Policy(Model):
    """How one migration is brought to an end."""

    name: Name
    """Of the preset, or of the caller's choosing."""
    summary: str = Field(default="", max_length=400)
    """What it does, for people."""
    read_from: str = Field(default="", max_length=400)
    """Peer and version that a preset reproduces."""
    differs: str = Field(default="", max_length=400)
    """Where it can't be, or should not be, as the peer's."""
    objective: Objective = Objective.TIME
    """What is to be small."""
    limits: Limits
    """When it ends."""
    consents: Consents = Consents()
    """What is permitted."""
    sizing: Sizing = Sizing()
    """What "per GiB" counts."""
    alarms_s: dict[str, Seconds] = {}
    """Seconds after which a step raises an alarm, instead of `STEP_LIMITS_S`."""
    asks: dict[str, Asked] = {}
    """Options that it wants where the request leaves them open and both hosts can."""
    differences: Flag = False
    """Whether it also wants rewritten pages sent as differences (xbzrle), with a cache
    as large as the guest's memory, up to `CACHE_MOST` and `CACHE_SHARE` of what the
    source has free; from `DIFFERENCES_FROM` on."""
    compresses: Flag = False
    """Whether it wants several streams compressed (zstd) where that pays, and, by what
    was measured, rather these than differences (`streams.py`)."""
    at_start: tuple[Act, ...] = ()
    """Done as soon as the transfer runs."""
    rules: tuple[Rule, ...] = ()
    """In this order; the first that can act does."""
    at_deadline: Annotated[tuple[Do, ...], AfterValidator(_ends_in_abort)] = (Do.ABORT,)
    """What is done when `max_total` is over: the first that is permitted."""
    stop_share: Number = Field(default=1.0, gt=0, le=1)
    """So much of `max_downtime_ms` the hypervisor is told at first. It counts memory
    that is left, not what lies in sockets and queues, nor what stopping takes: the rest
    is for that. A rule may permit more of it later."""
    looks_every_s: Number = Field(default=0.0, ge=0, le=3600)
    """How often the peer looks; 0 = at each sample."""
    origins: dict[str, str] = {}
    """Where a limit or consent comes from, if not from this policy: name to words."""

    def __hash__(self) -> int:
        """By name: policies are compared as a whole."""
        return hash(self.name)

    @property
    def aimed(self) -> tuple[Rule, ...]:
        """Its rules for what it aims at, in their order."""
        return tuple(
            rule
            for rule in self.rules
            if not rule.objectives or self.objective in rule.objectives
        )

    @property
    def foresees(self) -> bool:
        """Whether any of its rules goes by a prediction."""
        return any(rule.when.outlook for rule in self.rules)

    def deadline_s(self, size_bytes: int, disk_bytes: int = 0) -> float:
        """Seconds of transfer after which it ends, for a guest of this size.

        Args:
            size_bytes: Its memory.
            disk_bytes: Of disks that are copied with it.
        """
        limits = self.limits
        each = limits.max_total_s_per_gib
        by_size = (
            None
            if each is None
            else each * (self.sizing.of(size_bytes) + disk_bytes / GIB)
        )
        given = [x for x in (limits.max_total_s, by_size) if x is not None]
        return min(given)

    def origin(self, name: str) -> str:
        """Where a limit comes from: `request`, or this policy by name."""
        return self.origins.get(name, f"policy {self.name}")

    def limited(
        self, *, max_downtime_ms: int | None = None, max_total_s: float | None = None
    ) -> Policy:
        """The same with limits of the request's own.

        Args:
            max_downtime_ms: Longest stop at the switchover, 1-2,000,000.
            max_total_s: Longest transfer, seconds; replaces a limit by size.

        Raises:
            pydantic.ValidationError: A limit is out of range.
        """
        changed: dict[str, object] = {}
        if max_downtime_ms is not None:
            changed["max_downtime_ms"] = max_downtime_ms
        if max_total_s is not None:
            changed |= {"max_total_s": max_total_s, "max_total_s_per_gib": None}
        if not changed:
            return self
        limits = Limits.model_validate({**self.limits.model_dump(), **changed})
        named = {name: "request" for name in changed if changed[name] is not None}
        update = {"limits": limits, "origins": {**self.origins, **named}}
        return self.model_copy(update=update)

    def allowing(
        self,
        *,
        postcopy: bool | None = None,
        pause: bool | None = None,
        throttle: bool | None = None,
    ) -> Policy:
        """The same with consents of the request's own; None leaves one as it is."""
        given = {"postcopy": postcopy, "pause": pause, "throttle": throttle}
        said = {name: answer for name, answer in given.items() if answer is not None}
        if not said:
            return self
        origins = {**self.origins, **{f"allow_{name}": "request" for name in said}}
        return self.model_copy(
            update={
                "consents": self.consents.model_copy(update=said),
                "origins": origins,
            }
        )

    def wishes(
        self,
        memory_bytes: int = 0,
        free_bytes: int | None = None,
    ) -> dict[str, Asked]:
        """Options to ask for: its own, and what its consents need to be of use.

        What needs a consent that it does not have is not wanted.

        Args:
            memory_bytes: The guest's memory, where it is known and goes in one stream.
            free_bytes: What the source can give of its memory; None = unknown.
        """
        wanted: dict[str, Asked] = {}
        if self.consents.postcopy:
            wanted["postcopy"] = True
        elif self.consents.throttle:
            wanted["auto_converge"] = True
        wanted |= {
            name: value
            for name, value in self.asks.items()
            if not value or self._consents_to(name)
        }
        stop_ms = self.limits.max_downtime_ms
        if self.differences and (cache := cache_of(memory_bytes, free_bytes, stop_ms)):
            wanted["compression_methods"] = ("xbzrle",)
            wanted["compression_xbzrle_cache_bytes"] = cache
        return wanted

    def _consents_to(self, option: str) -> bool:
        return bool(getattr(self.consents, WITH_CONSENT.get(option, ""), True))
