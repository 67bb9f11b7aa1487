"""By TLS and by ssh: moves that arrive, and hosts that are not who they should be."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.lab.reach import (
    ONE_CALL,
    PLAIN,
    TLS_HANDSHAKE,
    Site,
    restored,
)
from tests.requirements import requirement
from virtmigrate_lab import Lab, LabUnavailable, obstacles, pki, ssh, ways
from virtmigrate_lab.processes import marked
from virtmigrate_lab.pytest_plugin import refuse
from virtmigrate_lab.qemu_host import QUICK_START

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def site():
    """Two hosts that are reached by TLS and by ssh."""
    reasons = obstacles()
    try:
        ways.check(ways.WAYS)
    except LabUnavailable as error:
        reasons += error.obstacles
    if reasons:
        refuse(reasons)
    directory = Path(tempfile.mkdtemp(prefix="vmt-"))
    try:
        with Lab.up(
            "2", state_dir=directory, qemu_conf=QUICK_START, ways=tuple(ways.WAYS)
        ) as lab:
            yield Site(lab)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def as_it_was(site):
    """Every host's keys and certificates are afterwards as they were."""
    places = [site.etc(host, name) for host in "ab" for name in ("pki", "ssh")]
    with restored(*places):
        yield
    site.lab.tidy()


@pytest.fixture
def guest(site, guest_name):
    """A guest on host a that dirties memory at a modest rate."""
    site.lab.guest_start(
        guest_name, host="a", memory_mib=24, working_set_mib=4, dirty_rate_mib_s=4
    )
    return guest_name


@pytest.fixture
def foreign(tmp_path):
    """What stands for `/etc/pki` on a host b of another authority."""
    with pki.authority(tmp_path / "authority", "elsewhere") as other:
        other.issue("b", "192.0.2.12", tmp_path / "pki")
    return tmp_path / "pki"


@pytest.mark.parametrize("way", ["tls", "ssh"])
@requirement("transport.tls")
@requirement("transport.ssh")
def test_a_guest_goes_live_and_comes_back_in_coma(site, guest, way):
    began = site.lab.now()
    there = site.move(guest, way=way)
    assert there.data["outcome"] == "succeeded", there
    site.runs_only_on("b", guest, began)
    back = site.run(
        *("b", "-c", site.uri("b", way), "migrate", guest, site.uri("a", way)),
        "--no-live",
    )
    assert back.data["outcome"] == "succeeded", back
    site.runs_only_on("a", guest, began)


@requirement("transport.tls")
def test_the_one_call_form_goes_by_tls_as_well(site, guest):
    began = site.lab.now()
    moved = site.move(guest, way="tls", program=("-c", ONE_CALL))
    assert moved.data["outcome"] == "succeeded", moved
    site.runs_only_on("b", guest, began)


@pytest.mark.parametrize("way", ["tls", "ssh"])
@requirement("transport.tls")
@requirement("transport.ssh")
def test_the_source_s_daemon_goes_there_by_itself(site, guest, way):
    began = site.lab.now()
    moved = site.move(guest, "--p2p", way=way, on="b")
    assert moved.data["outcome"] == "succeeded", moved
    site.runs_only_on("b", guest, began)


@requirement("transport.tls")
@requirement("transport.remedy")
def test_a_source_s_daemon_without_a_certificate_goes_nowhere(site, guest):
    began = site.lab.now()
    site.etc("a", "pki/libvirt/clientcert.pem").unlink()
    moved = site.move(guest, "--p2p", way="tls", on="b")
    assert moved.code == 1
    assert moved.data["outcome"] == "rolled back", moved
    assert moved.error["side"] == "source"
    assert "certificates" in moved.error["remedy"], moved
    site.runs_only_on("a", guest, began)


@pytest.mark.parametrize(
    ("words", "began_with"),
    [((), PLAIN), (("--tls",), TLS_HANDSHAKE), (("--tls", "--p2p"), TLS_HANDSHAKE)],
    ids=["as asked, in clear", "driven", "peer-to-peer"],
)
@requirement("transport.stream")
def test_the_stream_is_what_was_asked_for(site, guest, words, began_with):
    began = site.lab.now()
    with site.tapped() as openings:
        moved = site.move(guest, *words, way="tls")
    assert moved.data["outcome"] == "succeeded", moved
    assert openings
    assert all(opening.startswith(began_with) for opening in openings), openings
    site.runs_only_on("b", guest, began)


def missing(place: Path, foreign: Path) -> None:
    """No certificates."""
    shutil.rmtree(place)
    place.mkdir()


def of_others(place: Path, foreign: Path) -> None:
    """Certificates of an authority that nobody here knows."""
    shutil.copytree(foreign / "libvirt-migrate", place, dirs_exist_ok=True)


spoilt_certificates = pytest.mark.parametrize(
    ("spoilt", "host", "side"),
    [
        (missing, "b", "destination"),
        (missing, "a", "source"),
        (of_others, "b", "source"),
    ],
    ids=["none there", "none here", "foreign there"],
)


@spoilt_certificates
@requirement("transport.stream")
@requirement("transport.remedy")
def test_a_stream_that_can_not_be_encrypted_is_none(
    site, guest, foreign, spoilt, host, side
):
    spoilt(site.etc(host, "pki/libvirt-migrate"), foreign)
    began = site.lab.now()
    with site.tapped() as openings:
        moved = site.move(guest, "--tls", way="tls")
    assert moved.code == 1
    assert moved.data["outcome"] == "rolled back", moved
    assert moved.error["side"] == side
    assert "certificates of both hosts" in moved.error["remedy"], moved
    assert all(opening.startswith(TLS_HANDSHAKE) for opening in openings), openings
    site.runs_only_on("a", guest, began)
    assert guest not in site.lab.qemu["b"].virsh("list", "--all", "--name").split()


@requirement("transport.stream")
@requirement("transport.remedy")
def test_a_certificate_of_another_name_is_not_the_destination_s(site, guest):
    began = site.lab.now()
    moved = site.move(guest, "--tls", "--tls-destination", "other", way="tls")
    assert moved.data["outcome"] == "rolled back", moved
    assert "does not match the hostname other" in moved.error["message"]
    assert "certificates" in moved.error["remedy"], moved
    site.runs_only_on("a", guest, began)


def another_authority(site: Site, foreign: Path) -> None:
    """We are of another authority, and trust nobody else."""
    for name in ("CA", "libvirt"):
        shutil.copytree(
            foreign / name, site.etc("a", f"pki/{name}"), dirs_exist_ok=True
        )


def strangers_to_the_host(site: Site, foreign: Path) -> None:
    """We trust both authorities, but are of the one that the host does not know."""
    ours = site.etc("a", "pki/CA/cacert.pem").read_text(encoding="ascii")
    another_authority(site, foreign)
    with site.etc("a", "pki/CA/cacert.pem").open("a", encoding="ascii") as bundle:
        bundle.write(ours)


@pytest.mark.parametrize("spoil", [another_authority, strangers_to_the_host])
@requirement("transport.tls")
@requirement("transport.remedy")
def test_no_connection_comes_about_without_trust_both_ways(site, foreign, spoil):
    spoil(site, foreign)
    said = site.run("a", "-c", site.uri("a", "unix"), "plan", "g", site.uri("b", "tls"))
    assert said.code == 1
    assert said.error["error"] == "HostUnreachable"
    assert said.error["side"] == "destination"
    assert "certificates" in said.error["remedy"], said


def forgotten(site: Site, host: str) -> None:
    """Its key is not known."""
    known = site.etc(host, "ssh/ssh_known_hosts")
    lines = known.read_text(encoding="ascii").splitlines(keepends=True)
    known.write_text("".join(lines[:1]), encoding="ascii")


def replaced(site: Site, host: str) -> None:
    """Another key is known than it has."""
    site.etc("b", "ssh/other.pub").unlink(missing_ok=True)
    ssh.keygen(site.etc("b", "ssh/other"), "b")
    forgotten(site, host)
    with site.etc(host, "ssh/ssh_known_hosts").open("a", encoding="ascii") as known:
        known.write(f"b,192.0.2.12 {ssh.public(site.etc('b', 'ssh/other'))}\n")


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [(forgotten, "does not know"), (replaced, "not the known one")],
)
@requirement("transport.ssh")
@requirement("transport.never-asks")
@requirement("transport.remedy")
def test_a_host_whose_ssh_key_is_not_the_known_one_is_refused(site, spoil, remedy):
    spoil(site, "a")
    said = site.run("a", "-c", site.uri("a", "unix"), "plan", "g", site.uri("b", "ssh"))
    assert said.code == 1
    assert said.error["error"] == "HostUnreachable"
    assert said.error["side"] == "destination"
    assert remedy in said.error["remedy"], said


@requirement("transport.ssh")
@requirement("transport.never-asks")
@requirement("transport.remedy")
def test_the_source_s_daemon_refuses_a_key_that_it_does_not_know(site, guest):
    began = site.lab.now()
    forgotten(site, "a")
    source = site.uri("a", "unix")
    moved = site.run("b", "-c", source, "migrate", guest, site.uri("b", "ssh"), "--p2p")
    assert moved.data["outcome"] == "rolled back", moved
    assert moved.error["side"] == "source"
    assert "does not know its ssh key" in moved.error["remedy"], moved
    site.runs_only_on("a", guest, began)


# A rehearsal --------------------------------------------------------------------------


def rehearsed(site, guest, *words, way="tls", on="a"):
    """What `explain --rehearse` says; no stand-in is left, and the guest runs on."""
    began = site.lab.now()
    ends = "explain", guest, site.uri("b", way)
    source = ("-c", site.uri("a", "unix"))
    said = site.run(on, *source, *ends, *words, "--rehearse", "--measure", "0")
    for host in site.lab.qemu.values():
        assert "rehearsal" not in host.virsh("list", "--all", "--name")
    site.runs_only_on("a", guest, began)
    return said


def closed(said):
    """The blocker; there is one."""
    assert said.code == 2, said
    (found,) = [f for f in said.data["findings"] if f["id"] == "way-closed"]
    assert found["level"] == "blocker"
    return found


@pytest.mark.parametrize("words", [(), ("--tls",), ("--tls", "--p2p")])
@requirement("preflight.rehearsal")
def test_a_stand_in_goes_where_the_guest_would(site, guest, words):
    said = rehearsed(site, guest, *words)
    assert said.code == 0, said
    assert said.data["rehearsal"]["tried"], said
    subjects = {"migrate_uri", "p2p", "tls"}
    assert not [f for f in said.data["findings"] if f["subject"] in subjects], said


@spoilt_certificates
@requirement("preflight.rehearsal")
def test_certificates_are_told_before_the_guest_needs_them(
    site, guest, foreign, spoilt, host, side
):
    spoilt(site.etc(host, "pki/libvirt-migrate"), foreign)
    found = closed(rehearsed(site, guest, "--tls"))
    assert found["side"] == side
    assert "certificates of both hosts" in found["remedy"], found


@requirement("preflight.rehearsal")
def test_the_source_s_daemon_is_told_before_that_it_may_not_log_in(site, guest):
    forgotten(site, "a")
    found = closed(rehearsed(site, guest, "--p2p", way="ssh", on="b"))
    assert found["side"] == "source"
    assert "does not know its ssh key" in found["remedy"], found


def test_what_a_crashed_lab_left_goes_with_its_logins(site, tmp_path_factory):
    directory = tmp_path_factory.mktemp("l") / "lab"
    lab = Lab.up("1", state_dir=directory, ways=tuple(ways.WAYS))
    host = lab.qemu["a"]
    keys = list(directory.rglob("*key.pem"))
    assert keys
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys)
    login = host.command("ssh", "-i", "/etc/ssh/lab_key", "root@a", "echo in; sleep 99")
    with subprocess.Popen(login, stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"in\n"
        host.daemon.kill()
        assert host.sshd is not None
        host.sshd.kill()
        assert Lab.clear(directory) == directory
    assert marked(lab.id) == []
    assert not directory.exists()


def test_a_host_that_crashed_is_reached_again(site):
    site.lab.qemu["b"].crash()
    site.lab.daemon_restart("b")
    for way in ways.WAYS:
        argv = ["virsh", "-c", site.uri("b", way), "uri"]
        assert site.lab.qemu["a"].space.run(argv).strip() == site.uri("b", way)
