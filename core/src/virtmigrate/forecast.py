"""What a migration will come to, before it starts: time, stop, verdict; with its basis.

The model is that of `outlook.py`: a pass that takes t leaves f(t). Here f is measured
while nothing moves yet, and the link's rate is what somebody said or what the last
migration between these hosts had. Pure.
"""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.model import Model
from virtmigrate.outlook import (
    DELTA_FROM_PASS,
    DEVICES_S,
    ENOUGH,
    STEADY,
    Curve,
    dirtied,
    rising,
)
from virtmigrate.policy import Do, Objective, Policy

MIB = 1 << 20
PASSES_MOST = 200
DELTA_GAIN = 8.0
"""So much faster goes a pass of differences, where a write changes a word of a page."""


class Workload(Model):
    """What is known of a guest's memory before it moves."""

    memory_bytes: int
    """What has to be sent at least once."""
    curve: tuple[tuple[float, int], ...] = ()
    """Distinct bytes written in so many seconds, seconds rising; empty = unknown."""
    basis: tuple[str, ...] = ()
    """How each figure was found, for people."""


class Verdict(StrEnum):
    """Whether the policy, as it stands, will bring the guest over."""

    CONVERGES = "converges"
    NEEDS = "needs"
    """Not by itself: what it would take is said."""
    CANNOT = "cannot"
    """By nothing that this hypervisor can do in flight."""
    UNKNOWN = "unknown"


class Forecast(Model):
    """The end of a transfer, foretold. None = it can't be said."""

    verdict: Verdict
    """Whether it will be over within the policy's limits."""
    way: str = ""
    """How: `pre-copy`, `post-copy`, `pause`, `stopped`."""
    total_s: float | None = None
    """Time of the transfer, to the last page; the phases around it take more."""
    downtime_ms: float | None = None
    """The guest-visible stop at the switchover."""
    sent_bytes: int | None = None
    """What will be sent."""
    bandwidth_mib_s: float | None = None
    """What the link is taken to carry."""
    dirty_mib_s: float | None = None
    """Distinct memory that the guest writes in the first second."""
    needs: tuple[str, ...] = ()
    """What would make it converge, each by itself."""
    basis: tuple[str, ...] = ()
    """Where each figure comes from."""


class Course(Model):
    """Pre-copy, walked to its end."""

    converges: bool
    """Whether a pass fits within the permitted stop."""
    total_s: float
    """Until then; else until it is seen to get nowhere."""
    stop_ms: float
    """The last stop; else the one that it would take."""
    sent_bytes: float
    """In all passes."""
    second_s: float
    """When the second pass began."""
    second_bytes: float
    """What was left for it."""


def course(
    curve: Curve, memory: float, rate: float, stop_ms: float, *, delta: bool = False
) -> Course:
    """Walk pre-copy, by the map of excesses (`outlook.py`).

    Args:
        curve: f, as (seconds, bytes); empty: nothing is written.
        memory: Bytes of the first pass.
        rate: Bytes a second.
        stop_ms: The permitted stop.
        delta: Whether rewritten pages are sent as differences from the third pass on,
            and most of each page stays as it was.
    """
    fits = min(memory, rate * stop_ms / 1000)
    excess, seconds, sent = memory - fits, 0.0, 0.0
    whole = max((amount for _, amount in curve), default=0.0)
    second = dirtied(curve, excess / rate, memory)
    converges, speed = False, rate
    for number in range(1, PASSES_MOST + 1):
        took = excess / speed
        seconds, sent = seconds + took, sent + took * rate
        found = dirtied(curve, took, memory)
        whole = max(whole, found)
        # Where the rest of the first pass lies, nobody knows: anywhere in memory. Later
        # it is caught up in the shadow of what is written; differences have none.
        shadowed = min(found, max(0.0, whole - fits))
        after = found * (1 - fits / memory) if number == 1 else shadowed
        converges = after <= ENOUGH * fits
        differs = delta and number + 1 >= DELTA_FROM_PASS
        speed = rate * DELTA_GAIN if differs else rate
        stuck = after >= STEADY * excess and not (delta and number < DELTA_FROM_PASS)
        excess = after
        if converges or stuck:
            break
    last_s = (fits + excess) / speed
    return Course(
        converges=converges,
        total_s=seconds + last_s + DEVICES_S,
        stop_ms=1000 * (last_s + DEVICES_S),
        sent_bytes=sent + last_s * rate,
        second_s=(memory - fits) / rate,
        second_bytes=min(max(whole, fits), second + fits),
    )


def foresee(
    workload: Workload,
    policy: Policy,
    bandwidth: tuple[float, str] | None,
    able: frozenset[Do],
    *,
    runs: bool,
    delta: bool = False,
) -> Forecast:
    """Foretell one transfer.

    Args:
        workload: What the guest does.
        policy: Limits and consents.
        bandwidth: MiB/s that the link carries, and who says so; None = nobody does.
        able: What can be done to the transfer (`monitor.able`).
        runs: Whether the guest runs meanwhile.
        delta: Whether rewritten pages are sent as differences.
    """
    basis = [*workload.basis]
    if bandwidth is None:
        basis.append("link: unknown; no migration between these hosts is on record")
        return Forecast(
            verdict=Verdict.UNKNOWN,
            dirty_mib_s=_per_second(workload),
            basis=tuple(basis),
        )
    basis.append(f"link: {bandwidth[0]:.0f} MiB/s, {bandwidth[1]}")
    if delta and runs and workload.curve:
        basis.append("differences (xbzrle): taken to be small, as most writes are")
    rate, memory = bandwidth[0] * MIB, float(workload.memory_bytes)
    known = {
        "bandwidth_mib_s": bandwidth[0],
        "dirty_mib_s": _per_second(workload),
        "basis": tuple(basis),
    }
    if runs and not workload.curve:
        return Forecast(verdict=Verdict.UNKNOWN, **known)
    curve = rising([(at, float(n)) for at, n in workload.curve]) if runs else ()
    limits = policy.limits
    plain = course(curve, memory, rate, limits.max_downtime_ms, delta=delta)
    way, total_s, stop_ms, sent = _way(plain, policy, rate, able, runs=runs)
    late = total_s > policy.deadline_s(workload.memory_bytes)
    if way and not late:
        return Forecast(
            verdict=Verdict.CONVERGES,
            way=way,
            total_s=total_s,
            downtime_ms=stop_ms,
            sent_bytes=int(sent),
            **known,
        )
    needs = _needs(plain, policy, rate, able, late=late)
    return Forecast(
        verdict=Verdict.NEEDS if needs else Verdict.CANNOT,
        downtime_ms=plain.stop_ms,
        needs=needs,
        **known,
    )


def _per_second(workload: Workload) -> float | None:
    if not workload.curve:
        return None
    curve = rising([(at, float(n)) for at, n in workload.curve])
    return dirtied(curve, 1.0, float(workload.memory_bytes)) / MIB


def _way(
    plain: Course, policy: Policy, rate: float, able: frozenset[Do], *, runs: bool
) -> tuple[str, float, float, float]:
    """How the policy will end it: words, seconds, ms of stop, bytes; "" = it won't."""
    if not runs:
        return "stopped", plain.total_s, 1000 * plain.total_s, plain.sent_bytes
    switched_s = plain.second_s + plain.second_bytes / rate
    sooner = plain.total_s > 1.05 * switched_s + policy.limits.max_downtime_ms / 1000
    eager = policy.objective is not Objective.GAP and sooner
    sent = rate * switched_s
    if (
        policy.consents.postcopy
        and Do.POSTCOPY in able
        and (eager or not plain.converges)
    ):
        return "post-copy", switched_s, 1000 * DEVICES_S, sent
    if plain.converges:
        return "pre-copy", plain.total_s, plain.stop_ms, plain.sent_bytes
    pause_s = plain.second_bytes / rate
    may_pause = policy.consents.pause and Do.SUSPEND in able
    if may_pause and pause_s <= policy.limits.max_switchover_s:
        return "pause", switched_s, 1000 * pause_s, sent
    return "", 0.0, 0.0, 0.0


def _needs(
    plain: Course, policy: Policy, rate: float, able: frozenset[Do], *, late: bool
) -> tuple[str, ...]:
    """What would make it converge, each by itself."""
    if late:
        return (f"--max-time {plain.total_s:.0f}", "a faster link")
    found = []
    if Do.DOWNTIME in able:
        found.append(f"--max-downtime {plain.stop_ms * 1.05:.0f}")
    if Do.POSTCOPY in able or not policy.consents.postcopy:
        found.append("--allow-postcopy")
    if Do.SUSPEND in able and not policy.consents.pause:
        pause_ms = 1000 * plain.second_bytes / rate
        found.append(f"--allow-pause (about {pause_ms:.0f} ms)")
    faster = rate * plain.stop_ms / max(1.0, policy.limits.max_downtime_ms) / MIB
    found.append(f"a link of {faster:.0f} MiB/s")
    return tuple(found) if Do.DOWNTIME in able or Do.SUSPEND in able else ()
