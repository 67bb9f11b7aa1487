from __future__ import annotations

from dataclasses import replace

import pytest

from tests.lab_unit.test_windows import window
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.heartbeat import Walk
from virtmigrate_lab.report import Seen, make_report
from virtmigrate_lab.stream import DiskRecord

GUEST = GuestOptions("g", "6d11347d-b9fa-4924-a37d-bc2c2ded3baf")
WELL = {"a": ("absent", False), "b": ("running", True)}
WALK = Walk(100, ())


def report(hosts=WELL, *, heard=None, alive=True, walk=WALK):
    heard = [window("b", 1.0, 1.1, counter=10)] if heard is None else heard
    return make_report(GUEST, Seen(hosts, heard, alive, walk))


def test_a_guest_that_runs_once_with_its_memory_whole_is_well():
    found = report()
    assert found.ok
    assert found.running_on == ["b"] == found.persistent
    assert found.to_json()["ok"] is True


DISK = DiskRecord(300, 256, 1024, 2000, 0, 0, None)


def with_disk(**changed):
    heard = [window("b", 1.0, 1.1, counter=10)]
    disks = (DISK, replace(DISK, **changed))
    heard[0].record = replace(heard[0].record, disks=disks)
    return report(heard=heard, walk=Walk(100, (1024, 1000)))


def test_its_disks_are_told_as_it_sees_them():
    found = with_disk()
    assert found.ok
    assert [disk.target for disk in found.disks] == ["hda", "hdb"]
    assert [disk.verified for disk in found.disks] == [1024, 1000]
    assert any("disk hdb: 300 blocks written" in line for line in found.lines())
    assert found.to_json()["disks"][0]["flushed"] == 256


def bad_memory():
    heard = [window("b", 1.0, 1.1, counter=10)]
    object.__setattr__(heard[0].record, "errors", 1)
    return report(heard=heard)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (report({"a": ("running", True), "b": WELL["b"]}), "runs on 2 hosts"),
        (report({"a": ("absent", False), "b": ("paused", True)}), "runs on 0 hosts"),
        (report(alive=False, walk=None), "silent"),
        (report(heard=[window("a", 1.0, 1.1, counter=1)]), "beats on a"),
        (report(walk=None), "could not be verified"),
        (bad_memory(), "1 pages do not hold"),
        (with_disk(errors=2, first_bad=7), "disk hdb: 2 blocks do not hold"),
        (with_disk(failed=1), "disk hdb: 1 commands failed"),
        (
            report(heard=[window("a", 1, 2, counter=1), window("b", 1.5, 3)]),
            "two hosts at once",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_named(found, problem):
    assert not found.ok
    assert any(problem in text for text in found.problems), found.problems


def test_what_was_never_heard_is_not_called_whole():
    found = report(heard=[], alive=False, walk=None)
    assert found.memory_ok is None
    assert not found.ok


def test_stalls_are_listed_in_order_and_counted_from_a_moment():
    heard = [window("b", 1.0, 1.1, counter=10), window("b", 2.0, 2.1, counter=20)]
    heard[1].silence(1.1, 2.0)
    heard[1].silence(2.01, 2.02)
    heard[1].silence(2.05, 2.1)
    seen = Seen(WELL, heard, alive=True, walk=Walk(1, ()))
    assert make_report(GUEST, seen).silences_ms == [900.0, 50.0]
    assert make_report(GUEST, seen, 1.5).silences_ms == [500.0, 50.0]
    assert make_report(GUEST, seen, 1.5).longest_silence_ms == 500.0
    assert make_report(GUEST, seen, 2.0).silences_ms == [50.0]
