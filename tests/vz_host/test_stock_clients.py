"""Stock virsh at vz hosts: what libvirt's vz driver accepts, ignores and refuses."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.vz_host.conftest import CALL_S, virsh
from virtmigrate_lab.vz_host.host import VzHost


@pytest.mark.parametrize("how", [(), ("--p2p",)], ids=["managed", "p2p"])
@pytest.mark.parametrize("container", [False, True], ids=["hvm", "exe"])
def test_a_live_move(hosts, furnish, how, container):
    furnish(container=container)
    assert virsh(hosts["a"], "migrate", "--live", *how, "g", hosts["b"].uri).code == 0
    assert virsh(hosts["a"], "list", "--all", "--name").out == ""
    assert virsh(hosts["b"], "list", "--name").out == "g"
    health = hosts.check("g")
    assert health.ok, health
    assert health.running_on == ("vz-b",)


MASK_BEGIN = "unsupported flags (0x{:x}) in function vzDomainMigrateBegin3Params"
MASK_PERFORM = "unsupported flags (0x{:x}) in function vzDomainMigratePerform3Params"
REFUSED = [
    (["--compressed"], MASK_BEGIN.format(0x800)),
    (["--p2p", "--compressed"], MASK_PERFORM.format(0x800)),
    (["--unsafe"], MASK_BEGIN.format(0x200)),
    (["--auto-converge"], MASK_BEGIN.format(0x2000)),
    (["--tls"], MASK_BEGIN.format(0x10000)),
    (["--copy-storage-all"], MASK_BEGIN.format(0x40)),
    (["--abort-on-error"], MASK_BEGIN.format(0x1000)),
    (["--p2p", "--tunnelled"], MASK_PERFORM.format(0x4)),
    (["--p2p", "--change-protection"], MASK_PERFORM.format(0x100)),
    (["--change-protection"], "cannot enforce change protection"),
    (["--offline", "--persistent"], "offline migration is not supported by the source"),
    (["--bandwidth", "5"], "Bandwidth rate limiting is not supported"),
    (["--graphicsuri", "spice://x:1"], "parameter 'graphics_uri' not supported"),
    (["--migrateuri", "tcp://vz-b"], "unsupported scheme tcp in migration URI"),
    (["--migrateuri", "vzmigr://vz-b/"], "only scheme, host and port are supported"),
    (["--migrateuri", "vzmigr://nowhere"], "Unable to connect to the destination"),
    (["--migrateuri", "vzmigr://vz-b:1"], "Unable to connect to the destination"),
]


@pytest.mark.parametrize(
    ("words", "text"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED]
)
def test_what_is_refused(hosts, furnish, words, text):
    furnish()
    live = [] if "--offline" in words else ["--live"]
    said = virsh(hosts["a"], "migrate", *live, *words, "g", hosts["b"].uri)
    assert said.code == 1
    assert text in said.err
    assert hosts.check("g").running_on == ("vz-a",)
    assert hosts.check("g").ok


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--persistent", "--undefinesource"],
        ["--p2p", "--bandwidth", "5"],
        ["--copy-storage-inc"],
        ["--migrateuri", "vzmigr://vz-b"],
        ["--migrateuri", "vzmigr://vz-b:64000"],
    ],
    ids=" ".join,
)
def test_what_is_accepted_changes_nothing(hosts, furnish, words):
    furnish()
    assert virsh(hosts["a"], "migrate", *words, "g", hosts["b"].uri).code == 0
    assert virsh(hosts["a"], "list", "--all", "--name").out == ""
    assert "Persistent:     yes" in virsh(hosts["b"], "dominfo", "g").out
    assert hosts.check("g").longest_silence_ms < 1000
    assert hosts.check("g").ok


def test_a_new_name(hosts, furnish):
    furnish()
    said = virsh(hosts["a"], "migrate", "--live", "--dname", "h", "g", hosts["b"].uri)
    assert said.code == 0
    assert virsh(hosts["b"], "list", "--name").out == "h"
    assert "<name>h</name>" in virsh(hosts["b"], "dumpxml", "h").out


def test_paused_stays_paused_and_stopped_moves_cold(hosts, furnish):
    furnish("p")
    furnish("s", run=False)
    virsh(hosts["a"], "suspend", "p")
    for name in ("p", "s"):
        assert virsh(hosts["a"], "migrate", name, hosts["b"].uri).code == 0
    assert virsh(hosts["b"], "domstate", "p").out == "paused"
    assert virsh(hosts["b"], "domstate", "s").out == "shut off"
    assert virsh(hosts["b"], "resume", "p").code == 0
    assert hosts.check("p").ok


def test_progress_is_percent_and_the_state_tells_nothing(hosts, furnish):
    furnish(memory_mib=2000)
    hosts["a"].control(rate_mib_s=100)
    words = ["virsh", "-c", hosts["a"].uri, "migrate", "g", hosts["b"].uri]
    with subprocess.Popen(words, stderr=subprocess.PIPE, encoding="utf-8") as moving:
        until = time.monotonic() + CALL_S
        while not any(hosts["a"].control()["jobs"].values()):
            assert time.monotonic() < until
        info = virsh(hosts["a"], "domjobinfo", "g").out
        assert "Data total:       100.000 B" in info
        assert (
            virsh(hosts["a"], "domstate", "--reason", "g").out == "paused (migrating)"
        )
        assert hosts.check("g").running_on == ("vz-a",)
        assert virsh(hosts["a"], "domjobabort", "g").code == 0
        assert moving.wait(CALL_S) == 1
        assert "internal error: Operation was canceled" in moving.stderr.read()
    assert hosts.check("g").ok
    assert "no job is active" in virsh(hosts["a"], "domjobabort", "g").err


def test_no_change_of_state_while_it_moves(hosts, furnish):
    furnish(memory_mib=2000)
    hosts["a"].control(stalled=True, lock_wait_s=0.2)
    words = ["virsh", "-c", hosts["a"].uri, "migrate", "g", hosts["b"].uri]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as moving:
        until = time.monotonic() + CALL_S
        while not hosts["a"].control()["jobs"]:
            assert time.monotonic() < until
        assert (
            "cannot acquire state change lock" in virsh(hosts["a"], "suspend", "g").err
        )
        virsh(hosts["a"], "domjobabort", "g")
        moving.wait(CALL_S)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("suspend", "s"), "Can't change domain state."),
        (("resume", "s"), "Can't change domain state."),
        (("suspend", "nobody"), "failed to get domain"),
        (
            ("migrate-setmaxdowntime", "s", "5"),
            "unknown procedure",
        ),
        (("autostart", "s"), "unknown procedure"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else None,
)
def test_misuse(hosts, furnish, words, text):
    furnish("s", run=False)
    said = virsh(hosts["a"], *words)
    assert said.code == 1
    assert text in said.err


def test_only_the_system_can_be_opened(hosts):
    said = virsh(hosts["a"].uri.replace("/system", "/session"), "list")
    assert "unexpected Virtuozzo URI path '/session'" in said.err


def test_undefine_deletes_what_runs(hosts, furnish):
    furnish()
    assert virsh(hosts["a"], "undefine", "g").code == 0
    assert hosts.check("g").running_on == ()


def test_images_must_be_there(hosts, furnish):
    virsh(hosts["a"], "vol-create-as", "images", "g.img", "1M")
    hosts["a"].file("/vz/images/g.img").write_bytes(b"data")
    furnish(disks=("/vz/images/g.img",))
    said = virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri)
    assert "The disk image /vz/images/g.img does not exist" in said.err
    assert virsh(hosts["b"], "vol-create-as", "images", "g.img", "1M").code == 0
    assert virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri).code == 0
    assert hosts["b"].file("/vz/images/g.img").read_bytes() == b"data"
    assert not hosts["a"].file("/vz/images/g.img").exists()


def test_shared_images_stay(hosts, furnish):
    virsh(hosts["a"], "vol-create-as", "shared", "g.img", "1M")
    furnish(disks=("/shared/images/g.img",))
    assert "g.img" in virsh(hosts["b"], "vol-list", "shared").out
    assert virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri).code == 0
    assert "g.img" in virsh(hosts["a"], "vol-list", "shared").out


def test_a_volume_comes_and_goes(hosts):
    assert virsh(hosts["a"], "vol-create-as", "images", "d", "2M").code == 0
    assert "2.00 MiB" in virsh(hosts["a"], "vol-info", "d", "images").out
    assert (
        "exists already" in virsh(hosts["a"], "vol-create-as", "images", "d", "1M").err
    )
    assert virsh(hosts["a"], "vol-path", "d", "images").out == "/vz/images/d"
    assert virsh(hosts["a"], "vol-delete", "d", "images").code == 0
    assert virsh(hosts["a"], "vol-list", "images").out == ""


def test_paused_at_the_destination(hosts, furnish):
    furnish()
    words = ("migrate", "--live", "--suspend", "g", hosts["b"].uri)
    assert virsh(hosts["a"], *words).code == 0
    assert virsh(hosts["b"], "domstate", "g").out == "paused"


@pytest.mark.parametrize("how", [(), ("--p2p",)], ids=["managed", "p2p"])
def test_another_document_is_refused(hosts, furnish, how):
    furnish()
    path = hosts.world / "g.xml"
    words = ("migrate", "--live", *how, "--xml", str(path), "g", hosts["b"].uri)
    said = virsh(hosts["a"], *words)
    assert "Changing destination XML is not supported" in said.err
    assert hosts.check("g").running_on == ("vz-a",)


def test_a_failed_perform_is_finished_in_silence(hosts, furnish):
    """The driver sets no error: the client keeps perform's own."""
    furnish()
    hosts["a"].fault("perform", text="out of luck")
    said = virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri)
    assert said.err == "error: internal error: out of luck"
    assert hosts.check("g").running_on == ("vz-a",)


@pytest.mark.parametrize("action", ["error", "cut"])
def test_a_failed_finish_fails_no_peer_to_peer_move(hosts, furnish, action):
    """It only warns: by then nothing can be taken back."""
    furnish()
    hosts["b"].fault("finish", action=action)
    said = virsh(hosts["a"], "migrate", "--live", "--p2p", "g", hosts["b"].uri)
    assert said.code == 0, said.err
    assert hosts["b"].control()["faults"] == 0, "it has struck"
    assert hosts.check("g").running_on == ("vz-b",)


def test_events(hosts, furnish):
    """Resume is told as a start, and a move begins with an event of zeros."""
    furnish()
    words = ["virsh", "-c", hosts["a"].uri, "event", "--event", "lifecycle", "--loop"]
    with subprocess.Popen(
        [*words, "--timeout", "3"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as listening:
        until = time.monotonic() + CALL_S
        while not hosts["a"].control()["listeners"]:
            assert time.monotonic() < until
        virsh(hosts["a"], "suspend", "g")
        virsh(hosts["a"], "resume", "g")
        virsh(hosts["a"], "migrate", "--live", "g", hosts["b"].uri)
        heard = listening.communicate(timeout=CALL_S)[0]
    told = [line.split(": ", 1)[1] for line in heard.split("\n") if "event '" in line]
    assert told == [
        "Suspended Paused",
        "Started Booted",
        "Defined Added",
        "Undefined Removed",
    ]


def test_by_tcp_as_well(hosts, furnish):
    import socket  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    furnish()
    there = VzHost("vz-c", hosts.world, port=port).up()
    try:
        said = virsh(hosts["a"], "migrate", "--live", "--p2p", "g", there.tcp_uri)
        assert said.code == 0, said.err
        assert virsh(there.tcp_uri, "list", "--name").out == "g"
        other = there.tcp_uri.replace("vz+", "parallels+")
        assert virsh(other, "list", "--name").out == "g"
    finally:
        there.down()
