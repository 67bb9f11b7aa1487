"""Disks that are copied: side by side with `virsh migrate --copy-storage-all`.

    python bench/disks.py [--pairs 6] [--size 768] [--link 128] [--json FILE]

The same guest with the same image, written to meanwhile, goes from a to b by virsh and
by virtmigrate, turn by turn. Told are time, bytes over the link, and what the image
takes at the destination. Nothing here asserts: it prints.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from virtmigrate import MemoryJournal, Migrator
from virtmigrate_lab import Lab

GUEST = "bench"
MIB = 1 << 20


@dataclass(frozen=True)
class Image:
    """What the guest's disk is.

    Args:
        name: For people.
        disk: As the lab makes it: pool, MiB, format.
        data_mib: Random data that lies behind what the guest writes.
    """

    name: str
    disk: str
    data_mib: int


WRITES = {"disk_rate_mib_s": 4, "disk_working_set_mib": 16}


def images(size_mib: int) -> tuple[Image, ...]:
    """One that is full, and two that have holes."""
    written = WRITES["disk_working_set_mib"]
    return (
        Image("raw, full", f"local:{size_mib}", size_mib - written),
        Image("raw, sparse", f"local:{size_mib * 3}", size_mib // 3),
        Image("qcow2", f"local:{size_mib}:qcow2", 0),
    )


def moved(lab: Lab, image: Image, way: str, migrator: Migrator) -> dict[str, float]:
    """One move of a guest that is made for it: seconds, MiB sent, MiB there."""
    lab.guest_start(GUEST, memory_mib=64, disks=[image.disk], **WRITES)
    suffix = "qcow2" if "qcow2" in image.disk else "raw"
    path = lab.pool_path("a", "local") / f"{GUEST}-hda.{suffix}"
    if image.data_mib:
        fill(path, image.data_mib)
    a, b = lab.hosts["a"], lab.hosts["b"]
    before, began = sent_bytes(a), time.monotonic()
    if way == "virsh":
        words = ["migrate", "--live", "--persistent", "--undefinesource"]
        command = ["virsh", "-q", "-c", a.uri, *words, "--copy-storage-all"]
        subprocess.run([*command, GUEST, b.uri], check=True)
    else:
        migrator.migrate(GUEST, a.uri, b.uri).raise_unless_succeeded()
    took = time.monotonic() - began
    copy = lab.pool_path("b", "local") / path.name
    told = {
        "seconds": took,
        "sent_mib": (sent_bytes(a) - before) / MIB,
        "there_mib": copy.stat().st_blocks * 512 / MIB,
    }
    lab.tidy()
    return told


def fill(path: Path, data_mib: int) -> None:
    """Write data at the end of an image, where its guest never writes."""
    with path.open("r+b") as file, Path("/dev/urandom").open("rb") as random:
        file.seek(path.stat().st_size - data_mib * MIB)
        for _ in range(data_mib):
            file.write(random.read(MIB))
    # What is still to be written back would slow the first of two moves.
    subprocess.run(["sync", "-f", str(path)], check=True)


def sent_bytes(host) -> int:
    """Bytes that a host has sent to others so far."""
    lines = host.space.run(["cat", "/proc/net/dev"]).splitlines()[2:]
    rows = [line.replace(":", " ").split() for line in lines]
    return sum(int(row[9]) for row in rows if row[0] != "lo")


def spread(values: list[float]) -> str:
    """Median and middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:7.2f} [{low:.2f} .. {high:.2f}]"


def compared(lab: Lab, image: Image, pairs: int) -> dict[str, list[dict[str, float]]]:
    """Interleaved moves by both ways; the first pair only warms up."""
    runs: dict[str, list[dict[str, float]]] = {"virsh": [], "virtmigrate": []}
    with Migrator(journal=MemoryJournal()) as migrator:
        for turn in range(-1, pairs):
            for way in list(runs)[:: 1 if turn % 2 else -1]:
                move = moved(lab, image, way, migrator)
                if turn >= 0:
                    runs[way].append(move)
    return runs


def print_image(image: Image, runs: dict[str, list[dict[str, float]]]) -> None:
    """The table of one image, and the ratios that count."""
    pairs = list(zip(runs["virtmigrate"], runs["virsh"], strict=True))
    print(f"\n{image.name} ({image.disk}): {len(pairs)} pairs, median [middle half]")
    for way, rows in runs.items():
        cells = [f"{key} {spread([row[key] for row in rows])}" for key in rows[0]]
        print(f"  {way:<12}{'  '.join(cells)}")
    for key, goal in (("seconds", "<= 1.05"), ("sent_mib", "<= 1"), ("there_mib", "")):
        ratio = spread([ours[key] / theirs[key] for ours, theirs in pairs])
        print(f"  {key}, ours / virsh: {ratio}  {goal and f'goal {goal}'}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--size", type=int, default=768, help="of an image, MiB")
    parser.add_argument("--link", type=float, default=128, help="MiB/s between hosts")
    parser.add_argument("--json", type=Path, help="write the raw figures there")
    asked = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="vm-bench-", dir="/tmp") as scratch:
        place = Path(scratch) / "lab"
        with Lab.up("2", state_dir=place, bandwidth_mib_s=asked.link) as lab:
            for image in images(asked.size):
                runs = compared(lab, image, asked.pairs)
                print_image(image, runs)
                figures[image.name] = runs
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
