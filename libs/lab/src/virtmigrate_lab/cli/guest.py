"""The guests: ``guest start``, ``check``, ``list`` and ``stop``."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from virtmigrate_lab.cli.common import FAILED, Directory, Json, say, told
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.lab import Lab
from virtmigrate_lab.report import GuestReport
from virtmigrate_lab.vz_report import VzReport

app = typer.Typer(no_args_is_help=True, help="Guests that know what they must hold.")

GuestName = Annotated[str, typer.Argument(metavar="NAME", help="The guest.")]


class PatternName(StrEnum):
    """The patterns, in the form that the oldest Typer understands."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"
    DENSE = "dense"
    RANDOM_DENSE = "random-dense"


Host = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Where it boots; default: the first one."),
]
Memory = Annotated[int, typer.Option(metavar="MiB")]
WorkingSet = Annotated[
    int, typer.Option(metavar="MiB", help="Memory that is written again and again.")
]
DirtyRate = Annotated[
    int, typer.Option(metavar="MiB/s", help="Pages touched a second, x 4 KiB.")
]
Pattern = Annotated[
    PatternName, typer.Option(help="A word a page, in order or not; or whole pages.")
]
Fill = Annotated[
    int, typer.Option(metavar="PERCENT", help="Incompressible share of each page.")
]
Hot = Annotated[
    int,
    typer.Option(
        metavar="PERCENT", help="Of the working set, takes nine writes of ten."
    ),
]
Wave = Annotated[
    str | None,
    typer.Option(metavar="MS,MS", help="At the dirty rate, then at the quiet one."),
]
QuietRate = Annotated[int, typer.Option(metavar="MiB/s", help="See --wave.")]
Zero = Annotated[
    int, typer.Option(metavar="PERCENT", help="Share of pages that stay zero.")
]
Ramp = Annotated[
    int, typer.Option(metavar="MS", help="Time to the ramp rate; see guest ramp.")
]
RampRate = Annotated[int, typer.Option(metavar="MiB/s", help="See --ramp.")]
Disks = Annotated[
    list[str] | None,
    typer.Option(
        "--disk",
        metavar="POOL:MiB[:FORMAT]",
        help="A disk (up to two): raw, qcow2 or qcow2+base, as local:64:qcow2.",
    ),
]
DiskRate = Annotated[int, typer.Option(metavar="MiB/s", help="Written to each disk.")]
DiskWorkingSet = Annotated[
    int, typer.Option(metavar="MiB", help="Part of each disk that is written.")
]
Transient = Annotated[
    bool, typer.Option("--transient", help="Without a configuration.")
]
Paused = Annotated[
    bool, typer.Option("--paused", help="With its CPU stopped, not booted.")
]
Container = Annotated[
    bool, typer.Option("--container", help="A container; on vz hosts only.")
]


@app.command("start")
@told
def guest_start(  # noqa: PLR0913 - each is an option of the command
    *,
    name: GuestName,
    host: Host = None,
    memory: Memory = GuestOptions.memory_mib,
    working_set: WorkingSet = GuestOptions.working_set_mib,
    dirty_rate: DirtyRate = GuestOptions.dirty_rate_mib_s,
    pattern: Pattern = PatternName.SEQUENTIAL,
    fill: Fill = GuestOptions.fill_percent,
    hot: Hot = GuestOptions.hot_percent,
    wave: Wave = None,
    quiet_rate: QuietRate = GuestOptions.quiet_rate_mib_s,
    zero: Zero = GuestOptions.zero_percent,
    ramp: Ramp = GuestOptions.ramp_ms,
    ramp_rate: RampRate = GuestOptions.ramp_rate_mib_s,
    disk: Disks = None,
    disk_rate: DiskRate = GuestOptions.disk_rate_mib_s,
    disk_working_set: DiskWorkingSet = GuestOptions.disk_working_set_mib,
    transient: Transient = False,
    paused: Paused = False,
    container: Container = False,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Boot a guest that dirties memory at a stated rate and knows what it must hold.

    On a vz host a guest is a record: of the options above --memory, --paused and
    --container mean something there, any other is refused by name.
    """
    lab = Lab.attach(directory)
    options = lab.guest_start(
        name,
        host,
        persistent=not transient,
        paused=paused,
        container=container,
        memory_mib=memory,
        working_set_mib=working_set,
        dirty_rate_mib_s=dirty_rate,
        pattern=pattern.value,
        fill_percent=fill,
        hot_percent=hot,
        wave_ms=None if wave is None else parse_wave(wave),
        quiet_rate_mib_s=quiet_rate,
        zero_percent=zero,
        ramp_ms=ramp,
        ramp_rate_mib_s=ramp_rate,
        disks=tuple(disk or ()),
        disk_rate_mib_s=disk_rate,
        disk_working_set_mib=disk_working_set,
    )
    state = "is defined, its CPU stopped," if paused else "runs"
    where = host or next(iter(lab.hosts))
    data = {**options.to_json(), "host": where}
    say(data, f"{name} {state} on {where}", as_json=as_json)


@app.command("check")
@told
def guest_check(
    *,
    name: GuestName,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Count silences from then on: 10s (ago), or seconds since 1970.",
        ),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Leave out the walk over what it holds.")
    ] = False,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Prove that a guest runs once, goes on, and that memory and disks are whole.

    It is found by its UUID on whatever host it is now. Exit code 1 if anything is
    wrong with it. On vz hosts the proof is the history that they share.
    """
    lab = Lab.attach(directory)
    moment = None if since is None else parse_since(since)
    report = lab.guest_check(name, since=moment, verify=not no_verify)
    say(report.to_json(), explain(report), as_json=as_json)
    if not report.well(verified=not no_verify):
        raise typer.Exit(FAILED)


@app.command("disks")
@told
def guest_disks(
    *,
    name: GuestName,
    killed: Annotated[
        bool,
        typer.Option(
            "--killed", help="Its QEMU was: what it had not flushed may be lost."
        ),
    ] = False,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Read the images of a guest that is paused or shut off, and judge every block.

    Exit code 1 if one does not hold what it must.
    """
    reports = Lab.attach(directory).disks_check(name, killed=killed)
    problems = [text for report in reports for text in report.problems]
    data = {"images": [asdict(report) for report in reports], "problems": problems}
    lines = [
        f"{report.path}: {report.blocks} blocks verified, {report.errors} wrong"
        for report in reports
    ]
    wrong = [f"[red]problem:[/red] {text}" for text in problems]
    say(data, "\n".join([*lines, *wrong]) or f"{name} has no disks", as_json=as_json)
    if problems:
        raise typer.Exit(FAILED)


@app.command("ramp")
@told
def guest_ramp(
    *, name: GuestName, directory: Directory = None, as_json: Json = False
) -> None:
    """Have a guest that was started with --ramp begin to change its rate."""
    Lab.attach(directory).guest_ramp(name)
    say({"ramping": name}, f"{name} changes its rate", as_json=as_json)


@app.command("stop")
@told
def guest_stop(
    *, name: GuestName, directory: Directory = None, as_json: Json = False
) -> None:
    """Destroy and undefine a guest wherever it is."""
    Lab.attach(directory).guest_stop(name)
    say({"stopped": name}, f"{name} is gone", as_json=as_json)


@app.command("list")
@told
def guest_list(*, directory: Directory = None, as_json: Json = False) -> None:
    """Name the guests that were started and not stopped."""
    names = Lab.attach(directory).guest_names()
    say({"guests": names}, "\n".join(names) or "no guests", as_json=as_json)


def explain(report: GuestReport | VzReport) -> str:
    """A report for people."""
    wrong = [f"[red]problem:[/red] {text}" for text in report.problems]
    return "\n".join([*report.lines(), *wrong])


def parse_wave(text: str) -> tuple[int, int]:
    """Milliseconds at the dirty rate and at the quiet one: ``2000,3000``."""
    matched = re.fullmatch(r"(\d{1,9}),(\d{1,9})", text)
    if not matched:
        raise LabRefused(f"--wave {text!r}: 2000,3000 (milliseconds)")
    return int(matched[1]), int(matched[2])


def parse_since(text: str) -> float:
    """A moment on the clock of the heartbeats: ``10s`` ago, or seconds since 1970."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)(s?)", text)
    if not matched:
        raise LabRefused(f"--since {text!r}: 10s (ago), or seconds since 1970")
    ago = float(matched[1]) if matched[2] else time.time() - float(matched[1])
    return time.monotonic() - ago
