"""`virtmigrate mock`: make a world in a file, look at it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtmigrate.errors import VirtmigrateError
from virtmigrate_mock.styles import STYLES
from virtmigrate_mock.world import World

if TYPE_CHECKING:
    from virtmigrate_mock.state import GuestState

app = typer.Typer(
    name="mock", help="Mock worlds: hosts without a hypervisor.", no_args_is_help=True
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
File = Annotated[Path, typer.Argument(help="The world's file.", metavar="FILE")]


@app.command()
def create(  # noqa: PLR0913 - typer reads options from parameters
    file: File,
    *,
    style: Annotated[str, typer.Option(help=" or ".join(STYLES))] = "qemu-like",
    hosts: Annotated[int, typer.Option(min=1, max=26, help="Called a, b, c …")] = 2,
    link: Annotated[float, typer.Option(help="MiB/s between hosts.")] = 1000.0,
    guest: Annotated[str, typer.Option(help="Name of a guest on a.")] = "demo",
    memory: Annotated[float, typer.Option(help="Its memory, MiB.")] = 4096.0,
    working_set: Annotated[float, typer.Option(help="MiB that it rewrites.")] = 512.0,
    dirty_rate: Annotated[float, typer.Option(help="How fast, MiB/s.")] = 100.0,
    speed: Annotated[float, typer.Option(help="World seconds per second.")] = 1.0,
) -> None:
    """Make a world of hosts, with a running guest, in FILE."""
    try:
        world = World.create(
            path=file,
            hosts=dict.fromkeys(LETTERS[:hosts], style),
            link_mib_s=link,
            speed=speed,
        )
        world.add_guest(
            "a",
            guest,
            memory_mib=memory,
            working_set_mib=working_set,
            dirty_mib_s=dirty_rate,
        )
    except VirtmigrateError as error:
        raise _told(error) from None
    for host in LETTERS[:hosts]:
        typer.echo(world.uri(host))


@app.command()
def show(
    file: File,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One document.")] = False,
) -> None:
    """Show hosts and guests of the world in FILE, and what went wrong there."""
    try:
        seen = report(World.open(str(file.resolve())))
    except VirtmigrateError as error:
        raise _told(error) from None
    if as_json:
        typer.echo(json.dumps(seen))
        return
    for host, there in seen["hosts"].items():
        typer.echo(f"{host} ({there['style']}{'' if there['up'] else ', down'})")
        for name, guest in there["guests"].items():
            defined = "persistent" if guest["persistent"] else "transient"
            counter = "" if guest["counter_s"] is None else f", {guest['counter_s']} s"
            typer.echo(f"  {name}: {guest['state']}, {defined}{counter}")
    for violation in seen["violations"]:
        typer.echo(f"violated: {violation}")


def report(world: World) -> dict[str, Any]:
    """A world as plain data: hosts, their guests, violations."""
    state, now = world.state(), world.clock.now()

    def told(guest: GuestState) -> dict[str, object]:
        counter = round(guest.live.counter(now), 3) if guest.live else None
        return {
            "uuid": guest.uuid,
            "state": guest.state.value,
            "persistent": guest.persistent_xml is not None,
            "counter_s": counter,
        }

    hosts = {
        host.name: {
            "uri": world.uri(host.name),
            "style": host.style,
            "up": host.up,
            "guests": {guest.name: told(guest) for guest in host.guests.values()},
        }
        for host in state.hosts.values()
    }
    return {"hosts": hosts, "violations": world.violations()}


def _told(error: VirtmigrateError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(error.exit_code)
