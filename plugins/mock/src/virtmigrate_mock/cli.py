"""`virtmigrate mock`: make a world in a file, look at it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtmigrate.errors import VirtmigrateError
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.memory import Habits
from virtmigrate_mock.styles import STYLES
from virtmigrate_mock.world import World

if TYPE_CHECKING:
    from virtmigrate_mock.state import GuestState

app = typer.Typer(
    name="mock", help="Mock worlds: hosts without a hypervisor.", no_args_is_help=True
)


class Storage(StrEnum):
    """What is at the path of the guest's image on the other hosts."""

    LOCAL = "local"
    SHARED = "shared"
    LYING = "lying"


class Pattern(StrEnum):
    """How the guest goes over the memory that it rewrites (`Habits.pattern`)."""

    SEQUENTIAL = "sequential"
    RANDOM = "random"
    DENSE = "dense"


PATTERN_HELP = "It writes a word of each page in order, or by chance, or whole pages."
STORAGE_HELP = "What other hosts have at its path: nothing, it, or another file."
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
    pattern: Annotated[Pattern, typer.Option(help=PATTERN_HELP)] = Pattern.SEQUENTIAL,
    speed: Annotated[float, typer.Option(help="World seconds per second.")] = 1.0,
    disk: Annotated[float, typer.Option(min=0, help="MiB of its disk, 0: none.")] = 0.0,
    disk_writes: Annotated[float, typer.Option(help="How fast, MiB/s.")] = 0.0,
    storage: Annotated[Storage, typer.Option(help=STORAGE_HELP)] = Storage.LOCAL,
) -> None:
    """Make a world of hosts, with a running guest, in FILE."""
    try:
        world = World.create(
            path=file,
            hosts=dict.fromkeys(LETTERS[:hosts], style),
            link_mib_s=link,
            speed=speed,
        )
        disks = _disks(world, guest, storage, (disk, disk_writes)) if disk else ()
        world.add_guest(
            "a",
            guest,
            disks=disks,
            memory_mib=memory,
            working_set_mib=working_set,
            dirty_mib_s=dirty_rate,
            habits=Habits(pattern=pattern.value),
        )
    except VirtmigrateError as error:
        raise _told(error) from None
    for host in LETTERS[:hosts]:
        typer.echo(world.uri(host))


def _disks(
    world: World, guest: str, storage: Storage, figures: tuple[float, float]
) -> list[GuestDisk]:
    """Pools for all hosts, and a disk in the first one's (size and rate of writes)."""
    path = f"/images/{guest}.img"
    directory = "shared" if storage is Storage.SHARED else ""
    for host in world.state().hosts:
        world.add_pool(host, "images", "/images", directory=directory)
        if storage is Storage.LYING and host != "a":
            world.put_image(host, path, f"of {host}", figures[0])
    return [GuestDisk(path, size_mib=figures[0], write_mib_s=figures[1])]


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
        for name, pool in there["pools"].items():
            held = ", ".join(pool["images"]) or "empty"
            typer.echo(f"  pool {name} ({pool['path']}): {held}")
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
            "pools": {
                name: {
                    "path": pool.path,
                    "directory": pool.directory,
                    "images": sorted(state.directories[pool.directory].images),
                }
                for name, pool in host.pools.items()
            },
        }
        for host in state.hosts.values()
    }
    return {"hosts": hosts, "violations": world.violations()}


def _told(error: VirtmigrateError) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(error.exit_code)
