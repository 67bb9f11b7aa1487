"""How far forecasts are off, by what measuring costs: on the mock's physics.

    python -m bench.forecast [--guests 150] [--seconds 1,3,5,10] [--seed 1]

From the repository's root. Guests are made by chance: memory of 256 MiB to 8 GiB, first
passes of 4 to 16 s, 3 % to 160 % of the link's rate, in order, at random, or nine
writes of ten to a hot tenth; differences (xbzrle) armed or not. Each is measured as a
real host would measure it (so many pages looked at, and whether they changed), its
transfer is foretold, and the page-level simulation moves it. Nothing here asserts: it
prints. A link that changes, or a guest that does, is not in it: nobody foretells that.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from dataclasses import dataclass

from bench.convergence.figures import percentile
from virtmigrate.forecast import Forecast, Link, Verdict, Workload, foresee
from virtmigrate.pages import Pages
from virtmigrate.policy import Do
from virtmigrate.presets import preset
from virtmigrate_libvirt.gauge import (
    PAGES_PER_GIB,
    PLACES_A_SECOND,
    PLACES_MOST,
    one_more,
    windows,
)
from virtmigrate_libvirt.peeks import CHUNK_BYTES, PAGE_BYTES
from virtmigrate_mock import GuestSpec, Habits, Moved, distinct_mib, simulate

MIB = 1 << 20
MEMORIES_MIB = (256, 1024, 8192)
FIRST_PASS_S = (4, 4, 4, 8, 16)
WORKING_SETS = (0.02, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9)
HABITS = (Habits(), Habits(pattern="random"), Habits(pattern="random", hot_percent=10))
ENCODED = 0.01
"""What a page takes as a difference if a word of it changed."""
PAGES_A_PLACE = CHUNK_BYTES // PAGE_BYTES
LEAST_RATIO, MOST_RATIO = 0.03, 1.6
PATIENCE = 30
"""First passes after which a transfer has not converged."""
DOWNTIME_MS = 300
NEARLY = 0.01
"""Off its range by no more than this, a time is in it."""
CLAIMS = {Verdict.CONVERGES: True, Verdict.NEEDS: False, Verdict.CANNOT: False}


@dataclass(frozen=True)
class Story:
    """A guest, its link, and what came of it: MiB, MiB/s."""

    guest: GuestSpec
    link: float
    delta: bool
    moved: Moved


def stories(count: int, dice: random.Random) -> list[Story]:
    """So many guests, each moved with and without differences."""
    return [story for _ in range(count) for story in _both(*_guest(dice))]


def _guest(dice: random.Random) -> tuple[GuestSpec, float]:
    memory = dice.choice(MEMORIES_MIB)
    link = memory / dice.choice(FIRST_PASS_S)
    ratio = math.exp(dice.uniform(math.log(LEAST_RATIO), math.log(MOST_RATIO)))
    working_set = memory * dice.choice(WORKING_SETS)
    habits, age_s = dice.choice(HABITS), dice.uniform(0, 60)
    return GuestSpec(memory, working_set, ratio * link, habits, age_s), link


def _both(guest: GuestSpec, link: float) -> list[Story]:
    most_s = PATIENCE * guest.memory_mib / link
    return [
        Story(
            guest,
            link,
            delta,
            simulate(
                guest,
                link,
                downtime_ms=DOWNTIME_MS,
                xbzrle_cache_mib=guest.memory_mib if delta else 0,
                most_s=most_s,
            ),
        )
        for delta in (False, True)
    ]


def measured(guest: GuestSpec, seconds: float, dice: random.Random) -> Workload:
    """What sampling its pages finds, in the windows that a real host would use."""
    pages = round(guest.memory_mib * PAGES_PER_GIB / 1024)
    counts: dict[int, list[int]] = {}
    todo = list(windows(seconds))
    while todo:
        window = todo.pop(0)
        share = distinct_mib(guest, window) / guest.memory_mib
        counts.setdefault(window, []).append(
            sum(dice.random() < share for _ in range(pages))
        )
        more = 0 if todo else one_more({at: found[0] for at, found in counts.items()})
        todo += [more] if more else []
    memory = round(guest.memory_mib * MIB)
    places = min(PLACES_MOST, PLACES_A_SECOND * round(seconds))
    share = distinct_mib(guest, 1.0) / guest.memory_mib
    changed = sum(dice.random() < share for _ in range(places * PAGES_A_PLACE))
    return Workload(
        memory_bytes=memory,
        curve=tuple(
            (float(window), round(statistics.fmean(found) / pages * memory))
            for window, found in sorted(counts.items())
        ),
        looked_at=tuple(pages * len(found) for _, found in sorted(counts.items())),
        pages=Pages(
            looked_at=places * PAGES_A_PLACE,
            zero=0,
            changed=changed,
            difference=ENCODED,
        ),
    )


def foretold(story: Story, seconds: float, dice: random.Random) -> Forecast:
    """Its forecast, after so many seconds of measuring."""
    policy = preset("virsh").limited(
        max_downtime_ms=DOWNTIME_MS,
        max_total_s=PATIENCE * story.guest.memory_mib / story.link,
    )
    workload = measured(story.guest, seconds, dice)
    link = Link(story.link, "as it is")
    able = frozenset(Do)
    return foresee(workload, policy, link, able, runs=True, delta=story.delta)


@dataclass(frozen=True)
class Seen:
    """What some forecasts were worth: shares, ms, and counts of verdicts."""

    median_error: float
    p95_error: float
    in_range: float
    right: int
    unknown: int
    wrong: int
    median_stop_ms: float
    median_sent: float
    p95_sent: float

    @classmethod
    def of(cls, told: list[tuple[Story, Forecast]]) -> Seen:
        """Each forecast beside what came."""
        pairs = [(f, s.moved) for s, f in told if f.total_s and s.moved.converged]
        errors = [abs(f.total_s / moved.total_s - 1) for f, moved in pairs]
        stops = [abs(f.downtime_ms - moved.downtime_ms) for f, moved in pairs]
        sent = [abs(f.sent_bytes / MIB / moved.bytes_mib - 1) for f, moved in pairs]
        within = [
            f.total_range_s[0] <= moved.total_s * (1 + NEARLY)
            and moved.total_s <= f.total_range_s[1] * (1 + NEARLY)
            for f, moved in pairs
        ]
        claims = [(CLAIMS.get(f.verdict), s.moved.converged) for s, f in told]
        right = sum(said == came for said, came in claims)
        unknown = sum(said is None for said, _ in claims)
        return cls(
            statistics.median(errors),
            percentile(errors, 0.95),
            statistics.fmean(within),
            right,
            unknown,
            len(told) - right - unknown,
            statistics.median(stops),
            statistics.median(sent),
            percentile(sent, 0.95),
        )

    def __str__(self) -> str:
        return (
            f"{self.median_error:8.1%}{self.p95_error:8.1%}{self.in_range:9.0%}"
            f"{self.right:8}{self.unknown:9}{self.wrong:7}"
            f"{self.median_stop_ms:8.0f} ms{self.median_sent:8.1%}"
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--guests", type=int, default=150)
    parser.add_argument("--seconds", default="1,2,3,5,7,10,20")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    every = stories(asked.guests, random.Random(asked.seed))
    print(f"{len(every)} transfers, {sum(s.moved.converged for s in every)} converge")
    print(
        "                          error           in its    verdict"
        "                     stop   bytes"
    )
    print(
        "measured   armed         median     p95    range   right  unknown  wrong"
        "      off     off"
    )
    for seconds in map(float, asked.seconds.split(",")):
        for delta in (False, True):
            dice = random.Random(asked.seed)
            some = [story for story in every if story.delta is delta]
            began = time.perf_counter()
            told = [(story, foretold(story, seconds, dice)) for story in some]
            each_ms = 1000 * (time.perf_counter() - began) / len(some)
            name = "differences" if delta else "nothing"
            print(f"{seconds:6g} s   {name:<14}{Seen.of(told)}   {each_ms:.0f} ms each")


if __name__ == "__main__":
    main()
