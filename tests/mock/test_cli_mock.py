"""The command line against mock worlds in files: bad input, moves, signals, a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.requirements import requirement
from virtmigrate.cli import main
from virtmigrate.events import EVENT
from virtmigrate_mock import World

MAIN = (
    "import signal, sys; from virtmigrate.cli import main;"
    # a job in the background is started with it ignored
    "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
)
FAST = 1000.0
WAIT_S = 20


@dataclass
class Said:
    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def virtmigrate(capsys, tmp_path, monkeypatch):
    """The command line in this process, with what is installed."""
    for name in ("VIRTMIGRATE_CONNECT", "VIRTMIGRATE_DEBUG", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIRTMIGRATE_STATE_DIR", str(tmp_path / "state"))

    def call(*words):
        capsys.readouterr()
        code = main(words)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


def world_in(tmp_path, style="qemu-like", **more):
    """Two hosts; `web` on a, and `taken` on b."""
    more = {"speed": FAST, "link_mib_s": 100.0} | more
    world = World.create(path=tmp_path / "world", style=style, **more)
    world.add_guest("a", "web", memory_mib=256)
    world.add_guest("b", "taken", memory_mib=64)
    return world


@pytest.fixture
def world(tmp_path):
    return world_in(tmp_path)


def shape(world):
    """What no refused request may change: who is where, doing what."""
    return {
        (name, host): (copy.persistent_xml, copy.live is None)
        for name in ("web", "taken")
        for host, copy in world.copies(name).items()
    }


A, B = "{a}", "{b}"
BAD = {
    "unknown option": (["plan", "web", B, "--lve"], {"--lve"}, "--live"),
    "out of range": (
        ["migrate", "web", B, "--disks-port", "70000"], {"disks_port"}, "1-65535",
    ),
    "no number": (
        ["migrate", "web", B, "--bandwidth", "1G"], {"bandwidth_mib_s"}, "MiB/s",
    ),
    "both answers": (["migrate", "web", B, "--live", "--no-live"], {"live"}, "neither"),
    "contradictions": (
        ["migrate", "web", B, "--copy-storage-all", "--copy-storage-inc",
         "--postcopy", "--no-live"],
        {"copy-all-and-inc"}, "choose one",
    ),
    "no URI": (["migrate", "web", "elsewhere"], {"uri"}, "begin with"),
    "a transport that runs a program": (
        ["migrate", "web", "mock+ext:///world?host=b"], {"uri"}, "transport",
    ),
    "a command in the URI": (
        ["migrate", "web", "{b}&command=/bin/sh"], {"uri"}, "only key",
    ),
    "a host like an option": (
        ["migrate", "web", "qemu+ssh://-oProxyCommand=x/system"], {"uri"}, "dash",
    ),
    "no hypervisor": (["migrate", "web", "xen:///x"], None, "plugins"),
    "unknown guest": (["migrate", "nobody", B], {"nobody"}, ""),
    "same host": (["migrate", "web", A], None, "another"),
    "name taken": (["migrate", "web", B, "--dname", "taken"], None, "--dname"),
    "a guest like an option": (["migrate", "--", "-web", B], {"-web"}, ""),
    "control characters": (["migrate", "w\x1b[2Jb", B], None, ""),
    "a DTD": (["migrate", "web", B, "--xml", "{dtd}"], {"dest_xml"}, ""),
}  # fmt: skip


@requirement("say.refused-untouched")
@requirement("say.all-at-once")
@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_side_and_remedy_and_touches_nothing(
    virtmigrate, world, tmp_path, case
):
    words, subjects, hint = BAD[case]
    dtd = tmp_path / "dtd.xml"
    dtd.write_text(
        "<!DOCTYPE domain [<!ENTITY x 'x'>]><domain type='mock'>&x;</domain>",
        encoding="utf-8",
    )
    put = {"a": world.uri("a"), "b": world.uri("b"), "dtd": str(dtd)}
    before = shape(world)
    as_json = () if "--" in words else ("--json",)
    typed = (word.format(**put) for word in words)
    said = virtmigrate("-c", world.uri("a"), *typed, *as_json)
    assert said.code == 2
    assert "refused: " in said.err
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err
    assert hint in " ".join(said.err.split())
    assert shape(world) == before
    assert world.violations() == []
    if "--" not in words:
        document = said.json()
        assert document["outcome"] == "refused"
        found = {item["subject"] for item in document["refusals"]}
        assert subjects is None or subjects <= found
        assert all(item["side"] and item["remedy"] for item in document["refusals"])


@requirement("say.all-at-once")
def test_all_contradictions_are_told_at_once(virtmigrate, world):
    said = virtmigrate(
        "-c", world.uri("a"), "plan", "web", world.uri("b"), "--json",
        "--copy-storage-all", "--copy-storage-inc", "--offline", "--live",
        "--tunnelled", "--dname", "taken",
    )  # fmt: skip
    assert said.code == 2
    assert len(said.json()["refusals"]) >= 4
    sides = {item["side"] for item in said.json()["refusals"]}
    assert {"request", "source", "destination"} <= sides


@requirement("check.everything")
def test_check_tells_every_blocker_and_touches_nothing(virtmigrate, world, tmp_path):
    other = World.create(path=tmp_path / "other", style="vz-like")
    before = shape(world)
    said = virtmigrate("-c", world.uri("a"), "check", "web", other.uri("b"), "--json")
    assert said.code == 2
    found = {each["id"]: each for each in said.json()["findings"]["blocker"]}
    assert {"other-world", "other-style"} <= found.keys()
    assert all(each["side"] and each["remedy"] for each in found.values())
    told = virtmigrate("-c", world.uri("a"), "check", "web", other.uri("b"))
    assert f"{len(found)} blockers" in told.out
    assert virtmigrate("-c", world.uri("a"), "check", "web", world.uri("b")).code == 0
    assert shape(world) == before
    assert not (tmp_path / "state").exists()


@requirement("explain.same-tables")
def test_explain_of_a_move_that_was_made(virtmigrate, world, tmp_path):
    words = ("-c", world.uri("a"), "migrate", "web", world.uri("b"), "--json")
    moved = virtmigrate(*words, "--no-live").json()["migration"]
    told = virtmigrate("explain", "--plan", moved, "--json").json()
    assert told["ok"]
    assert {step["phase"] for step in told["steps"]} >= {"begin", "commit", "confirm"}
    rows = {row["option"]: row["effective"] for row in told["options"]}
    assert rows["live"] is False


@requirement("apps.all-four")
@pytest.mark.parametrize("style", ["qemu-like", "vz-like"])
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--compressed", "--live", "--persistent", "--undefinesource"],
        ["--no-live", "--no-undefinesource"],
        ["--suspend"],
    ],
    ids=lambda words: " ".join(words) or "bare",
)
def test_a_move_through_the_command_line(virtmigrate, tmp_path, style, words):
    world = world_in(tmp_path, style)
    said = virtmigrate(
        "-c", world.uri("a"), "migrate", "web", world.uri("b"), "--json", *words
    )
    assert said.code == 0, said.err
    assert said.json()["outcome"] == "succeeded"
    assert world.where("web") == (["b"] if "--suspend" not in words else [])
    assert world.violations() == []
    assert virtmigrate("status", "--json").json() == {"open": [], "owing": []}


@requirement("compressed.explicit-no")
def test_a_no_that_can_not_be_honoured_is_refused_by_name(virtmigrate, tmp_path):
    world = world_in(tmp_path, "vz-like")
    said = virtmigrate(
        "-c", world.uri("a"), "migrate", "web", world.uri("b"), "--no-compressed"
    )
    assert said.code == 2
    assert "--no-compressed" in said.err
    assert world.where("web") == ["a"]


def test_peer_to_peer_and_rename(virtmigrate, world):
    words = ("-c", world.uri("a"), "migrate", "web", world.uri("b"), "--events", "-q")
    said = virtmigrate(*words, "--p2p", "--dname", "www")
    assert said.code == 0, said.err
    told = [EVENT.validate_json(line) for line in said.out.splitlines()]
    assert told[0].kind == "started"
    assert told[-1].kind == "ended"
    assert world.where("www") == ["b"]


def test_capabilities_of_both_styles(virtmigrate, world):
    data = virtmigrate("capabilities", world.uri("a"), "--json").json()
    assert data["hypervisor"] == "mock"
    assert "live" in virtmigrate("capabilities", world.uri("a")).out


def test_the_plugin_is_listed_with_its_distribution(virtmigrate):
    plugins = virtmigrate("plugins", "--json").json()["plugins"]
    mock = next(plugin for plugin in plugins if plugin["name"] == "mock")
    assert mock["origin"].startswith("virtmigrate-mock ")
    assert mock["error"] == ""


# Signals, in a process of its own, on a link so slow that it never gets done.


def slow_move(world, state_dir):
    """A migration that is in its transfer; at the first event `progress`."""
    environment = {**os.environ, "VIRTMIGRATE_STATE_DIR": str(state_dir)}
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "-c", world.uri("a"), "migrate", "web",
         world.uri("b"), "--events"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        env=environment,
    )  # fmt: skip
    for line in process.stdout:
        if json.loads(line)["kind"] == "progress":
            return process
    raise AssertionError(process.communicate()[1])


def ended(process):
    out, err = process.communicate(timeout=WAIT_S)
    return Said(process.returncode, out, err)


@pytest.fixture
def slow_world(tmp_path):
    return world_in(tmp_path, speed=1.0, link_mib_s=1.0)


@requirement("ends.cancel")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@requirement("cli.first-signal")
def test_a_signal_cancels_and_rolls_back(slow_world, tmp_path, number):
    process = slow_move(slow_world, tmp_path / "state")
    process.send_signal(number)
    said = ended(process)
    assert said.code == 1
    assert "cancelling" in said.err
    assert "rolled back: web" in said.err
    last = EVENT.validate_json(said.out.splitlines()[-1])
    assert last.result.limit
    assert slow_world.where("web") == ["a"]
    assert slow_world.violations() == []


@requirement("cli.second-signal")
def test_a_second_ctrl_c_leaves_and_names_recover(slow_world, tmp_path, virtmigrate):
    process = slow_move(slow_world, tmp_path / "state")
    process.send_signal(signal.SIGSTOP)
    # Both wait while it is stopped: two different ones, so that none is merged away.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    said = ended(process)
    (entry,) = virtmigrate("status", "--json").json()["open"]
    assert said.code == 3
    assert f"virtmigrate recover {entry['migration']}" in said.err
    assert entry["needs_recovery"] is True


def test_a_killed_controller_is_seen_by_status(slow_world, tmp_path, virtmigrate):
    process = slow_move(slow_world, tmp_path / "state")
    (entry,) = virtmigrate("status", "--json").json()["open"]
    assert entry["needs_recovery"] is False
    assert f"process {process.pid} carries it out" in virtmigrate("status").out
    process.kill()
    ended(process)
    (entry,) = virtmigrate("status", "--json").json()["open"]
    assert entry["needs_recovery"] is True
    refused = virtmigrate(
        "-c", slow_world.uri("a"), "migrate", "web", slow_world.uri("b")
    )
    assert refused.code == 2
    assert f"virtmigrate recover {entry['migration']}" in refused.err


def test_a_reader_of_events_that_leaves_does_not_stop_the_guest(tmp_path):
    world = world_in(tmp_path, speed=2.0, link_mib_s=200.0)
    process = slow_move(world, tmp_path / "state")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=WAIT_S) == 0
    process.stderr.close()
    assert "nobody reads the events" in err
    assert world.where("web") == ["b"]
