"""One pre-copy by itself: no world, no hosts, no clock but its own. Pure.

    simulate(GuestSpec(memory_mib=256, working_set_mib=128, dirty_rate_mib_s=32),
             link_mib_s=64)

is what QEMU 7.2 would do (`transfer.py`), in a few milliseconds.

Known gaps: whole-page (`dense`) writes under xbzrle may stop for longer than permitted
here; whether QEMU's do has not been measured. And QEMU's stops are longer by what
giving xbzrle's cache back takes (`virtmigrate.cache`): 10 ms for 128 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate_mock import memory
from virtmigrate_mock.memory import PLAIN, Habits
from virtmigrate_mock.state import Live, Transfer
from virtmigrate_mock.transfer import Conditions, Stage, advance, begin

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_S = 600.0
"""A transfer that has not ended by then never will, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """A guest, in the words of the lab's `GuestOptions`.

    Attributes:
        memory_mib: Size of its memory, MiB.
        working_set_mib: The part that it rewrites, MiB.
        dirty_rate_mib_s: How fast, MiB of touched pages a second.
        habits: In which way.
        age_s: How long it has run before: where in its working set it is then.
    """

    memory_mib: float
    working_set_mib: float = 0.0
    dirty_rate_mib_s: float = 0.0
    habits: Habits = PLAIN
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transfer came to.

    Attributes:
        total_s: From its start to its end (of the simulation, if it did not converge).
        downtime_ms: From the stop of the CPUs to the last byte and the device state.
        bytes_mib: What went over the wire.
        iterations: Passes (QEMU's dirty-sync-count).
        converged: Whether it ended by itself in time.
        throttle_percent: Of the CPUs, taken by auto-converge in the end.
    """

    total_s: float
    downtime_ms: float
    bytes_mib: float
    iterations: int
    converged: bool
    throttle_percent: int = 0


def simulate(
    guest: GuestSpec,
    link_mib_s: float | Sequence[tuple[float, float]],
    *,
    downtime_ms: float = 300.0,
    cap_mib_s: float = 0.0,
    auto_converge: bool = False,
    xbzrle_cache_mib: float = 0.0,
    most_s: float = MOST_S,
) -> Moved:
    """Move a guest by pre-copy.

    Args:
        guest: Who moves.
        link_mib_s: What goes through, MiB/s; or (seconds since the start, MiB/s) in
            their order, each from its moment on, the first from the start.
        downtime_ms: Longest stop that it may cause by itself (libvirt's default: 300).
        cap_mib_s: Most to send before the last pass, MiB/s; 0 = no cap.
        auto_converge: Whether it throttles (20 %, then 10 % more each time).
        xbzrle_cache_mib: Pages kept for xbzrle; 0 = without it.
        most_s: When to give up, s.

    Raises:
        BadInput: No memory, or no link.
    """
    rates = [(0.0, link_mib_s)] if isinstance(link_mib_s, int | float) else link_mib_s
    if not guest.memory_mib > 0 or not rates or any(rate < 0 for _, rate in rates):
        raise BadInput("a guest has memory, and a link has a rate", subject="guest")
    live = _alive(guest)
    transfer = Transfer(
        started=0.0,
        at=0.0,
        total_mib=guest.memory_mib,
        remaining_mib=guest.memory_mib,
        pass_mib=guest.memory_mib,
        downtime_ms=downtime_ms,
        cap_mib_s=cap_mib_s,
        auto_converge=auto_converge,
        xbzrle=xbzrle_cache_mib > 0,
        cache_mib=xbzrle_cache_mib,
    )
    return _moved(_run(begin(transfer, live), live, rates, most_s))


def distinct_mib(guest: GuestSpec, seconds: float) -> float:
    """MiB that a guest writes from now on in so many seconds, each page counted once.

    Args:
        guest: Who writes; nothing moves it meanwhile.
        seconds: How long it is watched.
    """
    live = _alive(guest)
    pages = memory.written(live, 0.0, guest.age_s, seconds)
    return memory.distinct(live, pages, seconds)


def _alive(guest: GuestSpec) -> Live:
    return Live(
        guest.memory_mib,
        guest.working_set_mib,
        guest.dirty_rate_mib_s,
        "",
        counter_s=guest.age_s,
        running_since=0.0,
        habits=guest.habits,
    )


def _moved(transfer: Transfer) -> Moved:
    stopped, done = transfer.stopped_at, transfer.done_at
    gap = 0.0 if stopped is None or done is None else done - stopped
    return Moved(
        total_s=transfer.at,
        downtime_ms=gap * 1000,
        bytes_mib=transfer.sent_mib,
        iterations=transfer.iteration,
        converged=done is not None,
        throttle_percent=transfer.throttle_percent,
    )


def _run(
    transfer: Transfer,
    live: Live,
    rates: Sequence[tuple[float, float]],
    most_s: float,
) -> Transfer:
    """Through each stretch of the link, until it is over."""
    ends = [at for at, _ in rates[1:]] + [most_s]
    for (_, link), end in zip(rates, ends, strict=True):
        stage = Stage.MOVING
        while stage is not Stage.DONE:
            running = transfer.stopped_at is None
            lifted = not running or not transfer.cap_mib_s
            rate = link if lifted else min(link, transfer.cap_mib_s)
            stage = advance(transfer, live, Conditions(rate, running), end)
            if stage is Stage.MOVING:
                break
        if stage is Stage.DONE or end >= most_s:
            break
    return transfer
