"""A short queue for the memory that leaves, where we run on the source's own machine.

QEMU hands its socket what the buffer takes, up to 4 MiB (`tcp_wmem`), or 60 ms at
64 MiB/s. A page that post-copy asks for waits behind all of it, each time, and so does
the last of the memory at a switchover. Who may trace QEMU can borrow that one socket
(`pidfd_getfd(2)`, Linux 5.6) and say how much may wait in it (`TCP_NOTSENT_LOWAT`,
`tcp(7)`): what is under way is not limited, nothing of the host is changed, and it ends
with the socket. Where that is not possible, all stays as it was.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from virtmigrate_libvirt.uri import transport_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.uri import HostURI

NOTE = "qemu.send-queue"
"""Key of the note that says how long it was made, bytes, or why it was not."""
LEAST_BYTES = 32 << 10
"""Shorter, a sender that is late by a timeslice would leave the link idle."""
WAITS_S = 0.002
"""So much of what a link carries may wait."""
LONGER = 2.0
"""A link that turns out so many times as fast gets a longer one."""
PIDFD_GETFD = 438
"""The number of the system call, the same on every architecture."""
NOTSENT_LOWAT = 25
"""`TCP_NOTSENT_LOWAT` of `linux/tcp.h`, which Python does not name before 3.12."""
ESTABLISHED = "01"
PROC = Path("/proc")
_PORT = re.compile(r"tcp:.*:([0-9]{1,5})/?")


@dataclass(slots=True)
class SendQueue:
    """The sockets of one transfer, shortened once its link shows how fast it is.

    Attributes:
        uuid: The guest.
        port: Where its memory goes, at the destination.
        bytes: What may wait in all of them; 0 = what the hosts have by themselves.
        why_not: Why it is not ours to say; "" = nothing is known against it.
    """

    uuid: str
    port: int
    bytes: int = 0
    why_not: str = ""

    def follow(self, rate_bytes_s: float) -> bool:
        """Adapt it to the rate that is seen now; whether anything was changed."""
        wanted = round(WAITS_S * rate_bytes_s)
        if self.why_not or wanted < LONGER * self.bytes:
            return False
        try:
            told = shorten(self.uuid, self.port, wanted)
        except (OSError, ValueError, LookupError) as error:
            # Not ours to touch, or a kernel that tells of it in other words: the move
            # does without.
            self.why_not = str(error)
            return False
        if not told:
            self.why_not = "its QEMU does not run here"
        self.bytes = told
        return bool(told)


def queue_of(uri: HostURI, uuid: str, memory_uri: str) -> SendQueue | None:
    """The queue of a transfer; None where it can't be on this machine.

    Args:
        uri: Of the source.
        uuid: The guest.
        memory_uri: Where its memory goes.
    """
    port = port_of(memory_uri)
    return SendQueue(uuid.lower(), port) if port and not out_of_reach(uri) else None


def out_of_reach(uri: HostURI) -> str:
    """Why that source's queue can't be made short from here; "" = nothing is known.

    Args:
        uri: Of the source.
    """
    if transport_of(uri) != "unix":
        return "virtmigrate does not run on the source's machine"
    if not hasattr(os, "pidfd_open"):
        return "this system has no call to borrow a socket"
    return ""


def port_of(uri: str) -> int | None:
    """The port to which the memory goes; None = by other means, or not to be read.

    libvirt itself writes `tcp:HOST:PORT`, as it did before it could read a URI.
    """
    found = _PORT.fullmatch(uri)
    return int(found[1]) if found else None


def shorten(uuid: str, port: int, queue_bytes: int) -> int:
    """Let so much wait in the sockets by which a guest's memory leaves.

    Args:
        uuid: The guest.
        port: Where its memory goes, at the destination.
        queue_bytes: Most that may wait in all of them; `LEAST_BYTES` in each.

    Returns:
        What may wait now; 0 = none is here, as the guest runs on another machine.

    Raises:
        OSError: They are here, and may not be touched.
        LookupError: Which ones they are can't be told.
    """
    told = 0
    for pid in _qemus(uuid):
        with _held(pid) as process:
            numbers = _sockets(pid, port)
            each = max(LEAST_BYTES, queue_bytes // max(1, len(numbers)))
            for number in numbers:
                with _borrowed(process, number) as taken:
                    _let_wait(taken, each)
                told += each
    return told


def _qemus(uuid: str) -> Iterator[int]:
    """Processes that run a guest of this UUID, by QEMU's own words for it."""
    said = b"\0-uuid\0%b\0" % uuid.encode("ascii")
    for entry in PROC.iterdir():
        try:
            if entry.name.isdecimal() and said in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue  # it has ended, or is not ours to see


def _sockets(pid: int, port: int) -> list[int]:
    """Its descriptors of connections to a port.

    Raises:
        LookupError: It has some to that port of several hosts: which one takes the
            memory is not known (disks can be reached by such ports, too).
    """
    there = _connections(pid, port)
    found = {}
    for link in (PROC / str(pid) / "fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target in there:
            found[int(link.name)] = there[target]
    if len(set(found.values())) > 1:
        msg = f"it has connections to port {port} of several hosts"
        raise LookupError(msg)
    return list(found)


def _connections(pid: int, port: int) -> dict[str, str]:
    """What descriptors of connections to a port are called in its network, and to whom.

    The table is the network's: most are other processes'.
    """
    found = {}
    tables = (PROC / str(pid) / "net" / name for name in ("tcp", "tcp6"))
    for path in filter(Path.exists, tables):  # a host may have no IPv6
        for row in path.read_text(encoding="ascii").splitlines()[1:]:
            _, _, remote, state, *rest = row.split()
            host, _, number = remote.rpartition(":")
            if state == ESTABLISHED and int(number, 16) == port:
                found[f"socket:[{rest[5]}]"] = host
    return found


@contextmanager
def _held(pid: int) -> Iterator[int]:
    """A process that stays what it is, whoever gets its number next."""
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)


@contextmanager
def _borrowed(process: int, number: int) -> Iterator[int]:
    """A descriptor of our own for another process's socket."""
    taken = _done(_libc().syscall(PIDFD_GETFD, process, number, 0))
    try:
        yield taken
    finally:
        os.close(taken)


def _let_wait(taken: int, most_bytes: int) -> None:
    """Set the one option, and nothing else.

    A `socket` object of Python's would also make it (not) blocking, by its own default,
    for everybody who has it.
    """
    value = ctypes.c_int(most_bytes)
    of_tcp = (socket.IPPROTO_TCP, NOTSENT_LOWAT)
    size = ctypes.sizeof(value)
    _done(_libc().setsockopt(taken, *of_tcp, ctypes.byref(value), size))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _done(answer: int) -> int:
    """What a call gave, unless it failed."""
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
