"""One vz host as a process: ``python -m virtmigrate_lab.vz_host WORLD NAME``.

Its sockets are ``WORLD/NAME/libvirt.sock`` (clients), ``dispatcher.sock`` (other hosts)
and ``control.sock`` (its owner). With ``--port`` it listens on 127.0.0.1 too. It ends
with SIGTERM, or with the process that ``--with PID START`` names; its guests go on.
Told to begin anew, it forgets everything and is another host, in the same process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from virtmigrate_lab.processes import Process
from virtmigrate_lab.vz_host.arrivals import Arrivals
from virtmigrate_lab.vz_host.connection import Connection
from virtmigrate_lab.vz_host.dispatcher import Dispatcher
from virtmigrate_lab.vz_host.driver import Driver
from virtmigrate_lab.vz_host.events import Events
from virtmigrate_lab.vz_host.machine import Machine, wipe
from virtmigrate_lab.vz_host.migration import Migration
from virtmigrate_lab.vz_host.peers import LINE_MAX
from virtmigrate_lab.vz_host.pools import Pools
from virtmigrate_lab.vz_host.server import Server
from virtmigrate_lab.vz_host.trouble import Control, Trouble
from virtmigrate_lab.vz_host.volumes import Volumes

OWNER_S = 1.0
"""How often it is looked whether the owner is there."""


async def serve(
    world: Path, name: str, port: int | None, owner: Process | None
) -> bool:
    """Serve until SIGTERM, or as long as the owner runs.

    Returns:
        Whether it was told to begin anew.
    """
    machine, events, trouble = Machine.load(name, world), Events(), Trouble()
    dispatcher = Dispatcher(machine, events.tell)
    driver = Driver(machine, dispatcher, events)
    pools = Pools(machine)
    parts = (driver, Migration(driver, name), pools, Volumes(pools))
    server = Server(parts, Connection, trouble)
    stopped = asyncio.Event()
    control = Control(trouble, dispatcher, driver, stopped)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    handlers = {
        dispatcher.socket: Arrivals(dispatcher).serve,
        machine.root / "control.sock": control.serve,
        machine.root / "libvirt.sock": server.client,
    }
    listening: list[asyncio.Server] = []
    for path, handler in handlers.items():
        path.unlink(missing_ok=True)
        made = await asyncio.start_unix_server(handler, path, limit=LINE_MAX)
        listening.append(made)
    if port is not None:
        made = await asyncio.start_server(server.client, "127.0.0.1", port)
        listening.append(made)
    dispatcher.resume_handovers()
    while not stopped.is_set() and (owner is None or owner.alive()):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), OWNER_S)
    for each in listening:
        each.close()
    return control.anew


def main() -> None:
    """Run it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    words = argparse.ArgumentParser(prog="python -m virtmigrate_lab.vz_host")
    words.add_argument("world", type=Path)
    words.add_argument("name")
    words.add_argument("--port", type=int)
    words.add_argument("--with", type=int, nargs=2, dest="owner")
    asked = words.parse_args()
    owner = Process(*asked.owner) if asked.owner else None
    # Each life has a loop of its own, and what runs in it ends with it.
    while asyncio.run(serve(asked.world, asked.name, asked.port, owner)):
        wipe(asked.world / asked.name)


if __name__ == "__main__":
    main()
