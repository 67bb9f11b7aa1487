"""Measuring what a guest writes: only in the way that harms none."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate.errors import AnswerLost, HostError
from virtmigrate.host import Definitions
from virtmigrate_libvirt.gauge import MEASURED, PAGE_SAMPLING, gauge, windows

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
NAMED = f"<name>g</name><uuid>{UUID}</uuid>"
XML = f"<domain type='qemu'>{NAMED}<memory unit='MiB'>64</memory></domain>"


class Daemon:
    """A host whose guest can be measured; it notes how it was asked to."""

    def __init__(self, stats=None, error=None):
        self.stats = {
            "dirtyrate.calc_status": MEASURED,
            "dirtyrate.megabytes_per_second": 8,
        } | (stats or {})
        self.error = error
        self.flags = []

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


def measured(daemon, seconds=3.0, xml=XML):
    return gauge(daemon, UUID, Definitions(xml, None), seconds)


@requirement("ends.gauge-safe")
@pytest.mark.parametrize("seconds", [1, 2, 3, 5, 60])
def test_only_pages_are_sampled(seconds):
    daemon = Daemon()
    measured(daemon, seconds)
    assert daemon.flags
    assert {flags for _, flags in daemon.flags} == {PAGE_SAMPLING} == {0}
    assert sum(spent for spent, _ in daemon.flags) <= seconds


def test_a_curve_of_distinct_bytes():
    found = measured(Daemon())
    assert found.memory_bytes == 64 << 20
    assert found.curve == ((1.0, 8 << 20), (2.0, 16 << 20))
    assert any("sampling" in line for line in found.basis)


def test_no_time_measures_nothing():
    daemon = Daemon()
    assert measured(daemon, 0.0).curve == ()
    assert daemon.flags == []


def test_time_is_spent_on_short_windows_and_a_longer_one():
    assert [windows(s) for s in (0, 0.9, 1, 2, 3, 6)] == [
        (),
        (),
        (1,),
        (1, 1),
        (1, 2),
        (1, 1, 4),
    ]


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
