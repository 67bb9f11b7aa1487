"""Hosts that reach each other by network, `virtmigrate` on one of them, a tap."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate_lab.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from virtmigrate_lab import Host, Lab

MOVE_S = 120.0
ONE_CALL = (
    "import sys; from virtmigrate_libvirt import phases;"
    "phases.available = lambda: False; from virtmigrate.cli import main;"
    "sys.exit(main())"
)
"""`virtmigrate` as it is where a client library lacks the phases."""

TAP = """
import socket, struct, sys
address, seen = socket.inet_aton(sys.argv[1]), set()
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("ready", flush=True)
while True:
    packet = tap.recv(256)
    start = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[16:20] != address:
        continue
    sport, dport = struct.unpack_from("!HH", packet, start)
    if packet[9] == 17 and dport == 9:
        break
    if packet[9] == 6 and 49152 <= dport < 49216:
        said = packet[start + (packet[start + 12] >> 4) * 4 :][:4]
        if said and sport not in seen:
            seen.add(sport)
            print(said.hex(), flush=True)
"""
"""Prints how each connection to a port of migrations begins, until a datagram to the
port that discards what it gets."""
MARK = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"end", (sys.argv[1], 9))
"""

PLAIN = b"QEVM"
"""How QEMU's stream begins (`QEMU_VM_FILE_MAGIC`)."""
TLS_HANDSHAKE = b"\x16\x03"
"""A TLS record of the handshake (RFC 8446, 5.1)."""


@dataclass
class Said:
    """What a run of `virtmigrate --json` said.

    Attributes:
        code: Its exit code.
        data: The document.
        text: All that it printed anywhere.
    """

    code: int
    data: dict[str, object]
    text: str

    @property
    def error(self) -> dict[str, str]:
        """The error that it ended with, or the first fault, which undid the move."""
        return (self.data.get("errors") or self.data["faults"])[0]


@dataclass
class Site:
    """A lab whose hosts are reached in more ways than one."""

    lab: Lab

    def uri(self, host: str, way: str) -> str:
        """A host's URI."""
        return self.lab.qemu[host].uris[way]

    def etc(self, host: str, name: str) -> Path:
        """A file below a host's `/etc`."""
        return self.lab.qemu[host].paths.etc / name

    def run(self, on: str, *words: str, program: tuple[str, ...] = ()) -> Said:
        """Run `virtmigrate` on a host, at a terminal that nobody sits at."""
        host = self.lab.qemu[on]
        master, slave = pty.openpty()
        try:
            done = subprocess.run(
                [
                    *("setsid", "--ctty", "--wait", *host.command(sys.executable)),
                    *(program or ("-m", "virtmigrate")),
                    *words,
                    "--json",
                ],
                stdin=slave,
                env={
                    **os.environ,
                    "VIRTMIGRATE_STATE_DIR": str(host.paths.root / "journal"),
                    "COLUMNS": "80",
                },
                capture_output=True,
                encoding="utf-8",
                timeout=MOVE_S,
                check=False,
            )
            os.set_blocking(master, False)
            asked = b""
            with suppress(BlockingIOError):  # nobody was asked anything
                asked = os.read(master, 4096)
        finally:
            os.close(master)
            os.close(slave)
        assert not asked, asked
        assert "Traceback" not in done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return Said(done.returncode, json.loads(done.stdout), done.stdout + done.stderr)

    def move(self, guest: str, *words: str, way: str, on: str = "a", **more) -> Said:
        """Move a guest from a to b, both reached in one way."""
        source, destination = self.uri("a", way), self.uri("b", way)
        return self.run(on, "-c", source, "migrate", guest, destination, *words, **more)

    def runs_only_on(self, host: str, guest: str, since: float) -> None:
        """It runs there and nowhere else, has lost nothing, and never ran twice."""
        report = self.lab.guest_check(guest, since=since)
        assert report.ok, report.problems
        assert report.running_on == [host]

    @contextmanager
    def tapped(self) -> Iterator[list[bytes]]:
        """How connections for migrations to b began; complete after the block."""
        a, b = self.lab.qemu["a"], self.lab.qemu["b"]
        argv = b.command(sys.executable, "-c", TAP, b.address)
        found: list[bytes] = []
        with subprocess.Popen(argv, stdout=subprocess.PIPE, encoding="ascii") as tap:
            try:
                assert tap.stdout.readline() == "ready\n"
                yield found
                assert wait_for(lambda: ended(tap, a, b.address), 20.0, poll_s=0.1)
                found += [bytes.fromhex(line) for line in tap.stdout]
            finally:
                tap.kill()


def ended(tap: subprocess.Popen[str], sender: Host, address: str) -> bool:
    """Whether the tap has seen the mark; marks are sent until it has."""
    sender.space.run([sys.executable, "-c", MARK, address])
    return tap.poll() is not None


@contextmanager
def restored(*places: Path) -> Iterator[None]:
    """Directories that are afterwards as they were."""
    for place in places:
        shutil.copytree(place, place.with_name(f"{place.name}.kept"))
    try:
        yield
    finally:
        for place in places:
            shutil.rmtree(place)
            place.with_name(f"{place.name}.kept").rename(place)
