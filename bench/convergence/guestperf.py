"""The comparisons of QEMU's guestperf, scaled to this link: one row each.

guestperf (``tests/migration-stress/guestperf``) has ten comparisons of 38 scenarios for
a machine with KVM. Here the same questions are put through virsh to a guest of 256 MiB
that rewrites whole pages at 1.5 times the link's rate, and each is measured as every
other cell. Bandwidths are points of V/B, the time that its memory takes on the link.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.convergence.scenarios import LINK_MIB_S, MEMORY_MIB, Scenario, guest
from bench.convergence.strategies import (
    AFTER_PASS,
    PAUSE,
    POSTCOPY,
    THROTTLE,
    Strategy,
    virsh,
)

BANDWIDTHS_S = (20.0, 7.0, 2.0, 0.5, 0.25)
"""V/B of 12, 37, 125, 1250 and 12500 MiB/s, seconds: from a crawl to no limit."""
PASSES_S = 4.0
"""A cell's deadline in units of V/B, where that is more than the usual one."""

DIRTY_LIMIT = "QEMU 8.1 (dirty-limit) and a libvirt that knows it"
ZSTD = "libvirt 9.4 (compression of parallel migration; QEMU 7.2 has it)"


@dataclass(frozen=True)
class Point:
    """One row.

    Args:
        comparison: guestperf's name for it.
        point: The value that varies.
        scenario: What moves on which link.
        strategy: How; None: it is not to be had here.
        needs: What it would need.
    """

    comparison: str
    point: str
    scenario: Scenario
    strategy: Strategy | None = None
    needs: str = ""


def _link(seconds: float) -> Scenario:
    """The guest on a link on which its memory takes so long."""
    rate = MEMORY_MIB / seconds
    return Scenario(
        f"G-{rate:.3g}",
        f"whole pages at r = 1.5 of 64 MiB/s, link {rate:.3g} MiB/s",
        guest(1.5, pattern="dense"),
        "guestperf",
        needs=(POSTCOPY, PAUSE) if rate <= 1.5 * LINK_MIB_S else (),
        deadline_s=max(30.0, PASSES_S * seconds),
        link_mib_s=rate,
    )


USUAL = _link(MEMORY_MIB / LINK_MIB_S)


def _row(
    comparison: str, point: object, words: str, *uses: str, on: Scenario = USUAL
) -> Point:
    name = f"{comparison}-{point}"
    return Point(comparison, str(point), on, virsh(name, words, *uses))


def _then(comparison: str, point: int, command: str, words: str, uses: str) -> Point:
    made = virsh(f"{comparison}-{point}", words, uses)
    strategy = replace(made, then=command, after_pass=point)
    return Point(comparison, str(point), USUAL, strategy)


def _not_here(comparison: str, needs: str, *points: object) -> list[Point]:
    return [Point(comparison, str(point), USUAL, None, needs) for point in points]


def _xbzrle(percent: int) -> str:
    cache = f"--comp-xbzrle-cache {{cache:{percent}}}"
    return f"--compressed --comp-methods xbzrle {cache}"


THREADS = "--compressed --comp-methods mt --comp-mt-threads"
CHANNELS = "--parallel --parallel-connections"
STEP = "--auto-converge --auto-converge-increment"

POINTS = [
    *(_then("pause-iters", n, "suspend", "", PAUSE) for n in (0, 1, 5, 20)),
    *(
        _row("post-copy-bandwidth", f"{s:g}s", AFTER_PASS, POSTCOPY, on=_link(s))
        for s in BANDWIDTHS_S
    ),
    *(
        _then("post-copy-iters", n, "migrate-postcopy", "--postcopy", POSTCOPY)
        for n in (0, 1, 5, 20)
    ),
    *(
        _row("auto-converge-iters", step, f"{STEP} {step}", THROTTLE)
        for step in (5, 10, 20)
    ),
    *(
        _row("auto-converge-bandwidth", f"{s:g}s", f"{STEP} 10", THROTTLE, on=_link(s))
        for s in BANDWIDTHS_S
    ),
    *(_row("compr-mt", n, f"{THREADS} {n}") for n in (1, 2, 4)),
    *(_row("compr-xbzrle", f"{n}%", _xbzrle(n)) for n in (5, 10, 20, 50)),
    *(_row("compr-multifd", n, f"{CHANNELS} {n}") for n in (4, 8, 32, 64)),
    *_not_here("compr-dirty-limit-period", DIRTY_LIMIT, "500ms", "800ms", "1000ms"),
    *_not_here("compr-dirty-limit", DIRTY_LIMIT, "10MB/s", "20MB/s", "50MB/s"),
]
"""guestperf's 38."""

SUCCESSORS = _not_here("multifd-zstd (after compr-mt)", ZSTD, 1, 2, 4)
"""QEMU 9.1 dropped compr-mt; this is what takes its place."""
