from __future__ import annotations

import json
import time

import pytest
from typer.testing import CliRunner

from virtmigrate_lab.cli import app, guest, hosts, link
from virtmigrate_lab.errors import LabRefused


def runner() -> CliRunner:
    """A runner that keeps streams apart: click 8.2 always does, 8.1 must be told."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:
        return CliRunner()


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Runs a command where no lab is up."""
    monkeypatch.setenv("VIRTMIGRATE_LAB_DIR", str(tmp_path / "lab"))
    return lambda *words: runner().invoke(app, words)


@pytest.mark.parametrize(
    "words",
    [
        ["env"],
        ["guest", "start", "g"],
        ["guest", "check", "g"],
        ["guest", "stop", "g"],
        ["guest", "list"],
        ["link", "rate", "64"],
        ["link", "down"],
        ["link", "up"],
    ],
)
def test_without_a_lab_each_command_says_so_and_how_to_get_one(lab, words):
    done = lab(*words)
    assert done.exit_code == 2
    assert "no lab is up" in done.stderr
    assert "lab up" in done.stderr
    assert done.stdout == ""


def test_down_is_fine_when_nothing_is_up(lab, tmp_path):
    done = lab("down", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"down": str(tmp_path / "lab")}
    assert not (tmp_path / "lab").exists()


def test_check_tells_what_is_in_the_way(lab, monkeypatch):
    monkeypatch.setattr(hosts, "obstacles", lambda: ["no bridge"])
    done = lab("check", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout) == {"ok": False, "obstacles": ["no bridge"]}


@pytest.mark.parametrize("words", [[], ["guest"], ["link"], ["up"], ["guest", "start"]])
def test_each_command_explains_itself(lab, words):
    done = lab(*words, "--help")
    assert done.exit_code == 0
    assert "--help" in done.stdout


@pytest.mark.parametrize("text", ["fast", "-1", "0", "inf", "nan", "1e9"])
def test_rates_that_can_not_be_are_refused(text):
    with pytest.raises(LabRefused, match="rate"):
        link.parse_rate(text)


def test_rates():
    assert link.parse_rate("none") is None
    assert link.parse_rate("12.5") == 12.5


def test_moments():
    now = time.monotonic()
    assert guest.parse_since("10s") == pytest.approx(now - 10, abs=1)
    assert guest.parse_since(str(time.time() - 5)) == pytest.approx(now - 5, abs=1)
    with pytest.raises(LabRefused, match="--since"):
        guest.parse_since("yesterday")


def test_a_wave_is_two_numbers_of_milliseconds():
    assert guest.parse_wave("2000,3000") == (2000, 3000)
    for text in ("2000", "2000,", "1,2,3", "2s,3s", "-1,2"):
        with pytest.raises(LabRefused):
            guest.parse_wave(text)
