"""Measuring what a guest writes: only in the way that harms none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.errors import AnswerLost, HostError
from virtmigrate.host import Definitions
from virtmigrate_libvirt.facts import ALL_NODES, KIB, available_bytes
from virtmigrate_libvirt.gauge import (
    MEASURED,
    OWN_BYTES,
    PAGE_SAMPLING,
    POLL_S,
    SLACK_S,
    gauge,
    one_more,
    rates,
    windows,
    written_of,
)

MIB = 1 << 20
UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
NAMED = f"<name>g</name><uuid>{UUID}</uuid>"
XML = f"<domain type='qemu'>{NAMED}<memory unit='MiB'>64</memory></domain>"


class VirtualTime:
    """A clock that goes on while it is slept."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


class Daemon:
    """A host whose guest can be measured; it notes how it was asked to."""

    def __init__(self, stats=None, error=None):
        self.stats = {
            "dirtyrate.calc_status": MEASURED,
            "dirtyrate.megabytes_per_second": 8,
        } | (stats or {})
        self.error = error
        self.flags = []
        self.memory = {}

    def ask(self, doing, function):
        if self.error:
            raise self.error
        return function(self)

    def lookupByUUIDString(self, uuid):  # noqa: N802
        assert uuid == UUID
        return self

    def startDirtyRateCalc(self, seconds, flags):  # noqa: N802
        self.flags.append((seconds, flags))

    def domainListGetStats(self, domains, groups):  # noqa: N802
        return [(domains[0], self.stats)]

    def getMemoryStats(self, node, flags):  # noqa: N802
        assert (node, flags) == (ALL_NODES, 0)
        return self.memory


def measured(daemon, seconds=3.0, xml=XML):
    return gauge(daemon, UUID, Definitions(xml, None), seconds)


@requirement("ends.gauge-safe")
@pytest.mark.parametrize("seconds", [1, 2, 3, 5, 60])
def test_only_pages_are_sampled(seconds):
    daemon = Daemon()
    measured(daemon, seconds)
    assert daemon.flags
    assert {flags for _, flags in daemon.flags} == {PAGE_SAMPLING} == {0}


@requirement("ends.gauge-budget")
@given(st.floats(0, 60))
def test_no_more_time_is_spent_than_was_given(seconds):
    assert sum(windows(seconds)) <= seconds


@requirement("ends.gauge-budget")
def test_a_measurement_that_never_ends_is_left_alone_after_its_time(monkeypatch):
    clock = VirtualTime()
    monkeypatch.setattr("virtmigrate_libvirt.gauge.RealClock", lambda: clock)
    daemon = Daemon({"dirtyrate.calc_status": MEASURED - 1})
    assert measured(daemon, 5.0).curve == ()
    assert clock.now() <= 5 + SLACK_S + POLL_S
    assert len(daemon.flags) == 1  # a second one would be refused


def test_a_curve_of_distinct_bytes():
    found = measured(Daemon())
    assert found.memory_bytes == 64 << 20
    # MiB/s come in whole numbers, cut off: half of one is added.
    assert found.curve == ((1.0, int(8.5 * MIB)), (2.0, 17 * MIB))
    assert found.looked_at == (32, 32)
    assert any("sampling 32 pages" in line for line in found.basis)


def test_windows_of_one_length_are_pooled():
    found = measured(Daemon(), 2.0)
    assert (found.curve, found.looked_at) == (((1.0, int(8.5 * MIB)),), (64,))


def test_nothing_written_is_nothing():
    found = measured(Daemon({"dirtyrate.megabytes_per_second": 0}))
    assert {amount for _, amount in found.curve} == {0}


@requirement("ends.forecast")
def test_what_was_never_touched_is_not_in_use():
    resident = (OWN_BYTES + 20 * MIB) // 1024
    found = measured(Daemon({"balloon.rss": resident}))
    assert found.used_bytes == 20 * MIB
    assert any("in use: 20 MiB" in line for line in found.basis)


@pytest.mark.parametrize("resident", [None, 0, -1, "much", 2.5, 1 << 40])
def test_absurd_resident_memory_is_all_of_it(resident):
    assert measured(Daemon({"balloon.rss": resident})).used_bytes is None


def test_memory_that_is_no_plain_page_of_the_process_is_all_in_use():
    backed = XML.replace("</domain>", "<memoryBacking><hugepages/></memoryBacking>")
    found = measured(Daemon({"balloon.rss": 70_000}), xml=f"{backed}</domain>")
    assert found.used_bytes is None


def test_no_time_measures_nothing():
    daemon = Daemon()
    assert measured(daemon, 0.0).curve == ()
    assert daemon.flags == []


def test_time_is_spent_on_short_windows_and_a_longer_one():
    assert [windows(s) for s in (0, 0.9, 1, 2, 3, 5, 10)] == [
        (),
        (),
        (1,),
        (1, 1),
        (1, 2),
        (1, 4),
        (2, 7),
    ]


@requirement("ends.gauge-budget")
@pytest.mark.parametrize(
    ("found", "more"),
    [
        ({}, 0),
        ({1: 10}, 0),
        ({1: 10, 4: 10}, 0),  # as short as QEMU measures
        ({2: 0, 7: 0}, 1),
        ({2: 10, 7: 15}, 1),
        ({2: 10, 7: 16}, 0),
    ],
)
def test_a_guest_that_went_round_in_the_short_window_is_measured_once_more(found, more):
    assert one_more(found) == more
    assert sum(windows(10)) + more <= 10


def test_the_pace_of_one_that_goes_round_is_seen():
    rates = {1: 40, 2: 30, 7: 9}  # MiB/s of a guest with 60 MiB that it writes
    daemon = Daemon()
    daemon.startDirtyRateCalc = lambda seconds, flags: daemon.stats.update(
        {"dirtyrate.megabytes_per_second": rates[seconds]}
    )
    found = measured(daemon, 10.0)
    assert [(at, amount / MIB) for at, amount in found.curve] == [
        (1.0, 40.5),
        (2.0, 61.0),
        (7.0, 66.5),
    ]
    assert found.looked_at == (32, 32, 32)


@pytest.mark.parametrize("rate", [-1, 1 << 40, None, "much", 2.5])
def test_absurd_figures_are_none(rate):
    found = measured(Daemon({"dirtyrate.megabytes_per_second": rate}), 1.0)
    assert found.curve == ()


def test_a_host_that_can_not_measure_says_so_in_the_basis():
    found = measured(Daemon(error=HostError("no such command")))
    assert found.curve == ()
    assert any("no such command" in line for line in found.basis)


def test_a_host_that_is_lost_is_an_error():
    with pytest.raises(AnswerLost):
        measured(Daemon(error=AnswerLost("gone")))


@pytest.mark.parametrize(
    "memory", ["", "<memory>x</memory>", "<memory unit='?'>1</memory>"]
)
def test_a_definition_without_memory_tells_nothing(memory):
    assert measured(Daemon(), xml=f"<domain>{NAMED}{memory}</domain>") is None


def test_a_guest_that_does_not_run_tells_nothing():
    assert gauge(Daemon(), UUID, Definitions(None, XML), 1.0) is None


@requirement("ends.combined")
@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_what_the_source_has_free_is_told_at_once(seconds):
    daemon = Daemon()
    assert measured(daemon, seconds).free_bytes is None
    daemon.memory = {"total": 9 << 10, "free": 2 << 10, "buffers": 0, "cached": 3 << 10}
    found = measured(daemon, seconds)
    assert found.free_bytes == 5 * MIB  # caches give way
    assert "free at the source: 5 MiB, as its host says" in found.basis


def test_what_is_free_is_not_asked_where_no_differences_are_sent():
    del (daemon := Daemon()).memory
    assert gauge(daemon, UUID, Definitions(XML, None), 0.0, differs=False).basis


def test_a_host_that_does_not_tell_what_is_free_is_no_trouble():
    found = measured(Daemon(error=HostError("no such call")), 0.0)
    assert (found.memory_bytes, found.free_bytes) == (64 * MIB, None)


@given(
    st.dictionaries(
        st.sampled_from(["total", "free", "buffers", "cached", "else"]), st.integers()
    )
)
def test_whatever_a_host_says_of_its_memory_is_no_more_than_it_has(stats):
    free = available_bytes(stats)
    assert free is None or 0 <= free <= max(0, stats["total"]) * KIB


@requirement("disks.writes")
def test_what_is_written_to_each_disk_is_told_by_its_name():
    found = {
        "block.count": 3,
        "block.0.name": "vda",
        "block.0.wr.bytes": 5 * MIB,
        "block.1.name": "sda",
        "block.2.name": "vdb",
        "block.2.wr.bytes": 0,
    }
    assert written_of(found) == {"vda": 5 * MIB, "vdb": 0}
    workload = measured(Daemon(found))
    assert workload.disk_writes == (("vda", 0), ("vdb", 0))


@requirement("disks.writes")
def test_a_rate_is_that_of_the_time_between_and_of_no_counter_that_fell():
    before = {"vda": 10, "vdb": 10, "gone": 1}
    after = {"vda": 30, "vdb": 5, "new": 99}
    assert rates(before, after, 2.0) == {"vda": 10}
    assert rates(before, after, 0.0) == {}


@requirement("disks.writes")
@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text()), st.integers())
def test_whatever_a_daemon_says_of_disks_gives_figures_or_none(found, count):
    for told in (found, {**found, "block.count": count}):
        assert all(amount >= 0 for amount in written_of(told).values())
