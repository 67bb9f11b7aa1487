"""What virtmigrate costs, and what it saves: side by side with libvirt's own call.

    python bench/overhead.py [--pairs 10] [--json FILE]     real hosts and the core
    python bench/overhead.py --core                         the core alone, on mocks
    python bench/overhead.py --slow-init                    hosts without a reaping init

The same guest goes from a to b and back by bare `migrate3` and by virtmigrate, turn by
turn, in one run; a heartbeat outside the guest tells when it ran where. Ratios are of
pairs, with their spread. Nothing here asserts: it prints.

libvirt's confirm waits until the source's QEMU has been buried. Lab hosts bury it at
once, as a machine's init does; `--slow-init` leaves that to what adopts orphans here,
which in a container may take seconds and makes every stop of a guest that much longer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

GUEST = "bench"
SIZE = {"memory": 64, "working_set": 8}
"""MiB, on real hosts and on mocks."""
IMPORTS = 7
IMPORTED = {
    "import virtmigrate": "goal < 0.3",
    "from virtmigrate import Migrator": "its models included",
}
CORE_RUNS, CORE_TURNS = 200, 15
"""Migrations in a turn; the machine's speed differs from turn to turn."""
LOOP = 1_000_000


@dataclass
class Move:
    """One migration, ms: the call, the first beat at the destination, the silence."""

    total_ms: float
    landed_ms: float
    gap_ms: float


def real_hosts(pairs: int) -> dict[str, list[dict[str, float]]]:
    """Interleaved moves of one guest by both ways."""
    import libvirt

    from virtmigrate import Migrator
    from virtmigrate.sqlite_journal import SQLiteJournal
    from virtmigrate_lab import Lab

    libvirt.registerErrorHandler(lambda *_: None, None)
    moves: dict[str, list[dict[str, float]]] = {"migrate3": [], "virtmigrate": []}
    with tempfile.TemporaryDirectory(prefix="vm-bench-", dir="/tmp") as scratch:
        journal = SQLiteJournal(Path(scratch) / "state" / "journal.db")
        migrator = Migrator(journal=journal)
        with Lab.up("2", state_dir=Path(scratch) / "lab") as lab:
            lab.guest_start(
                GUEST,
                host="a",
                dirty_rate_mib_s=4,
                **{f"{k}_mib": n for k, n in SIZE.items()},
            )
            uris = {name: host.uri for name, host in lab.hosts.items()}
            bare = {name: libvirt.open(uri) for name, uri in uris.items()}
            flags = (
                libvirt.VIR_MIGRATE_LIVE
                | libvirt.VIR_MIGRATE_PERSIST_DEST
                | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
            )

            def by_call(here: str, there: str) -> None:
                domain = bare[here].lookupByName(GUEST)
                domain.migrate3(bare[there], {}, flags)

            def by_us(here: str, there: str) -> None:
                migrator.migrate(
                    GUEST, uris[here], uris[there]
                ).raise_unless_succeeded()

            ways = {"migrate3": by_call, "virtmigrate": by_us}
            here, there = "a", "b"
            for turn in range(-1, pairs):
                # Each pair begins with the other way than the one before it.
                order = list(ways)[:: 1 if turn % 2 else -1]
                for way in order:
                    move = measured(lab, ways[way], here, there)
                    if turn >= 0:  # the first pair only warms up
                        moves[way].append(asdict(move))
                    here, there = there, here
            report = lab.guest_check(GUEST)
            if not report.ok:
                sys.exit(f"the guest is not well: {report.problems}")
            for connection in bare.values():
                connection.close()
    return moves


def measured(lab, move, here: str, there: str) -> Move:
    """One move, timed from outside."""
    began = lab.now()
    move(here, there)
    total = lab.now() - began
    time.sleep(0.3)  # the observer writes its record a few times a second
    windows = lab.guests.heartbeat(GUEST).windows(began)
    landed = min(w.first for w in windows if w.host == there) - began
    report = lab.guest_check(GUEST, since=began, verify=False)
    return Move(total * 1000, landed * 1000, report.longest_silence_ms)


def spread(values: list[float]) -> str:
    """Median and middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:8.2f}  [{low:.2f} .. {high:.2f}]"


def print_real(moves: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """The table, and the three figures that count."""
    ours, theirs = moves["virtmigrate"], moves["migrate3"]
    print(f"\nReal hosts: {len(ours)} pairs, 64 MiB guest; ms, median [middle half]")
    for way, rows in moves.items():
        for key in ("total_ms", "landed_ms", "gap_ms"):
            print(f"  {way:<12}{key:<11}{spread([row[key] for row in rows])}")
    pairs = list(zip(ours, theirs, strict=True))
    total = [a["total_ms"] / b["total_ms"] for a, b in pairs]
    landed = [a["landed_ms"] / b["total_ms"] for a, b in pairs]
    gap = [a["gap_ms"] - b["gap_ms"] for a, b in pairs]
    print(f"  total time, ours / bare call            {spread(total)}   goal <= 1.05")
    print(f"  ours runs there / bare call returns     {spread(landed)}   goal <= 0.5")
    print(f"  guest-visible gap, ours - bare, ms      {spread(gap)}   goal <= 20")
    return {
        "total_ratio": statistics.median(total),
        "landed_ratio": statistics.median(landed),
        "gap_difference_ms": statistics.median(gap),
    }


def core_alone() -> dict[str, float]:
    """Mock migrations a second on a virtual clock, and the import."""
    from nothing import Nothing

    from virtmigrate import Manager, MemoryJournal, Migrator
    from virtmigrate_mock import World

    world = World.create("bench", replace=True)
    world.add_guest("a", GUEST, **{f"{what}_mib": n for what, n in SIZE.items()})
    journal = MemoryJournal()
    bare = Migrator(manager=Manager([Nothing()], discover=False), journal=journal)
    physics = Migrator(journal=journal, clock=world.clock)
    ways = {
        "a hypervisor that only answers": (bare, "nothing:///{}"),
        "virtmigrate-mock, its physics": (physics, "mock://bench?host={}"),
    }
    turns: list[dict[str, float]] = []
    for _ in range(CORE_TURNS):
        speed = {"additions/us in plain Python": python_speed()}
        turns.append(speed | {what: rate_of(*way) for what, way in ways.items()})
    rates = {what: [turn[what] for turn in turns] for what in turns[0]}
    imports = {words: import_s(words) for words in IMPORTED}
    print(
        f"\nCore alone: {CORE_TURNS} turns of {CORE_RUNS} migrations, plan included;\n"
        "per second of CPU, median [middle half], goal >= 1000, and the machine's speed"
    )
    for what, values in rates.items():
        print(f"  {what:<31} {spread(values)}  best {max(values):7.1f}")
    for (words, seconds), goal in zip(imports.items(), IMPORTED.values(), strict=True):
        print(f"  {words:<37} {seconds:6.3f} s {goal}")
    medians = {what: statistics.median(values) for what, values in rates.items()}
    return {**medians, **imports}


def rate_of(migrator, uri: str) -> float:
    """Migrations a second of CPU time, there and back."""
    pairs = (uri.format("a"), uri.format("b")), (uri.format("b"), uri.format("a"))
    began = time.process_time()
    for turn in range(CORE_RUNS):
        migrator.migrate(GUEST, *pairs[turn % 2]).raise_unless_succeeded()
    return CORE_RUNS / (time.process_time() - began)


def import_s(words: str) -> float:
    """Seconds that an import takes in a fresh interpreter, median."""
    code = f"import time; t = time.perf_counter(); {words};print(time.perf_counter()-t)"
    command = [sys.executable, "-c", code]
    return statistics.median(
        float(subprocess.check_output(command, encoding="utf-8"))
        for _ in range(IMPORTS)
    )


def python_speed() -> float:
    """Additions a microsecond in a plain loop: a yardstick of the machine."""
    began, total = time.perf_counter(), 0
    for number in range(LOOP):
        total += number
    return LOOP / (time.perf_counter() - began) / 1e6


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--core", action="store_true", help="the core alone")
    parser.add_argument(
        "--slow-init",
        action="store_true",
        help="leave dead QEMUs to this machine's init",
    )
    parser.add_argument("--json", type=Path, help="write the raw figures there")
    asked = parser.parse_args()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"load {Path('/proc/loadavg').read_text(encoding='ascii').split()[0]}"
    )
    if asked.slow_init:
        os.environ["VIRTMIGRATE_LAB_REAPER"] = "off"
    figures: dict[str, object] = {} if asked.slow_init else {"core": core_alone()}
    if not asked.core:
        moves = real_hosts(asked.pairs)
        figures |= {"moves": moves, "real": print_real(moves)}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
