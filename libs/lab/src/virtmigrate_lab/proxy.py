"""A proxy on the RPC of a host that drops, delays, holds, doubles or cuts messages.

It sits on a UNIX socket of its own in the host's run directory. Clients that open
:attr:`FaultProxy.uri`, and daemons that are given it as a peer-to-peer destination,
talk to the host through it; everything that no rule names passes as it is (keep-alive
too). Descriptors are not passed on.

Example:
    The reply of finish is lost, so that the client can't know where the guest runs::

        with FaultProxy(lab.hosts["b"], [Cut(Procedure.FINISH, "reply")]) as proxy:
            migrate("g", lab.hosts["a"].uri, proxy.uri)
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from virtmigrate_lab.host import Host
from virtmigrate_lab.qemu_host import uri_of
from virtmigrate_lab.rpc import Framer, Garbled, Message
from virtmigrate_lab.rules import Cut, Delay, Drop, Duplicate, Hold, Rule

__all__ = ["Cut", "Delay", "Drop", "Duplicate", "FaultProxy", "Hold", "Rule"]

READ_SIZE = 65536
HOLD_TIMEOUT_S = 300.0
"""A message that nobody released goes on after this time."""
JOIN_TIMEOUT_S = 5.0

_numbers = itertools.count(1)


@dataclass
class _Wire:
    """A client's connection and the proxy's own to the daemon."""

    client: socket.socket
    daemon: socket.socket
    locks: dict[int, threading.Lock] = field(default_factory=dict)

    def send(self, sink: socket.socket, raw: bytes) -> None:
        """Send a whole message; messages never mix."""
        lock = self.locks.setdefault(sink.fileno(), threading.Lock())
        with lock, contextlib.suppress(OSError):  # the pump sees the end of it
            sink.sendall(raw)

    def cut(self) -> None:
        """End both connections; who reads on them gets an end of file."""
        for end in (self.client, self.daemon):
            with contextlib.suppress(OSError):  # it had ended by itself
                end.shutdown(socket.SHUT_RDWR)


def _turn_away(client: socket.socket) -> None:
    """Hear a client's first word, then close.

    libvirt 9.0 leaks a descriptor where a connection is reset at once.
    """
    client.settimeout(JOIN_TIMEOUT_S)
    with client, contextlib.suppress(OSError):  # it has gone already
        client.recv(READ_SIZE)


class FaultProxy:
    """A proxy in front of a host's daemon; a context manager.

    Args:
        host: The host.
        rules: What becomes of which message; the first that applies counts.

    Attributes:
        passed: Every message that was seen, in order, those that were lost included.
    """

    def __init__(self, host: Host, rules: Sequence[Rule] = ()) -> None:
        self.rules = list(rules)
        self.passed: list[Message] = []
        self._daemon = host.socket
        name = f"proxy-{os.getpid()}-{next(_numbers)}.sock"
        self.socket: Path = host.paths.run / name
        self._server = socket.socket(socket.AF_UNIX)
        self._wires: list[_Wire] = []
        self._threads: list[threading.Thread] = []

    @property
    def uri(self) -> str:
        """The libvirt URI of the host through this proxy."""
        return uri_of(self.socket)

    @property
    def fired(self) -> list[Rule]:
        """The rules that have been applied so far."""
        return [rule for rule in self.rules if rule.fired.is_set()]

    def start(self) -> None:
        """Begin to take connections."""
        self._server.bind(str(self.socket))
        self._server.listen()
        self._thread(self._serve)

    def cut_all(self) -> None:
        """End all connections that are open now; new ones are still taken."""
        for wire in list(self._wires):
            wire.cut()

    def stop(self) -> None:
        """End all connections and take no more."""
        with contextlib.suppress(OSError):  # it was never listening
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for rule in self.rules:
            if isinstance(rule, Hold):
                rule.release()
        self.cut_all()
        for thread in list(self._threads):
            thread.join(JOIN_TIMEOUT_S)
        for wire in self._wires:
            wire.client.close()
            wire.daemon.close()
        self.socket.unlink(missing_ok=True)

    def _thread(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:  # stopped
                return
            daemon = socket.socket(socket.AF_UNIX)
            try:
                daemon.connect(str(self._daemon))
            except OSError:  # there is no daemon
                daemon.close()
                self._thread(_turn_away, client)
                continue
            wire = _Wire(client, daemon)
            self._wires.append(wire)
            self._thread(self._pump, wire, client, daemon)
            self._thread(self._pump, wire, daemon, client)

    def _pump(self, wire: _Wire, source: socket.socket, sink: socket.socket) -> None:
        framer = Framer()
        try:
            while data := source.recv(READ_SIZE):
                for message in framer.feed(data):
                    self._pass(wire, sink, message)
        except (OSError, Garbled):
            pass
        wire.cut()

    def _pass(self, wire: _Wire, sink: socket.socket, message: Message) -> None:
        self.passed.append(message)
        matching = [rule for rule in self.rules if rule.applies(message)]
        if not matching:
            wire.send(sink, message.raw)
            return
        rule = matching[0]
        if isinstance(rule, Cut):
            wire.cut()
        elif isinstance(rule, Duplicate):
            wire.send(sink, message.raw + message.raw)
        elif isinstance(rule, Delay | Hold):
            self._thread(self._later, wire, sink, message, rule)
        elif not isinstance(rule, Drop):
            raise TypeError(f"{type(rule).__name__} says nothing of what to do")
        rule.fired.set()

    @staticmethod
    def _later(
        wire: _Wire, sink: socket.socket, message: Message, rule: Delay | Hold
    ) -> None:
        if isinstance(rule, Hold):
            rule.released.wait(HOLD_TIMEOUT_S)
        else:
            threading.Event().wait(rule.seconds)
        wire.send(sink, message.raw)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
