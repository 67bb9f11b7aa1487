"""One vz host as a process: ``python -m virtmigrate_lab.vz_host WORLD NAME [PORT]``.

Its sockets are ``WORLD/NAME/libvirt.sock`` (clients), ``dispatcher.sock`` (other hosts)
and ``control.sock`` (its owner). It ends with SIGTERM; its guests go on.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from virtmigrate_lab.vz_host.arrivals import Arrivals
from virtmigrate_lab.vz_host.connection import Connection
from virtmigrate_lab.vz_host.dispatcher import Dispatcher
from virtmigrate_lab.vz_host.driver import Driver
from virtmigrate_lab.vz_host.events import Events
from virtmigrate_lab.vz_host.machine import Machine
from virtmigrate_lab.vz_host.migration import Migration
from virtmigrate_lab.vz_host.peers import LINE_MAX
from virtmigrate_lab.vz_host.server import Server
from virtmigrate_lab.vz_host.storage import Storage
from virtmigrate_lab.vz_host.trouble import Control, Trouble


async def serve(world: Path, name: str, port: int | None) -> None:
    """Serve until SIGTERM."""
    machine, events, trouble = Machine.load(name, world), Events(), Trouble()
    dispatcher = Dispatcher(machine, events.tell)
    driver = Driver(machine, dispatcher, events)
    parts = (driver, Migration(driver, name), Storage(machine))
    server = Server(parts, Connection, trouble)
    control = Control(trouble, dispatcher, driver)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    handlers = {
        dispatcher.socket: Arrivals(dispatcher).serve,
        machine.root / "control.sock": control.serve,
        machine.root / "libvirt.sock": server.client,
    }
    for path, handler in handlers.items():
        path.unlink(missing_ok=True)
        await asyncio.start_unix_server(handler, path, limit=LINE_MAX)
    if port is not None:
        await asyncio.start_server(server.client, "127.0.0.1", port)
    dispatcher.resume_handovers()
    await stopped.wait()


def main(argv: list[str]) -> None:
    """Run it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    port = int(argv[3]) if len(argv) > 3 else None  # noqa: PLR2004
    asyncio.run(serve(Path(argv[1]), argv[2], port))


if __name__ == "__main__":
    main(sys.argv)
