"""A guest that writes faster than the link sends, on real hosts, within limits."""

from __future__ import annotations

import re

import pytest

from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.forecast import Verdict
from virtmigrate.presets import preset
from virtmigrate_lab.commands import run

pytestmark = pytest.mark.lab

LINK_MIB_S = 32
MEMORY_MIB = 128
NOTSENT = re.compile(r"notsent:(\d+)")
PLAIN = Options(compressed=False)
"""Pages in full: so that what the policy decides is seen, not what xbzrle saves."""

LITTLE_WAITS_MS = 285
"""95 % of the permitted stop."""
MUCH_BYTES = 1 << 20
"""More than this waits in a socket that is left as it is."""


def waiting_bytes(rig, host):
    """What waits in each socket by which memory leaves a host (`ss(8)`)."""
    words = ("ss", "-tinHO", "state", "established", "dport", "ge", ":49152")
    rows = run(rig.lab.hosts[host].command(*words)).splitlines()
    return [int(found[1]) if (found := NOTSENT.search(row)) else 0 for row in rows]


def started(rig, name, dirty_rate_mib_s):
    """A guest on host a that writes so much, and a shaped link."""
    rig.lab.guest_start(
        name,
        host="a",
        memory_mib=MEMORY_MIB,
        working_set_mib=64,
        dirty_rate_mib_s=dirty_rate_mib_s,
    )
    rig.lab.link_rate(LINK_MIB_S)
    return name


@pytest.fixture
def busy(rig, guest_name):
    """A guest that writes half as much again as the link carries."""
    return started(rig, guest_name, LINK_MIB_S * 3 // 2)


@pytest.fixture
def flooding(rig, guest_name):
    """One that outruns the link also where it gets half a processor only."""
    return started(rig, guest_name, LINK_MIB_S * 4)


def moved(rig, guest, policy=None, options=PLAIN, measure_s=0.0):
    """Move it from a to b under a policy."""
    return rig.migrator.migrate(
        guest, rig.a, rig.b, options, policy=policy, measure_s=measure_s
    )


@requirement("ends.named-limit")
def test_without_consent_it_gives_up_early_and_says_why(rig, busy):
    began = rig.lab.now()
    result = moved(rig, busy)
    assert result.outcome is Outcome.ROLLED_BACK, result
    fired = result.fired
    assert (fired.limit, fired.value, fired.unit) == ("max_downtime", 300, "ms")
    assert (fired.origin, fired.action) == ("policy adaptive", "abort")
    assert result.iterations <= 5
    rig.runs_only_on("a", busy, began)
    assert rig.state("b", busy) == ""


def test_differences_let_it_converge_within_the_stop(rig, busy):
    began = rig.lab.now()
    result = moved(rig, busy, options=Options())
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.effective.compression_methods == ("xbzrle",)
    assert result.fired is None
    rig.runs_only_on("b", busy, began)


@requirement("ends.consent")
def test_with_consent_it_switches_to_post_copy(rig, busy):
    began = rig.lab.now()
    result = moved(rig, busy, preset().allowing(postcopy=True))
    assert result.outcome is Outcome.SUCCEEDED, result
    acted = [(e.action, e.value) for e in rig.watch.events if e.kind == "acted"]
    assert acted[0] == ("downtime-ms", 255)
    assert acted[-1] == ("postcopy", None)
    rig.runs_only_on("b", busy, began)


@requirement("ends.short-queue")
@pytest.mark.parametrize("streams", [{}, {"parallel": True}])
def test_little_waits_to_be_sent_where_the_source_is_on_this_machine(
    rig, busy, streams
):
    """With more of the permitted stop told for it; the kernel says what waits."""
    handle = rig.migrator.start(
        busy, rig.a, rig.b, Options(compressed=False, **streams)
    )
    acted = rig.watch.wait(lambda e: e.kind == "acted" and e.value == LITTLE_WAITS_MS)
    assert "wait in sockets" in acted.why
    waiting = [waiting_bytes(rig, "a") for _ in range(20)]
    assert 0 < max(map(max, waiting)) < MUCH_BYTES, waiting
    assert {len(each) for each in waiting} == {3 if streams else 1}
    handle.cancel()
    assert handle.wait(60).outcome is Outcome.ROLLED_BACK


@requirement("ends.consent")
def test_with_consent_it_pauses(rig, busy):
    began = rig.lab.now()
    result = moved(rig, busy, preset().allowing(pause=True))
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.fired.action == "suspend"
    rig.runs_only_on("b", busy, began)


@requirement("ends.deadline")
def test_it_ends_at_its_deadline(rig, busy):
    began = rig.lab.now()
    result = moved(rig, busy, preset("virsh").limited(max_total_s=4))
    assert result.outcome is Outcome.ROLLED_BACK, result
    assert (result.fired.limit, result.fired.origin) == ("max_total", "request")
    rig.runs_only_on("a", busy, began)


@requirement("ends.gauge-safe")
def test_measuring_ends_no_emulated_guest_and_foretells(rig, flooding):
    began = rig.lab.now()
    seen = moved(rig, flooding, preset().allowing(pause=True))
    assert seen.bandwidth_bytes_s, seen
    plan = rig.migrator.plan(flooding, rig.b, rig.a, PLAIN, measure_s=2.0)
    assert plan.forecast.verdict is Verdict.NEEDS
    assert "--allow-postcopy" in plan.forecast.needs
    assert plan.workload.memory_bytes == MEMORY_MIB << 20
    assert any("sampling" in line for line in plan.workload.basis)
    assert plan.workload.looked_at == (2 * MEMORY_MIB // 2,)  # twice 512 of a GiB
    assert plan.workload.pages.differences_help  # it changes a word of each page
    rig.runs_only_on("b", flooding, began)
