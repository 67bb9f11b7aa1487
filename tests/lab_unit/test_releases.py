"""Hosts of other releases: what is asked for is looked at before anything starts."""

from __future__ import annotations

import pytest

from virtmigrate_lab import Lab, LabRefused, LabUnavailable, building, needs, releases
from virtmigrate_lab.cli.hosts import paired
from virtmigrate_lab.errors import LabError


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(building, "obstacles", list)


def kept(release="trixie"):
    """A release that looks as if it had been fetched."""
    path = releases.kept(release)
    (path / "usr").mkdir(parents=True)
    return path


@pytest.mark.parametrize("release", ["", "../etc", "Trixie", "13", "a" * 21, "a b"])
def test_a_name_that_can_not_be_a_release_is_refused(release):
    with pytest.raises(LabRefused, match="a code name, as trixie"):
        releases.fetch(release)
    with pytest.raises(LabRefused, match="a code name, as trixie"):
        releases.tree(release)


def test_one_that_was_not_fetched_is_refused_with_the_command(tmp_path):
    with pytest.raises(LabRefused, match="virtmigrate lab fetch trixie"):
        Lab.up(state_dir=tmp_path / "lab", releases={"b": "trixie"})
    assert not (tmp_path / "lab").exists()


def test_a_host_that_there_will_not_be_is_refused(tmp_path):
    kept()
    with pytest.raises(LabRefused, match=r"release of host z: .*\(hosts: a, b\)"):
        Lab.up(state_dir=tmp_path / "lab", releases={"z": "trixie"})


def test_ssh_to_it_is_refused(tmp_path, monkeypatch):
    kept()
    monkeypatch.setattr(building.ways, "check", tuple)
    with pytest.raises(LabRefused, match="no ssh daemon"):
        Lab.up(state_dir=tmp_path / "lab", ways=["ssh"], releases={"b": "trixie"})


def test_what_is_there_is_not_fetched_again(monkeypatch):
    path = kept()
    monkeypatch.setattr(releases, "run", None)
    assert releases.fetch("trixie") == path


def test_without_the_tool_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(needs, "RELEASES", (needs.Need("mmdebstrap", "no-such-tool"),))
    with pytest.raises(LabUnavailable, match=r"apt-get install .* mmdebstrap"):
        releases.fetch("trixie")


def test_one_that_can_not_be_fetched_leaves_nothing(monkeypatch):
    def broken(argv, **_):
        releases.Path(argv[-2], "usr").mkdir(parents=True)
        raise LabError("no such release")

    monkeypatch.setattr(needs, "RELEASES", ())
    monkeypatch.setattr(releases, "source", lambda: "http://archive/debian")
    monkeypatch.setattr(releases, "run", broken)
    with pytest.raises(LabError, match="no such release"):
        releases.fetch("trixie")
    assert list(releases.kept("trixie").parent.iterdir()) == []


@pytest.mark.parametrize("there", ["usr", "rest"])
def test_of_two_that_fetch_it_one_is_kept_and_a_torso_is_not(monkeypatch, there):
    def beaten(argv, **_):
        releases.Path(argv[-2], "usr").mkdir(parents=True)
        (releases.kept("trixie") / there).mkdir(parents=True)

    monkeypatch.setattr(needs, "RELEASES", ())
    monkeypatch.setattr(releases, "source", lambda: "http://archive/debian")
    monkeypatch.setattr(releases, "run", beaten)
    assert releases.fetch("trixie") == releases.kept("trixie")
    assert (releases.kept("trixie") / "usr").is_dir()
    (only,) = releases.kept("trixie").parent.iterdir()
    assert only.name == "trixie"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (
            "bookworm-security http://x/debian-security\nbookworm http://x/debian\n",
            True,
        ),
        ("bookworm http://x/debian/\n", True),
        ("bookworm http://x/ubuntu\n", False),
        ("", False),
    ],
)
def test_the_source_is_the_machines_own(monkeypatch, told, found):
    monkeypatch.setattr(releases, "run", lambda argv: told)
    if found:
        assert releases.source().rstrip("/") == "http://x/debian"
    else:
        with pytest.raises(LabError, match="no source of Debian packages"):
            releases.source()


@pytest.mark.parametrize("text", ["b", "b=", "=trixie", ""])
def test_a_pair_is_a_pair(text):
    with pytest.raises(LabRefused, match="HOST=RELEASE"):
        paired(["a=trixie", text])
    assert paired(["a=trixie", "b=sid"]) == {"a": "trixie", "b": "sid"}
