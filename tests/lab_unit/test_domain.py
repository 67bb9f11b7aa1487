from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import LabRefused

UUID = "6d11347d-b9fa-4924-a37d-bc2c2ded3baf"


def test_the_xml_is_the_same_wherever_the_guest_goes():
    guest = GuestOptions("g", UUID, memory_mib=128, pattern="dense")
    root = ET.fromstring(guest.to_xml())
    assert root.get("type") == "qemu"
    assert root.findtext("uuid") == UUID
    assert root.findtext("memory") == "128"
    assert "pat=2" in root.findtext("os/cmdline").split()
    assert root.find("devices/disk") is None, "a disk would make libvirt refuse"


def test_the_guest_program_is_told_what_was_asked():
    guest = GuestOptions("g", UUID, zero_percent=50, ramp_ms=2000, ramp_rate_mib_s=128)
    assert {"zero=50", "ramp=2000", "top=128"} <= set(guest.cmdline.split())


def test_options_come_back_from_their_file():
    guest = GuestOptions("g", UUID, wave_ms=(2000, 3000), quiet_rate_mib_s=6, ramp_ms=9)
    assert GuestOptions.from_json(guest.to_json()) == guest


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
    ],
)
def test_what_the_guest_program_can_not_do_is_refused(options):
    with pytest.raises(LabRefused):
        GuestOptions(**{"name": "g", "uuid": UUID, **options})


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(LabRefused) as caught:
        GuestOptions("a b", UUID, memory_mib=4, fill_percent=-1)
    assert all(word in str(caught.value) for word in ("name", "memory", "fill"))
