"""The commands ``up``, ``guest``, ``link``, ``env`` and ``down``.

Data goes to stdout (``--json``: one document), text for people to stderr. Exit codes:
0 fine, 1 it failed or the guest is not well, 2 refused before anything was touched.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from virtmigrate_lab.domain import GuestOptions, Pattern
from virtmigrate_lab.errors import LabError, LabRefused
from virtmigrate_lab.host import Host
from virtmigrate_lab.lab import Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.report import GuestReport

FAILED = 1
REFUSED = 2

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    no_args_is_help=True,
    help="Real hosts on one machine: libvirtd and QEMU in namespaces, guests that"
    " prove that a migration lost nothing, links whose rate is known.",
    epilog="Try: lab up; lab guest start g; virsh -c $(lab env --host a) list;"
    " lab guest check g; lab down",
)
guest = typer.Typer(no_args_is_help=True, help="Guests that know what they must hold.")
link = typer.Typer(no_args_is_help=True, help="The links between hosts.")
app.add_typer(guest, name="guest")
app.add_typer(link, name="link")

Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        envvar="VIRTMIGRATE_LAB_DIR",
        help="The lab's directory; several labs live side by side.",
        show_default="~/.local/state/virtmigrate/lab",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
GuestName = Annotated[str, typer.Argument(metavar="NAME", help="The guest.")]
HostName = Annotated[
    str | None, typer.Argument(metavar="[HOST]", help="Its link only; default: all.")
]

people = Console(stderr=True, highlight=False)


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a lab's error into text for people and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LabError as error:
            people.print(f"[red]error:[/red] {error.message}", soft_wrap=True)
            if error.remedy:
                people.print(f"remedy: {error.remedy}", soft_wrap=True)
            refused = isinstance(error, LabRefused)
            raise typer.Exit(REFUSED if refused else FAILED) from error

    return wrapped


def say(data: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Give programs the data, people the text."""
    if as_json:
        typer.echo(json.dumps(data, indent=2))
    people.print(text, soft_wrap=True)


@app.command()
@told
def up(
    *,
    hosts: Annotated[
        str, typer.Option(metavar="N|qemu:N", help="How many, or of which kind.")
    ] = "2",
    bandwidth: Annotated[
        float | None,
        typer.Option(metavar="MiB/s", min=0.1, help="Rate of each link, each way."),
    ] = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Start hosts; what a crashed lab left is cleaned up first.

    Each host is a real libvirtd in mount, UTS and network namespaces of its own. The
    first lab on a machine takes some seconds longer: libvirt learns what QEMU can do.
    """
    lab = Lab.up(hosts, bandwidth_mib_s=bandwidth, state_dir=directory)
    text = "\n".join(f"host {h.name}: {h.uri}" for h in lab.hosts.values())
    say(describe(lab), text, as_json=as_json)


@app.command()
@told
def env(
    *,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Print this host's URI only.")
    ] = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Print where the hosts are: shell exports, or --json.

    Example: eval "$(virtmigrate lab env)"; virsh -c "$VIRTMIGRATE_LAB_A" list
    """
    lab = Lab.attach(directory)
    if host is not None:
        typer.echo(lab.host(host).uri)
    elif as_json:
        typer.echo(json.dumps(describe(lab), indent=2))
    else:
        exports = {"VIRTMIGRATE_LAB_DIR": str(lab.state_dir)}
        for each in lab.hosts.values():
            name = each.name.upper().replace("-", "_")
            exports[f"VIRTMIGRATE_LAB_{name}"] = each.uri
        for name, value in exports.items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
@told
def down(*, directory: Directory = None, as_json: Json = False) -> None:
    """End everything that belongs to the lab, and remove its files.

    Also cleans up what a crashed lab left. Fine when nothing is up.
    """
    state_dir = Lab.clear(directory)
    say({"down": str(state_dir)}, f"lab {state_dir} is down", as_json=as_json)


@app.command()
@told
def check(*, as_json: Json = False) -> None:
    """Say whether this machine can run a lab, and what is in the way."""
    found = obstacles()
    text = "\n".join(found) or "this machine can run a lab"
    say({"ok": not found, "obstacles": found}, text, as_json=as_json)
    if found:
        raise typer.Exit(REFUSED)


@guest.command("start")
@told
def guest_start(  # noqa: PLR0913 - each is an option of the command
    *,
    name: GuestName,
    host: Annotated[str, typer.Option(help="Where it boots.")] = "a",
    memory: Annotated[int, typer.Option(metavar="MiB")] = GuestOptions.memory_mib,
    working_set: Annotated[
        int, typer.Option(metavar="MiB", help="Memory that is written again and again.")
    ] = GuestOptions.working_set_mib,
    dirty_rate: Annotated[
        int, typer.Option(metavar="MiB/s", help="Pages touched a second, x 4 KiB.")
    ] = GuestOptions.dirty_rate_mib_s,
    pattern: Annotated[
        Pattern, typer.Option(help="A word a page, in order or not; or whole pages.")
    ] = GuestOptions.pattern,
    fill: Annotated[
        int, typer.Option(metavar="PERCENT", help="Incompressible share of each page.")
    ] = GuestOptions.fill_percent,
    transient: Annotated[
        bool, typer.Option("--transient", help="Without a configuration.")
    ] = False,
    paused: Annotated[
        bool, typer.Option("--paused", help="With its CPU stopped, not booted.")
    ] = False,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Boot a guest that dirties memory at a stated rate and knows what it must hold."""
    lab = Lab.attach(directory)
    options = lab.guest_start(
        name,
        host,
        persistent=not transient,
        paused=paused,
        memory_mib=memory,
        working_set_mib=working_set,
        dirty_rate_mib_s=dirty_rate,
        pattern=pattern,
        fill_percent=fill,
    )
    state = "is defined, its CPU stopped," if paused else "runs"
    data = {**options.to_json(), "host": host}
    say(data, f"{name} {state} on {host}", as_json=as_json)


@guest.command("check")
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
        bool, typer.Option("--no-verify", help="Leave out the walk over its memory.")
    ] = False,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Prove that a guest runs once, goes on, and that its memory is whole.

    It is found by its UUID on whatever host it is now. Exit code 1 if anything is
    wrong with it.
    """
    lab = Lab.attach(directory)
    moment = None if since is None else parse_since(since)
    report = lab.guest_check(name, since=moment, verify=not no_verify)
    say(report.to_json(), explain(report), as_json=as_json)
    if not (report.ok if not no_verify else report.alive and not report.double_run):
        raise typer.Exit(FAILED)


@guest.command("stop")
@told
def guest_stop(
    *, name: GuestName, directory: Directory = None, as_json: Json = False
) -> None:
    """Destroy and undefine a guest wherever it is."""
    Lab.attach(directory).guest_stop(name)
    say({"stopped": name}, f"{name} is gone", as_json=as_json)


@guest.command("list")
@told
def guest_list(*, directory: Directory = None, as_json: Json = False) -> None:
    """Name the guests that were started and not stopped."""
    names = Lab.attach(directory).guests.names()
    say({"guests": names}, "\n".join(names) or "no guests", as_json=as_json)


@link.command("rate")
@told
def link_rate(
    *,
    rate: Annotated[
        str, typer.Argument(metavar="MiB/s|none", help="Payload, each way; or none.")
    ],
    host: HostName = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Shape the links of all hosts, or of one, in both directions."""
    value = parse_rate(rate)
    Lab.attach(directory).link_rate(value, host)
    shown = "unlimited" if value is None else f"{value} MiB/s"
    data = {"rate_mib_s": value, "host": host}
    say(data, f"link of {host or 'all hosts'}: {shown}", as_json=as_json)


@link.command("down")
@told
def link_down(
    *, host: HostName = None, directory: Directory = None, as_json: Json = False
) -> None:
    """Cut the links: what is sent is lost, and nobody is told."""
    Lab.attach(directory).link_down(host)
    data = {"link": "down", "host": host}
    say(data, f"link of {host or 'all hosts'}: down", as_json=as_json)


@link.command("up")
@told
def link_up(
    *, host: HostName = None, directory: Directory = None, as_json: Json = False
) -> None:
    """Mend the links."""
    Lab.attach(directory).link_up(host)
    data = {"link": "up", "host": host}
    say(data, f"link of {host or 'all hosts'}: up", as_json=as_json)


def describe(lab: Lab) -> dict[str, Any]:
    """A lab as JSON data."""

    def of(host: Host) -> dict[str, Any]:
        return {
            "uri": host.uri,
            "kind": host.kind,
            "address": host.address,
            "socket": str(host.socket),
            "migrate_uri": host.migrate_uri,
            "pid": host.pid,
        }

    hosts = {host.name: of(host) for host in lab.hosts.values()}
    return {"dir": str(lab.state_dir), "hosts": hosts}


def explain(report: GuestReport) -> str:
    """A report for people."""
    lines = [f"{host}: {state}" for host, state in report.hosts.items()]
    where = report.beats_on or "nowhere"
    lines.append(f"heartbeat: {report.counter} beats, now from {where}")
    lines.append(f"longest silence: {report.longest_silence_ms} ms")
    if report.verified:
        lines.append(f"memory: {report.verified} pages verified, {report.errors} wrong")
    lines += [f"[red]problem:[/red] {text}" for text in report.problems]
    return "\n".join(lines)


def parse_since(text: str) -> float:
    """A moment on the clock of the heartbeats: ``10s`` ago, or seconds since 1970."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)(s?)", text)
    if not matched:
        raise LabRefused(f"--since {text!r}: 10s (ago), or seconds since 1970")
    ago = float(matched[1]) if matched[2] else time.time() - float(matched[1])
    return time.monotonic() - ago


def parse_rate(text: str) -> float | None:
    """MiB/s, or None for ``none``."""
    if text == "none":
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise LabRefused(f"rate {text!r}: MiB/s, or none") from error
    if not 0.1 <= value <= 1e6:  # noqa: PLR2004
        raise LabRefused(f"rate {text}: 0.1 to 1000000 MiB/s")
    return value
