"""The lab itself: what it claims to prove, it proves; what it starts, it ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from virtmigrate_lab import Lab
from virtmigrate_lab.processes import marked, wait_for
from virtmigrate_lab.proxy import Cut, FaultProxy
from virtmigrate_lab.rpc import Procedure

pytestmark = pytest.mark.lab

PAGE = 4096
MIB = 1 << 20
FIRST = 2 * MIB
"""Where the guest program keeps its pages: see guest.c."""


class Memory:
    """The memory of a guest, from outside."""

    def __init__(self, pid, memory_mib):
        self.path = Path(f"/proc/{pid}/mem")
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if end - start == memory_mib * MIB:
                self.start = start
        pages = (memory_mib * MIB - FIRST) // PAGE
        table = (pages * 4 + PAGE - 1) // PAGE
        self.data = self.start + FIRST + table * PAGE

    def read(self, page):
        with self.path.open("rb") as file:
            file.seek(self.data + page * PAGE)
            return file.read(PAGE)

    def write(self, page, content):
        with self.path.open("r+b") as file:
            file.seek(self.data + page * PAGE)
            file.write(content)


@pytest.fixture
def memory(lab, guest_name):
    """The memory of a guest that runs on host a and writes its first MiB."""
    options = lab.guest_start(
        guest_name, memory_mib=16, working_set_mib=1, dirty_rate_mib_s=1
    )
    return Memory(lab.hosts["a"].qemu(options.uuid).pid, 16)


def test_a_page_that_was_not_sent_again_is_found(lab, guest_name, memory):
    """What a lost page would be: as it was before its last write."""
    stale = memory.read(7)
    assert wait_for(lambda: memory.read(7) != stale, 10.0)
    lab.hosts["a"].virsh("suspend", guest_name)
    memory.write(7, stale)
    lab.hosts["a"].virsh("resume", guest_name)
    report = lab.guest_check(guest_name)
    assert report.errors
    assert report.first_bad_page == 7
    assert not report.ok


def test_a_wrong_bit_in_a_page_that_is_never_written_is_found(lab, guest_name, memory):
    assert lab.guest_check(guest_name).ok
    content = bytearray(memory.read(3000))
    content[-1] ^= 1
    memory.write(3000, bytes(content))
    report = lab.guest_check(guest_name)
    assert (report.errors, report.first_bad_page) == (1, 3000)


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": "sequential"},
        {"pattern": "random", "hot_percent": 10},
        {"pattern": "dense", "fill_percent": 50},
        {"pattern": "random-dense"},
    ],
    ids=lambda options: options["pattern"],
)
def test_it_writes_at_the_rate_that_was_asked_for(lab, guest_name, options):
    """By its own clock; what a busy machine kept it from is not made up for."""
    lab.guest_start(guest_name, working_set_mib=16, dirty_rate_mib_s=32, **options)
    heartbeat = lab.guests.heartbeat(guest_name)
    first = heartbeat.last_record()
    until = first.clock_ms + 1000
    assert wait_for(lambda: heartbeat.last_record().clock_ms >= until, 30.0)
    last = heartbeat.last_record()
    written_mib = (last.writes - first.writes) * PAGE / MIB
    rate = written_mib / ((last.clock_ms - first.clock_ms) / 1000)
    assert 16 < rate < 33
    assert lab.guest_check(guest_name).ok


def test_a_stopped_guest_does_not_advance_and_goes_on_where_it_was(lab, guest_name):
    """Stock libvirt, not live: the CPU stands still from here to there."""
    lab.guest_start(guest_name, memory_mib=16, working_set_mib=4)
    a, b = lab.hosts["a"], lab.hosts["b"]
    began = lab.now()
    a.virsh("suspend", guest_name)
    a.virsh("migrate", "--live", guest_name, b.uri)
    b.virsh("resume", guest_name)
    report = lab.guest_check(guest_name, since=began)
    assert report.ok, report.problems
    before, after = lab.guest_runs(guest_name, since=began, silence_s=0.1)
    assert (before.host, after.host) == ("a", "b")
    assert after.counter_first == before.counter_last + 1
    gap_ms = 1000 * (after.first - before.last)
    assert report.longest_silence_ms == pytest.approx(gap_ms, abs=1)


def test_a_lost_reply_of_finish_shows_as_a_double_run(lab, guest_name):
    lab.guest_start(guest_name, memory_mib=16)
    cut = Cut(Procedure.FINISH, "reply")
    with FaultProxy(lab.hosts["b"], [cut]) as proxy:
        argv = ["virsh", "-c", lab.hosts["a"].uri, "migrate", "--live", guest_name]
        done = subprocess.run(
            [*argv, proxy.uri], capture_output=True, timeout=60, check=False
        )
    assert done.returncode
    assert cut.fired.is_set()
    report = lab.guest_check(guest_name)
    assert report.running_on == ["a", "b"]
    assert report.double_run
    assert not report.ok


SERVER = """
import socket, sys
server = socket.create_server((sys.argv[1], 5555)); print('ready', flush=True)
peer, _ = server.accept()
while peer.recv(1 << 20): pass
peer.sendall(b'x')
"""
CLIENT = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], 5555), timeout=30)
began = time.monotonic()
peer.sendall(bytes(int(sys.argv[2]) << 20)); peer.shutdown(socket.SHUT_WR)
peer.recv(1); print(time.monotonic() - began)
"""


def test_a_shaped_link_is_no_faster_than_it_says(lab):
    """Both ways, whichever end was shaped; slower is the machine's business."""
    a, b = lab.hosts["a"], lab.hosts["b"]
    lab.link_rate(16, "a")
    for source, target in ((a, b), (b, a)):
        argv = [*target.space.enter(), sys.executable, "-c", SERVER, target.address]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            sent = source.space.run(
                [sys.executable, "-c", CLIENT, target.address, "16"]
            )
        assert float(sent) > 0.9


def test_a_cut_link_loses_what_is_sent_and_a_mended_one_does_not(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    probe = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], 1), timeout=0.5)\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except OSError: print('lost')\n"
    )

    def reach():
        return a.space.run([sys.executable, "-c", probe, b.address]).strip()

    assert reach() == "refused"
    lab.link_down("b")
    assert reach() == "lost"
    lab.link_up("b")
    assert wait_for(lambda: reach() == "refused", 20.0)


def test_a_host_that_crashed_comes_back_without_its_guests(lab, guest_name):
    lab.guest_start(guest_name, host="b", memory_mib=16)
    lab.hosts["b"].crash()
    assert lab.guest_check(guest_name).hosts["b"] == "unreachable"
    lab.daemon_restart("b")
    report = lab.guest_check(guest_name)
    assert report.hosts["b"] == "shut off"
    assert report.persistent == ["b"]
    assert not report.alive


def test_what_a_crashed_lab_left_is_ended_by_the_next_up(tmp_path_factory):
    directory = tmp_path_factory.mktemp("l") / "lab"
    crashed = Lab.up("1", state_dir=directory)
    crashed.guest_start("g", memory_mib=16)
    crashed.hosts["a"].daemon.kill()
    with Lab.up("1", state_dir=directory) as lab:
        assert lab.id != crashed.id
        assert marked(crashed.id) == []
        assert lab.guests.names() == []
        assert lab.hosts["a"].virsh("list", "--all", "--name").split() == []
    assert marked(lab.id) == []
    assert not directory.exists()


def test_two_labs_side_by_side_do_not_see_each_other(lab, tmp_path_factory):
    with Lab.up("1", state_dir=tmp_path_factory.mktemp("l") / "lab") as other:
        mine, theirs = lab.hosts["a"], other.hosts["a"]
        assert mine.address == theirs.address
        lab.guest_start("same", memory_mib=16)
        other.guest_start("same", memory_mib=16)
        assert lab.guest_check("same").ok
        assert other.guest_check("same").ok
    assert lab.guest_check("same").ok


def test_nobody_else_on_the_machine_sees_its_network(lab):
    names = {name for _, name in socket.if_nameindex()}
    assert "br0" not in names or "port0" not in names
    with pytest.raises(OSError), socket.socket() as peer:  # noqa: PT012
        peer.settimeout(1)
        peer.connect((lab.hosts["a"].address, 16509))


def run_lab(lab, *words):
    argv = [sys.executable, "-m", "virtmigrate_lab", *words]
    argv += ["--dir", str(lab.state_dir), "--json"]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def test_the_commands_speak_json(lab, guest_name):
    code, env = run_lab(lab, "env")
    assert code == 0
    assert env["hosts"]["b"]["uri"] == lab.hosts["b"].uri
    assert env["hosts"]["b"]["kind"] == "qemu"
    options = ["--memory", "16", "--working-set", "4", "--pattern", "random"]
    assert run_lab(lab, "guest", "start", guest_name, *options)[0] == 0
    code, report = run_lab(lab, "guest", "check", guest_name, "--since", "5s")
    assert (code, report["ok"]) == (0, True)
    lab.hosts["a"].virsh("suspend", guest_name)
    code, report = run_lab(lab, "guest", "check", guest_name)
    assert (code, report["hosts"]["a"]) == (1, "paused")
    assert run_lab(lab, "guest", "start", guest_name) == (2, None)
    assert run_lab(lab, "guest", "stop", guest_name)[0] == 0


ROOTLESS = """
set -e
lab="$1 -m virtmigrate_lab"
trap "$lab down" EXIT
$lab up
$lab guest start g --memory 16 --disk local:8
a="$($lab env --host a)" b="$($lab env --host b)"
virsh -q -c "$a" migrate --live --p2p --copy-storage-all g "$b"
$lab guest check g --json
"""


def test_it_works_without_root(tmp_path_factory):
    """As a user who may do nothing but make user namespaces."""
    directory = tmp_path_factory.mktemp("l") / "lab"
    user = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*user, "unshare", "-U", "true"], check=False).returncode:
        pytest.skip("this machine does not allow user namespaces to users")
    done = subprocess.run(
        [*user, "sh", "-c", ROOTLESS, "sh", sys.executable],
        capture_output=True,
        timeout=200,
        check=False,
        env={**os.environ, "VIRTMIGRATE_LAB_DIR": str(directory)},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["hosts"]["b"] == "running"
    assert report["disks"][0]["verified"] == 2048
    assert report["ok"]
    assert time.monotonic() > report["since"]
