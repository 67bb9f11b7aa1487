"""The fault proxy in front of a daemon that answers each call with its reply."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from tests.lab_unit.test_rpc import packet
from virtmigrate_lab.host import Host
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.namespaces import Space
from virtmigrate_lab.processes import Process
from virtmigrate_lab.proxy import FaultProxy
from virtmigrate_lab.rpc import KEEPALIVE_PROGRAM, Framer, Kind
from virtmigrate_lab.rules import Cut, Delay, Drop, Duplicate, Hold

TIMEOUT_S = 10.0
FINISH = 306
STATE = 212


class Daemon:
    """Answers calls; remembers what it heard."""

    def __init__(self, path):
        self.heard = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.server.accept()
                thread = threading.Thread(target=self.answer, args=[peer], daemon=True)
                self.threads.append(thread)
                thread.start()

    def answer(self, peer):
        framer = Framer()
        with peer, contextlib.suppress(OSError):
            while data := peer.recv(4096):
                for message in framer.feed(data):
                    self.heard.append(message.procedure)
                    reply = packet(
                        message.procedure,
                        Kind.REPLY,
                        message.serial,
                        program=message.program,
                    )
                    peer.sendall(reply)

    def stop(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for thread in self.threads:
            thread.join(TIMEOUT_S)


@pytest.fixture
def host(tmp_path_factory):
    """A host that is nothing but a socket."""
    layout = Layout(tmp_path_factory.mktemp("l"))
    paths = layout.host("a")
    paths.socket.parent.mkdir(parents=True)
    space = Space(Process(0, 0), user=False)
    return Host("a", "qemu", "192.0.2.11", 0, "id", space, Process(0, 0), paths)


@pytest.fixture
def daemon(host):
    made = Daemon(host.socket)
    yield made
    made.stop()


class Client:
    """Sends calls, reads what comes back."""

    def __init__(self, proxy):
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.settimeout(TIMEOUT_S)
        self.peer.connect(str(proxy.socket))
        self.framer = Framer()
        self.waiting = []

    def call(self, procedure, serial=1, **more):
        self.peer.sendall(packet(procedure, serial=serial, **more))

    def reply(self):
        """The next message; None at the end of the connection."""
        while not self.waiting:
            try:
                data = self.peer.recv(4096)
            except ConnectionError:
                return None
            if not data:
                return None
            self.waiting += self.framer.feed(data)
        return self.waiting.pop(0)


@pytest.fixture
def through(host, daemon):
    """A client of the daemon through a proxy with these rules."""
    with contextlib.ExitStack() as stack:

        def connect(*rules):
            proxy = stack.enter_context(FaultProxy(host, rules))
            client = Client(proxy)
            stack.callback(client.peer.close)
            return client, proxy

        yield connect


def test_what_no_rule_names_passes(through, daemon):
    client, proxy = through(Drop(FINISH))
    client.call(STATE, serial=9)
    client.call(1, serial=10, program=KEEPALIVE_PROGRAM)
    assert [client.reply().serial for _ in range(2)] == [9, 10]
    assert sorted(m.procedure for m in proxy.passed) == [1, 1, STATE, STATE]
    assert not proxy.fired


def test_a_dropped_call_never_reaches_the_daemon(through, daemon):
    client, proxy = through(Drop(FINISH, "call"))
    client.call(FINISH)
    client.call(STATE)
    assert client.reply().procedure == STATE
    assert daemon.heard == [STATE]
    assert proxy.fired


def test_a_dropped_reply_comes_after_the_deed(through, daemon):
    client, _ = through(Drop(FINISH, "reply"))
    client.call(FINISH)
    client.call(STATE)
    assert client.reply().procedure == STATE
    assert daemon.heard == [FINISH, STATE]


def test_only_the_nth_is_lost(through, daemon):
    client, _ = through(Drop(STATE, "reply", nth=2))
    for serial in (1, 2, 3):
        client.call(STATE, serial=serial)
    assert [client.reply().serial for _ in range(2)] == [1, 3]


def test_every_one_is_lost(through, daemon):
    client, _ = through(Drop(STATE, "call", nth=0))
    for serial in (1, 2):
        client.call(STATE, serial=serial)
    client.call(FINISH, serial=3)
    assert client.reply().serial == 3


@pytest.mark.parametrize(("what", "heard"), [("call", []), ("reply", [FINISH])])
def test_a_cut_ends_the_connection_and_others_go_on(through, daemon, what, heard):
    client, proxy = through(Cut(FINISH, what))
    client.call(FINISH)
    assert client.reply() is None
    assert daemon.heard == heard
    again = Client(proxy)
    again.call(FINISH)
    assert again.reply().procedure == FINISH
    again.peer.close()


def test_a_delayed_reply_is_overtaken(through, daemon):
    client, _ = through(Delay(FINISH, "reply", seconds=0.2))
    client.call(FINISH)
    client.call(STATE)
    assert [client.reply().procedure for _ in range(2)] == [STATE, FINISH]


def test_a_held_reply_waits_until_it_is_released(through, daemon):
    hold = Hold(FINISH, "reply")
    client, _ = through(hold)
    client.call(FINISH)
    assert hold.fired.wait(TIMEOUT_S)
    client.call(STATE)
    assert client.reply().procedure == STATE
    hold.release()
    assert client.reply().procedure == FINISH


def test_a_duplicated_call_is_heard_twice(through, daemon):
    client, _ = through(Duplicate(FINISH, "call"))
    client.call(FINISH)
    assert [client.reply().procedure for _ in range(2)] == [FINISH, FINISH]
    assert daemon.heard == [FINISH, FINISH]


def test_garbage_ends_the_connection(through, daemon):
    client, _ = through()
    client.peer.sendall(b"\0\0\0\1" * 8)
    assert client.reply() is None


def test_without_a_daemon_the_client_is_sent_away(host):
    with FaultProxy(host) as proxy:
        client = Client(proxy)
        assert client.reply() is None
        client.peer.close()
    assert not proxy.socket.exists()
