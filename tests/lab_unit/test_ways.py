"""Ways to a host beside its socket: keys and certificates, and who may have them."""

from __future__ import annotations

import subprocess

import pytest

from virtmigrate_lab import LabRefused, LabUnavailable, needs, pki, ssh, ways

ADDRESSES = {"a": "192.0.2.11", "b": "192.0.2.12"}


@pytest.fixture
def etc(tmp_path):
    """What stands for each host's `/etc`."""
    made = {name: tmp_path / name for name in ADDRESSES}
    for path in made.values():
        (path / "ssh").mkdir(parents=True)
    return made


def verified(authority, certificate, *words):
    """Whether openssl believes a certificate."""
    argv = ["openssl", "verify", "-CAfile", str(authority), *words, str(certificate)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.fixture
def certified(tmp_path, etc):
    """Hosts with certificates."""
    pki.furnish(tmp_path / "pki", ADDRESSES, etc)
    return etc


def test_certificates_are_good_for_their_host_and_purpose_only(certified):
    place = certified["b"] / "pki"
    ca, server = place / pki.CONTROL["ca"], place / pki.CONTROL["server"]
    assert verified(ca, server, "-verify_hostname", "b", "-purpose", "sslserver")
    assert verified(ca, server, "-verify_ip", "192.0.2.12")
    assert not verified(ca, server, "-verify_hostname", "a")
    assert not verified(ca, server, "-purpose", "sslclient")
    assert verified(ca, place / pki.STREAM["client"], "-purpose", "sslclient")


def test_nobody_but_their_owner_reads_keys_and_the_authority_s_is_gone(
    tmp_path, certified
):
    keys = [path for path in tmp_path.rglob("*") if "key" in path.name]
    assert len(keys) == len(ADDRESSES) * len(pki.PURPOSES) * 2
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert not (tmp_path / "pki").exists()


def test_an_authority_of_the_same_name_is_another(tmp_path, certified):
    with pki.authority(tmp_path / "again") as other:
        server = certified["a"] / "pki" / pki.CONTROL["server"]
        assert not verified(other.certificate, server)


def test_every_host_knows_every_host_s_key_and_lets_one_key_in(etc):
    ssh.furnish(ADDRESSES, etc)
    a, b = (etc[name] / "ssh" for name in ADDRESSES)
    known = (a / "ssh_known_hosts").read_text(encoding="ascii")
    assert known == (b / "ssh_known_hosts").read_text(encoding="ascii")
    for name, place in zip(ADDRESSES, (a, b), strict=True):
        line = f"{name},{ADDRESSES[name]} {ssh.public(place / ssh.HOST_KEY)}\n"
        assert line in known
        assert (place / ssh.LOGIN_KEY).stat().st_mode & 0o777 == 0o600
        assert f"ListenAddress {ADDRESSES[name]}\n" in (
            place / "sshd_config"
        ).read_text(encoding="ascii")
    assert ssh.public(a / ssh.HOST_KEY) != ssh.public(b / ssh.HOST_KEY)


def test_ways_are_asked_for_by_name(monkeypatch):
    monkeypatch.setattr(needs.Need, "met", lambda need: True)
    monkeypatch.setattr(ways, "can_change_groups", lambda: True)
    assert ways.check(()) == ()
    assert ways.check(["ssh", "tls"]) == ("tls", "ssh")
    with pytest.raises(LabRefused, match=r"'telnet'.*tls, ssh"):
        ways.check(["telnet"])


def test_what_a_way_lacks_is_named(monkeypatch):
    monkeypatch.setattr(needs.Need, "met", lambda need: need.package != "openssl")
    monkeypatch.setattr(ways, "can_change_groups", lambda: False)
    with pytest.raises(LabUnavailable) as caught:
        ways.check(["tls", "ssh"])
    install, user = caught.value.obstacles
    assert "openssl" in install
    assert "ssh changes its user" in user
