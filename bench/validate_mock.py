"""How well the mock's physics foretell real moves: the same guests, side by side.

    python bench/validate_mock.py [--runs 24] [--only TEXT] [--json FILE]

Real QEMU hosts with a shaped link; each guest is started, moved once by
`virsh migrate --live` (libvirt's `migrate3`), and thrown away. Its time is compared
with what `virtmigrate_mock.simulate` says of the same guest, link and downtime. Nothing
here asserts: it prints, and writes JSON.

Time is that of the transfer: libvirt's own count of the whole job, less what passed
before QEMU began to send (the start of the other QEMU; "prepare" in the table).
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

LINK_MIB_S = 64
MEMORY_MIB = 256
POLL_S = 0.02
PAGES = 256
"""Pages of a MiB."""
NEARLY = 0.97
DOUBT_S = (-0.2, -0.1, 0.0, 0.1, 0.2)
"""Where in its working set a guest writes at the start is known so exactly: what is
compared is the simulation's median over these ages."""


@dataclass(frozen=True)
class Row:
    """One setting: MiB, MiB/s, and virsh's words for the downtime."""

    working_set_mib: int
    dirty_rate_mib_s: int
    pattern: str = "sequential"
    downtime_ms: int = 300
    hot_percent: int = 0
    wave_ms: tuple[int, int] | None = None
    quiet_rate_mib_s: int = 0

    @property
    def name(self) -> str:
        """In short."""
        more = f" hot {self.hot_percent}%" if self.hot_percent else ""
        more += f" wave {self.wave_ms}" if self.wave_ms else ""
        more += f" {self.downtime_ms} ms" if self.downtime_ms != 300 else ""
        return f"{self.pattern} {self.working_set_mib}@{self.dirty_rate_mib_s}{more}"


ROWS = (
    Row(8, 0),
    Row(128, 8),
    Row(128, 16),
    Row(128, 24),
    Row(128, 32),
    Row(128, 40),
    Row(128, 48),
    Row(128, 56),
    Row(16, 96),
    Row(64, 32),
    Row(64, 48),
    Row(192, 32),
    Row(128, 16, "random"),
    Row(128, 32, "random"),
    Row(128, 48, "random"),
    Row(64, 64, "random"),
    Row(128, 64, "random", hot_percent=10),
    Row(128, 32, "dense"),
    Row(128, 48, "dense"),
    Row(128, 32, downtime_ms=100),
    Row(128, 48, downtime_ms=600),
    Row(64, 80, downtime_ms=1100),
    Row(128, 64, wave_ms=(1000, 1000), quiet_rate_mib_s=8),
    Row(128, 32, "random", downtime_ms=100),
)


def simulated(row: Row, kept: float, age_s: float) -> tuple[float, float]:
    """Total seconds and downtime, median over the doubt about the guest's age.

    Args:
        row: The setting.
        kept: Share of its rate that the real guest kept up.
        age_s: How long the guest had written at the transfer's start.
    """
    from virtmigrate_mock import GuestSpec, Habits, simulate

    habits = Habits(
        pattern=row.pattern,
        hot_percent=row.hot_percent,
        wave_ms=row.wave_ms,
        quiet_rate_mib_s=row.quiet_rate_mib_s * kept,
    )
    rate = row.dirty_rate_mib_s * kept
    found = [
        simulate(
            GuestSpec(
                MEMORY_MIB, row.working_set_mib, rate, habits, max(age_s + doubt_s, 0.0)
            ),
            LINK_MIB_S,
            downtime_ms=row.downtime_ms,
        )
        for doubt_s in DOUBT_S
    ]
    total = statistics.median(moved.total_s for moved in found)
    return total, statistics.median(moved.downtime_ms for moved in found)


def real(lab, row: Row, number: int) -> dict[str, float]:
    """Move a guest of this kind once; what libvirt counted."""
    import libvirt

    def watch() -> None:
        """Note by libvirt's count when QEMU begins to send."""
        while not over.wait(POLL_S):
            with suppress(libvirt.libvirtError):
                seen = watched.jobStats()
                if seen.get("memory_total"):
                    began.append(seen["time_elapsed"] / 1000)
                    return

    name = f"v{number}"
    began: list[float] = []
    over = threading.Event()
    settings = asdict(row)
    downtime = settings.pop("downtime_ms")
    lab.guest_start(name, host="a", memory_mib=MEMORY_MIB, **settings)
    here, there, aside = (libvirt.open(lab.hosts[host].uri) for host in "aba")
    try:
        watched = aside.lookupByName(name)
        watcher = threading.Thread(target=watch)
        domain = here.lookupByName(name)
        domain.migrateSetMaxDowntime(downtime, 0)
        time.sleep((number % 7) * 0.3)  # so that guests are not all of one age
        watcher.start()
        before = lab.guests.heartbeat(name).last_record()
        moved = domain.migrate3(there, {}, libvirt.VIR_MIGRATE_LIVE)
        stats = moved.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    finally:
        over.set()
        watcher.join()
        for connection in (here, there, aside):
            connection.close()
    gap = lab.guest_check(name, verify=False).longest_silence_ms
    after = lab.guests.heartbeat(name).last_record()
    lab.guest_stop(name)
    job_s = stats["time_elapsed"] / 1000
    prepare_s = began[0] if began else 0.0
    return {
        "total_s": job_s - prepare_s,
        "kept": kept(row, before, after),
        "age_s": age(row, before.writes / PAGES) + prepare_s,
        "prepare_s": prepare_s,
        "job_s": job_s,
        "downtime_ms": stats.get("downtime_net", stats.get("downtime", 0)),
        "gap_ms": gap,
        "processed_mib": stats["memory_processed"] / (1 << 20),
        "iterations": stats.get("memory_iteration", 0),
    }


def age(row: Row, written_mib: float) -> float:
    """How long a guest has written that has written so much."""
    if not row.dirty_rate_mib_s:
        return 0.0
    if not row.wave_ms:
        return written_mib / row.dirty_rate_mib_s
    on, off = (part / 1000 for part in row.wave_ms)
    busy, quiet = row.dirty_rate_mib_s * on, row.quiet_rate_mib_s * off
    waves, rest = divmod(written_mib, busy + quiet)
    late = max(rest - busy, 0.0) / (row.quiet_rate_mib_s or 1.0)
    return waves * (on + off) + min(rest, busy) / row.dirty_rate_mib_s + late


def kept(row: Row, before, after) -> float:
    """Share of its rate that a guest kept up, by its own count."""
    seconds = (after.clock_ms - before.clock_ms) / 1000
    rate = row.dirty_rate_mib_s
    if row.wave_ms:
        on, off = row.wave_ms
        rate = (rate * on + row.quiet_rate_mib_s * off) / (on + off)
    wanted = rate * seconds * PAGES
    share = (after.writes - before.writes) / wanted if wanted else 1.0
    # The records are some milliseconds apart from what they are about.
    return 1.0 if share > NEARLY else share


def main() -> None:
    """Run and print."""
    import libvirt

    from virtmigrate_lab import Lab

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=len(ROWS))
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--json", type=Path, help="write the figures there")
    asked = parser.parse_args()
    libvirt.registerErrorHandler(lambda *_: None, None)
    rows = [row for row in ROWS if asked.only in row.name]
    figures: list[dict[str, object]] = []
    errors: list[float] = []
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    print(f"{platform.machine()}, {LINK_MIB_S} MiB/s, {MEMORY_MIB} MiB, load {load}")
    print(
        f"{'':36}{'real s':>8}{'mock s':>8}{'error':>8}{'kept':>7}"
        f"{'gap ms':>8}{'mock':>7}"
    )
    with (
        tempfile.TemporaryDirectory(prefix="vm-bench-", dir="/tmp") as scratch,
        Lab.up("2", bandwidth_mib_s=LINK_MIB_S, state_dir=Path(scratch) / "lab") as lab,
    ):
        for number, row in enumerate(islice(cycle(rows), asked.runs)):
            seen = real(lab, row, number)
            total_s, downtime_ms = simulated(row, seen["kept"], seen["age_s"])
            error = total_s / seen["total_s"] - 1
            errors.append(abs(error))
            mock = {"total_s": total_s, "downtime_ms": downtime_ms}
            figures.append({"row": asdict(row), "real": seen, "mock": mock})
            print(
                f"{row.name:<36}{seen['total_s']:8.2f}{total_s:8.2f}{error:8.1%}"
                f"{seen['kept']:7.0%}{seen['gap_ms']:8.0f}{downtime_ms:7.0f}",
                flush=True,
            )
    median = statistics.median(errors)
    late = sorted(errors)[math.ceil(0.95 * len(errors)) - 1]
    print(f"{len(errors)} runs: median error {median:.1%} (goal <= 5%), p95 {late:.1%}")
    if asked.json:
        summary = {"median_error": median, "p95_error": late, "runs": figures}
        asked.json.write_text(json.dumps(summary, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
