from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from virtmigrate_lab.cli.guest import PatternName
from virtmigrate_lab.disks import Disk
from virtmigrate_lab.domain import PATTERNS, GuestOptions
from virtmigrate_lab.errors import LabRefused

UUID = "6d11347d-b9fa-4924-a37d-bc2c2ded3baf"
DISKS = (Disk("local", 64, "qcow2+base"), Disk("remount", 8))


def test_the_xml_is_the_same_wherever_the_guest_goes():
    guest = GuestOptions("g", UUID, memory_mib=128, pattern="dense")
    root = ET.fromstring(guest.to_xml("a"))
    assert root.get("type") == "qemu"
    assert root.findtext("uuid") == UUID
    assert root.findtext("memory") == "128"
    assert "pat=2" in root.findtext("os/cmdline").split()
    assert root.find("devices/disk") is None, "a disk would make libvirt refuse"
    assert guest.to_xml("a") == guest.to_xml("b")


def test_the_guest_program_is_told_what_was_asked():
    guest = GuestOptions("g", UUID, zero_percent=50, ramp_ms=2000, ramp_rate_mib_s=128)
    assert {"zero=50", "ramp=2000", "top=128"} <= set(guest.cmdline.split())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_a_number_to_it_and_a_word_on_the_command_line(pattern):
    assert (
        f"pat={PATTERNS[pattern]}" in GuestOptions("g", UUID, pattern=pattern).cmdline
    )
    assert PatternName(pattern)


def test_options_come_back_from_their_file():
    guest = GuestOptions(
        *("g", UUID),
        wave_ms=(2000, 3000),
        quiet_rate_mib_s=6,
        ramp_ms=9,
        disks=DISKS,
    )
    written = json.loads(json.dumps(guest.to_json()))
    assert GuestOptions.from_json(written) == guest


def test_disks_are_devices_in_a_pool_of_the_host():
    guest = GuestOptions("g", UUID, disks=DISKS)
    for host in "ab":
        root = ET.fromstring(guest.to_xml(host))
        found = {
            disk.find("target").get("dev"): (
                disk.find("source").get("file"),
                disk.find("driver").get("type"),
            )
            for disk in root.findall("devices/disk")
        }
        assert found == {
            "hda": ("/var/lib/libvirt/images/g-hda.qcow2", "qcow2"),
            "hdb": (f"/var/lib/libvirt/remount-{host}/g-hdb.raw", "raw"),
        }


def test_the_guest_program_is_told_of_its_disks_if_it_has_any():
    guest = GuestOptions("g", UUID, disks=DISKS, disk_rate_mib_s=3)
    words = set(guest.cmdline.split())
    assert {"d0=64", "d1=8", "dws=8", "drate=3", "base=1"} <= words
    seeds = {word for word in words if word.startswith(("s0=", "s1="))}
    other = GuestOptions("g", UUID.replace("6", "7"), disks=DISKS)
    assert len(seeds) == 2
    assert not seeds & set(other.cmdline.split())
    assert "d0" not in GuestOptions("g", UUID).cmdline


@pytest.mark.parametrize(
    ("text", "disk"),
    [
        ("local:64", Disk("local", 64)),
        ("tiny:1:qcow2", Disk("tiny", 1, "qcow2")),
        ("shared:16384:qcow2+base", Disk("shared", 16384, "qcow2+base")),
    ],
)
def test_a_disk_can_be_said_in_words(text, disk):
    assert Disk.parse(text) == disk


@pytest.mark.parametrize(
    "text",
    ["", "local", "local:0", "local:16385", "nfs:8", "local:8:raw+base", "local:8M"],
)
def test_a_disk_that_can_not_be_is_refused(text):
    with pytest.raises(LabRefused, match="disk"):
        Disk.parse(text)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "a b"},
        {"name": "g ws=9999"},
        {"name": "../g"},
        {"memory_mib": 4},
        {"memory_mib": 1 << 20},
        {"working_set_mib": 64},
        {"working_set_mib": -1},
        {"dirty_rate_mib_s": -1},
        {"pattern": "zigzag"},
        {"fill_percent": 101},
        {"hot_percent": 100},
        {"working_set_mib": 30, "zero_percent": 51},
        {"zero_percent": -1},
        {"zero_percent": 101},
        {"ramp_ms": 600_000},
        {"ramp_rate_mib_s": -1},
        {"disks": (Disk("local", 8),) * 3},
        {"disk_rate_mib_s": 1025},
        {"disk_working_set_mib": -1},
    ],
)
def test_what_the_guest_program_can_not_do_is_refused(options):
    with pytest.raises(LabRefused):
        GuestOptions(**{"name": "g", "uuid": UUID, **options})


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(LabRefused) as caught:
        GuestOptions("a b", UUID, memory_mib=4, fill_percent=-1)
    assert all(word in str(caught.value) for word in ("name", "memory", "fill"))
