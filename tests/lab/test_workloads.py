"""What a guest was told to do with its memory, it does."""

from __future__ import annotations

import pytest

from virtmigrate_lab import LabRefused
from virtmigrate_lab.processes import wait_for

pytestmark = pytest.mark.lab

MIB_PAGES = 256
PATIENCE_S = 10.0


def rate_mib_s(lab, name, since):
    """What a guest has written a second since then; 0 before that can be told."""
    windows = lab.guests.heartbeat(name).windows(since)
    seen = [window.record for window in windows if window.record]
    passed_ms = seen[-1].clock_ms - seen[0].clock_ms if seen else 0
    if not passed_ms:
        return 0.0
    return (seen[-1].writes - seen[0].writes) / MIB_PAGES / (passed_ms / 1000)


def test_zero_pages_are_zero_and_are_verified(lab, guest_name):
    lab.guest_start(
        guest_name,
        memory_mib=64,
        working_set_mib=8,
        dirty_rate_mib_s=8,
        zero_percent=50,
    )
    a, b = lab.hosts["a"], lab.hosts["b"]
    a.virsh("migrate", "--live", guest_name, b.uri)
    sent = b.virsh("domjobinfo", "--completed", "--rawstats", guest_name)
    counted = dict(line.split(": ") for line in sent.splitlines() if ": " in line)
    assert int(counted["memory_constant"]) > 32 * MIB_PAGES * 0.95
    assert int(counted["memory_normal"]) < 36 * MIB_PAGES
    report = lab.guest_check(guest_name)
    assert report.ok, report.problems


def test_a_ramp_begins_when_it_is_told_to(lab, guest_name):
    lab.guest_start(
        guest_name,
        memory_mib=32,
        working_set_mib=8,
        dirty_rate_mib_s=2,
        ramp_ms=500,
        ramp_rate_mib_s=16,
    )
    began = lab.now()
    assert wait_for(lambda: 1 < rate_mib_s(lab, guest_name, began) < 3, PATIENCE_S)
    lab.guest_ramp(guest_name)
    told = lab.now()
    assert wait_for(
        lambda: rate_mib_s(lab, guest_name, max(told, lab.now() - 1)) > 12, PATIENCE_S
    )
    assert lab.guest_check(guest_name).ok


def test_a_guest_without_a_ramp_has_none(lab, guest_name):
    lab.guest_start(guest_name, memory_mib=16)
    with pytest.raises(LabRefused, match="no ramp"):
        lab.guest_ramp(guest_name)
