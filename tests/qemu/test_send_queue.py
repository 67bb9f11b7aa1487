"""A send queue that is made short, on real sockets of real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from contextlib import contextmanager

import pytest

from tests.requirements import requirement
from virtmigrate.uri import parse_uri
from virtmigrate_qemu import send_queue
from virtmigrate_qemu.send_queue import LEAST_BYTES, port_of, queue_of, shorten

GUEST = str(uuid.uuid4())
RATE = 64 << 20
SENDER = f"""
import os, socket, sys
hosts = sys.argv[4].split(",")
streams = [socket.create_connection((host, int(sys.argv[3]))) for host in hosts]
for line in sys.stdin:
    asked = (socket.IPPROTO_TCP, {send_queue.NOTSENT_LOWAT})
    print(max(stream.getsockopt(*asked) for stream in streams), flush=True)
    print(all(os.get_blocking(stream.fileno()) for stream in streams), flush=True)
"""


class Sender:
    """A process that sends a guest's memory somewhere, as far as anybody can see."""

    def __init__(self, process, port):
        self.port = port
        self._process = process

    def limit(self):
        """The most that may wait in one of its sockets, as it sees it."""
        self._process.stdin.write("how much?\n")
        self._process.stdin.flush()
        limit, blocks = (self._process.stdout.readline().strip() for _ in range(2))
        assert blocks == "True"
        return int(limit)


@contextmanager
def sending(said="-uuid", hosts=("127.0.0.1",)):
    """Start one that connects to these addresses of one port, and end it."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        words = ["a-qemu", "-I", "-S", "-c", SENDER, said, GUEST, str(port)]
        words.append(",".join(hosts))
        with subprocess.Popen(
            words,
            executable=sys.executable,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            sender = Sender(process, port)
            accepted = [listener.accept()[0] for _ in hosts]
            try:
                yield sender
            finally:
                for each in accepted:
                    each.close()
                process.stdin.close()


@requirement("ends.short-queue")
def test_the_socket_of_another_process_is_made_short():
    with sending() as sender:
        assert sender.limit() != LEAST_BYTES
        assert shorten(GUEST, sender.port, 1) == LEAST_BYTES
        assert sender.limit() == LEAST_BYTES


def test_several_streams_share_what_may_wait():
    with sending(hosts=["127.0.0.1"] * 4) as sender:
        assert shorten(GUEST, sender.port, 9 * LEAST_BYTES) == 9 * LEAST_BYTES // 4 * 4
        assert sender.limit() == 9 * LEAST_BYTES // 4
        assert shorten(GUEST, sender.port, LEAST_BYTES) == 4 * LEAST_BYTES
        assert sender.limit() == LEAST_BYTES


@requirement("ends.short-queue")
def test_of_others_nothing_is_touched():
    """Another guest, another port, and a program that is no QEMU."""
    with sending() as sender, sending("--note") as other:
        before = sender.limit()
        assert shorten(str(uuid.uuid4()), sender.port, LEAST_BYTES) == 0
        assert shorten(GUEST, other.port, LEAST_BYTES) == 0
        assert (sender.limit(), other.limit()) == (before, before)


@requirement("ends.short-queue")
def test_whoever_embeds_us_with_a_timeout_of_his_own_changes_nothing_of_qemu():
    with sending() as sender:
        socket.setdefaulttimeout(1.0)
        try:
            assert shorten(GUEST, sender.port, 1) == LEAST_BYTES
        finally:
            socket.setdefaulttimeout(None)
        assert sender.limit() == LEAST_BYTES


@requirement("ends.short-queue")
def test_which_of_several_hosts_takes_the_memory_is_not_guessed():
    with sending(hosts=["127.0.0.1", "127.0.0.2"]) as sender:
        before = sender.limit()
        queue = queue_of(parse_uri("qemu:///system"), GUEST, f"tcp:b:{sender.port}")
        assert not queue.follow(RATE)
        assert "several hosts" in queue.why_not
        assert sender.limit() == before


@requirement("ends.short-queue")
def test_what_others_have_open_to_that_port_is_nobody_s_doubt():
    with (
        sending() as sender,
        socket.create_connection(("127.0.0.3", sender.port)) as other,
    ):
        before = other.getsockopt(socket.IPPROTO_TCP, send_queue.NOTSENT_LOWAT)
        assert shorten(GUEST, sender.port, 1) == sender.limit() == LEAST_BYTES
        asked = (socket.IPPROTO_TCP, send_queue.NOTSENT_LOWAT)
        assert other.getsockopt(*asked) == before


def test_it_follows_a_link_that_turns_out_faster():
    with sending() as sender:
        queue = queue_of(parse_uri("qemu:///system"), GUEST, f"tcp:b:{sender.port}")
        assert queue.follow(RATE)
        assert sender.limit() == queue.bytes == round(0.002 * RATE)
        assert not queue.follow(1.5 * RATE)
        assert not queue.follow(RATE / 10)
        assert queue.follow(20 * RATE)
        assert sender.limit() == queue.bytes == round(0.002 * 20 * RATE)


@requirement("ends.short-queue")
@pytest.mark.parametrize(
    "why",
    [PermissionError(1, "Operation not permitted"), ValueError("x"), IndexError("x")],
)
def test_where_it_may_not_all_stays_and_nobody_asks_again(monkeypatch, why):
    asked = []

    def denied(*words):
        asked.append(words)
        raise why

    monkeypatch.setattr(send_queue, "shorten", denied)
    queue = queue_of(parse_uri("qemu:///system"), GUEST, "tcp://b:49152")
    assert [queue.follow(RATE), queue.follow(9 * RATE)] == [False, False]
    assert len(asked) == 1
    assert queue.why_not == str(why)
    assert queue.bytes == 0


def test_a_guest_of_another_machine_is_not_looked_for_again():
    queue = queue_of(parse_uri("qemu:///system"), GUEST, "tcp://b:49152")
    assert not queue.follow(RATE)
    assert queue.why_not == "its QEMU does not run here"


@pytest.mark.parametrize(
    "source", ["qemu+ssh://root@a/system", "qemu+tls://a/system", "qemu://a/system"]
)
def test_a_source_that_is_reached_over_the_network_is_left_alone(source):
    assert queue_of(parse_uri(source), GUEST, "tcp://b:49152") is None


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        ("tcp:10.0.0.2:49152", 49152),
        ("tcp://b:49152", 49152),
        ("tcp://b:49152/", 49152),
        ("tcp://[::1]:49153", 49153),
        ("tcp://b", None),
        ("unix:///run/x.sock", None),
        ("rdma://b:49152", None),
        ("tcp://b:port", None),
        ("tcp://[b", None),
        ("", None),
    ],
)
def test_where_the_memory_goes_is_read_as_libvirt_writes_it(uri, port):
    assert port_of(uri) == port
