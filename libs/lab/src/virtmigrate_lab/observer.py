"""The lab's observer: one process that hears the heartbeat of every guest.

It listens on one socket a host, stamps what it reads with this machine's monotonic
clock, and appends windows to ``beats/GUEST.jsonl``. On ``control.sock`` it takes
``verify NAME`` (ask a guest, wherever it runs, to walk over its memory), ``ramp NAME``
(to begin to change its rate) and ``forget NAME`` (a new guest of this name starts: it
was not silent before).
Run as ``python -m virtmigrate_lab.observer STATE_DIR HOST...``.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from virtmigrate_lab.layout import Layout
from virtmigrate_lab.stream import Feed, Parser
from virtmigrate_lab.windows import STALL_S, Window

WINDOW_S = 0.1
TICK_S = 0.05
READ_SIZE = 4096
NICE = -10
REQUESTS = {"verify": b"V", "ramp": b"R"}
"""What is asked of a guest, and the byte that tells it."""


@dataclass
class Connection:
    """A QEMU's end of a guest's serial port."""

    host: str
    number: int
    peer: socket.socket
    parser: Parser = field(default_factory=Parser)
    name: str | None = None
    window: Window | None = None


class Observer:
    """Hears guests, writes windows."""

    def __init__(self, layout: Layout, hosts: list[str]) -> None:
        self._layout = layout
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._last_beat: dict[str, float] = {}
        self._count = 0
        self._running = True
        for host in hosts:
            self._listen(layout.host(host).beat_socket, partial(self._accept, host))
        self._listen(layout.control, self._accept_control)

    def _listen(self, path: Path, accept: Callable[[socket.socket], None]) -> None:
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        server.setblocking(False)
        self._selector.register(
            server, selectors.EVENT_READ, lambda: accept(server.accept()[0])
        )

    def _accept(self, host: str, peer: socket.socket) -> None:
        self._count += 1
        peer.setblocking(False)
        connection = Connection(host, self._count, peer)
        self._connections[connection.number] = connection
        self._selector.register(
            peer, selectors.EVENT_READ, partial(self._read, connection)
        )

    def _accept_control(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        self._selector.register(
            peer, selectors.EVENT_READ, partial(self._command, peer)
        )

    def _command(self, peer: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            for line in peer.recv(READ_SIZE).decode("ascii", "replace").splitlines():
                verb, _, name = line.partition(" ")
                if verb in REQUESTS:
                    self._tell(name, REQUESTS[verb])
                elif verb == "forget":
                    self._last_beat.pop(name, None)
        self._selector.unregister(peer)
        peer.close()

    def _tell(self, name: str, request: bytes) -> None:
        for connection in list(self._connections.values()):
            if connection.name == name:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    connection.peer.send(request)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.peer.recv(READ_SIZE)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        now = time.monotonic()
        if data:
            for feed in connection.parser.feed(data):
                self._note(connection, feed, now)
            return
        self._flush(connection)
        self._selector.unregister(connection.peer)
        connection.peer.close()
        del self._connections[connection.number]

    def _note(self, connection: Connection, feed: Feed, now: float) -> None:
        if feed.beats:
            self._beat(connection, feed, now)
        if feed.record is None:
            return
        if connection.name is None:
            self._join(connection, feed.record.name)
        if connection.window is None:
            connection.window = self._window(connection, now)
        connection.window.record = feed.record
        self._flush(connection)

    @staticmethod
    def _window(connection: Connection, now: float) -> Window:
        return Window(connection.host, connection.number, first=now, last=now)

    def _beat(self, connection: Connection, feed: Feed, now: float) -> None:
        window = connection.window
        before = self._last_beat.get(connection.name or "")
        if before is None and window is not None:
            before = window.last
        if window is not None and now - window.last >= STALL_S:
            self._flush(connection)  # a silence begins a window, it never lies in one
        window = connection.window = connection.window or self._window(connection, now)
        if before is not None:
            window.silence(before, now)
        window.beat(now, feed.beats, feed.lost)
        if connection.name:
            self._last_beat[connection.name] = now

    def _join(self, connection: Connection, name: str) -> None:
        """Learn whose beats these were, and how long it had been silent before."""
        connection.name = name
        before, window = self._last_beat.get(name), connection.window
        if window is None:
            return
        if before is not None and before < window.first:
            window.silence(before, window.first)
        self._last_beat[name] = window.last

    def _flush(self, connection: Connection) -> None:
        window, name = connection.window, connection.name
        if window is None or name is None:
            return
        connection.window = None
        with (self._layout.beats / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(window.to_line())

    def _flush_old(self, now: float) -> None:
        for connection in self._connections.values():
            window = connection.window
            if window is not None and now - window.first >= 2 * WINDOW_S:
                self._flush(connection)

    def stop(self, *_: object) -> None:
        """End the loop after what is being done."""
        self._running = False

    def serve(self) -> None:
        """Hear and write until told to stop."""
        next_tick = time.monotonic() + TICK_S
        while self._running:
            for key, _ in self._selector.select(TICK_S):
                key.data()
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_S
                self._flush_old(now)
        for connection in self._connections.values():
            self._flush(connection)


def main(argv: list[str]) -> None:
    """Serve a lab until SIGTERM."""
    layout = Layout(Path(argv[1]))
    layout.beats.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):
        os.nice(NICE)
    observer = Observer(layout, argv[2:])
    signal.signal(signal.SIGTERM, observer.stop)
    observer.serve()


if __name__ == "__main__":
    main(sys.argv)
