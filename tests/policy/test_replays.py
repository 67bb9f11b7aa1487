"""The peers' policies replayed: each takes its peer's documented steps, and ends."""

from __future__ import annotations

import re

import pytest

from tests.policy.precopy import Guest, run, steady
from tests.policy.replay import MIB, crawling, passes, replayed, stuck, taken
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.forecast import Workload
from virtmigrate.host import Sample
from virtmigrate.policy import GIB, Consents, Do, Policy
from virtmigrate.presets import NEVER_S, PRESETS, preset
from virtmigrate.timers import with_timers

PEERS = [name for name in PRESETS if name != "adaptive"]
NONE, BOTH = {}, {"postcopy": True, "pause": True}
POSTCOPY, PAUSE = {"postcopy": True}, {"pause": True}


def allowing(name, consents):
    return preset(name).allowing(**consents)


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("gib", "each_s", "deadline_s"), [(3, 225, 2400), (8, 600, 6400), (1, 150, 1600)]
)
def test_nova_raises_the_stop_in_its_documented_steps(gib, each_s, deadline_s):
    _, did = replayed(preset("nova"), stuck(gib * GIB, deadline_s + 5), began=0.0)
    downtimes = [(at, d.value) for at, d in did if d.do is Do.DOWNTIME]
    assert [value for _, value in downtimes] == [*range(50, 501, 45)]
    for n, (at, _) in enumerate(downtimes):
        assert at == pytest.approx(n * each_s, abs=2.1)
    (ended,) = [(at, d) for at, d in did if d.do is Do.ABORT]
    assert ended[0] == pytest.approx(deadline_s, abs=2.1)
    assert (ended[1].limit.name, ended[1].limit.value) == ("max_total", deadline_s)
    assert ended[1].limit.origin == "policy nova"


@requirement("ends.presets")
def test_nova_here_counts_memory_only():
    trace = list(stuck(20 * GIB, 250))  # with its disks
    known = Workload(memory_bytes=3 * GIB)
    steps = taken(preset("nova"), trace, workload=known)
    assert [value for _, value in steps] == [50, 95]
    assert steps[1][0] == pytest.approx(225, abs=2.1)


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("vdsm-minimal-downtime", [100, 150, 200, 300, 400, 500, "abort"]),
        ("vdsm-suspend", [100, 150, 200, 300, 400, 500, 5000, "abort"]),
        ("vdsm-postcopy", [100, 150, 200, "abort"]),
        ("ganeti", [30, 32]),
        ("virsh", [300]),
    ],
)
def test_peers_take_their_documented_steps(name, steps):
    told = taken(preset(name), stuck(4 * GIB, 700))
    assert [value for _, value in told] == steps


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("vdsm-minimal-downtime", [1, 2, 3, 4, 5, 7, 8]),
        ("vdsm-suspend", [1, 2, 3, 4, 5, 7, 8, 9]),
        ("vdsm-postcopy", [1, 2, 3, 4]),
        ("ganeti", [1, 1, 2]),
    ],
)
def test_steps_are_taken_one_pass_above_their_limit(name, numbers):
    told = taken(allowing(name, POSTCOPY), stuck(4 * GIB, 700))
    assert [1 + int((at - 2) // 60) for at, _ in told] == numbers
    if name in ("vdsm-postcopy", "ganeti"):
        assert told[-1][1] == "postcopy"


@requirement("ends.presets")
def test_vdsm_here_takes_a_step_at_each_look_where_passes_went_by_unseen():
    jumps = [(1.0, Sample(iteration=1, remaining_bytes=9))] * 15
    jumps += [(1.0, Sample(iteration=5, remaining_bytes=9))] * 60
    steps = taken(preset("vdsm-minimal-downtime"), jumps)
    assert steps == [(1, 100), (21, 150), (31, 200), (41, 300), (51, 400)]


# Proxmox


@requirement("ends.presets")
def test_proxmox_doubles_the_stop_at_each_sixth_growth():
    told = taken(preset("proxmox"), stuck(4 * GIB, 60 * 20))
    assert [value for _, value in told] == [100, 200, 400, 800]
    for number, (at, _) in zip((7, 13, 19), told[1:], strict=True):
        assert at == pytest.approx(60 * (number - 1), abs=2.1)
    within = taken(preset("proxmox").limited(max_downtime_ms=300), stuck(GIB, 1800))
    assert [value for _, value in within] == [100, 200, 300]


@requirement("ends.presets")
@requirement("ends.hostile")
@pytest.mark.parametrize(("total", "grows"), [(GIB, True), (0, False)])
def test_nothing_left_is_a_growth_too_but_not_before_the_job_has_begun(total, grows):
    nothing = Sample(total_bytes=total, processed_bytes=0, remaining_bytes=0)
    told = taken(preset("proxmox"), [(1.0, nothing)] * 8)
    assert [value for _, value in told] == ([100, 200] if grows else [100])


# KubeVirt


@requirement("ends.presets")
def test_kubevirt_counts_decimal_gigabytes_and_a_sawtooth_as_progress():
    ((begun, _), (at, what)) = taken(preset("kubevirt"), stuck(8 * GIB, 1400))
    assert (begun, what) == (2.0, "abort")
    assert at == pytest.approx(1350, abs=2.1)


def halting(moves_s, halts_s, late_s=0):
    """A first pass that moves for a while, then stays; its first sample may be late."""
    yield from ((1.0, None) for _ in range(late_s))
    for n in range(moves_s + halts_s):
        sent = min(n, moves_s) * 64 * MIB
        yield (
            1.0,
            Sample(
                total_bytes=64 * GIB,
                processed_bytes=sent,
                remaining_bytes=64 * GIB - sent,
                iteration=1,
            ),
        )


@requirement("ends.presets")
@requirement("ends.named-limit")
def test_kubevirt_gives_up_after_150_seconds_without_progress_and_says_so():
    assert taken(preset("kubevirt"), halting(100, 149))[1:] == []
    assert taken(preset("kubevirt"), halting(100, 20, late_s=160))[1:] == []
    _, did = replayed(preset("kubevirt"), halting(100, 160))
    (at, decision) = did[-1]
    assert (decision.rule, decision.do) == ("no-progress", Do.ABORT)
    assert at == pytest.approx(100 + 151, abs=1.1)
    limit = decision.limit
    assert (limit.name, limit.value, limit.origin) == (
        "no-progress",
        None,
        "policy kubevirt",
    )


LOW = (80,) * 45
"""Passes that get nowhere: each leaves what takes 1.25 s."""


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("consents", "sizes", "what"),
    [
        (NONE, LOW, 1313),
        (NONE, (320,) * 12, "abort"),
        (PAUSE, LOW, "suspend"),
        (POSTCOPY, LOW, "postcopy"),
        (BOTH, LOW, "postcopy"),
    ],
)
def test_kubevirt_s_detector_goes_down_its_ladder_once_it_stalls(consents, sizes, what):
    policy = allowing("kubevirt-stall", consents)
    ((_, first), (at, value)) = taken(policy, passes(640, *sizes))
    assert first == 300
    # The first low, at 10 s, has to be older than 40 s.
    assert 50 <= at <= 56
    assert value == pytest.approx(what, rel=0.1) if what == 1313 else value == what


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("sizes", "between_s"),
    [
        # Stalls at the high of 54 s, and waits for the low that follows.
        ((320, 160) * 9, (58, 60)),
        # A low that never comes again: its window runs out first.
        ((40, *(320,) * 22), (91, 98)),
        # Each low is 5 % lower than the one before it: no stall.
        (tuple(320 * 0.95**n for n in range(40)), None),
    ],
)
def test_kubevirt_s_detector_waits_for_a_local_low(sizes, between_s):
    policy = allowing("kubevirt-stall", POSTCOPY)
    steps = taken(policy, passes(640, *sizes))[1:]
    if between_s is None:
        assert steps == []
        return
    ((at, what),) = steps
    assert what == "postcopy"
    assert between_s[0] <= at <= between_s[1]


@requirement("ends.presets")
def test_kubevirt_s_detector_here_stays_within_the_limits_of_a_stop():
    policy = preset("kubevirt-stall").limited(max_downtime_ms=900)
    assert taken(policy, passes(640, *LOW))[-1][1] == "abort"
    # Nor is a pause begun that its limit, 60 s, would take back.
    pausing = allowing("kubevirt-stall", PAUSE)
    assert taken(pausing, passes(*[4800] * 3))[-1][1] == "abort"


@requirement("ends.presets")
@requirement("ends.drop")
def test_kubevirt_s_detector_here_waits_while_the_link_has_just_dropped():
    policy = allowing("kubevirt-stall", POSTCOPY)
    cut = passes(640, *[80] * 31, (80, 8), *[80] * 9)
    ((_, _), (at, what)) = taken(policy, cut)
    assert what == "postcopy"
    assert at > 58


@requirement("ends.presets")
def test_a_stop_that_kubevirt_s_detector_permits_has_until_the_deadline_here():
    steps = taken(preset("kubevirt-stall"), passes(640, *[80] * 260))
    assert [value for _, value in steps][2:] == ["abort"]
    assert steps[-1][0] == pytest.approx(300, abs=1)


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("working_mib", "least_ms", "most_ms"), [(40, 370, 640), (60, 640, 1000)]
)
def test_what_kubevirt_s_detector_permits_is_enough_for_a_transfer(
    working_mib, least_ms, most_ms
):
    guest = Guest(steady(96), working_mib=working_mib)
    end = run(preset("kubevirt-stall"), guest)
    assert end.how == "pre-copy", end
    ((_, _, decision),) = end.steps
    assert least_ms <= decision.value <= most_ms


# The deadline, by consents


AT_ONCE = {"postcopy": "postcopy", "pause": "suspend", "none": "abort"}
PATIENT = dict.fromkeys(AT_ONCE, "abort")


@requirement("ends.presets")
@requirement("ends.deadline")
@pytest.mark.parametrize("allowed", AT_ONCE)
@pytest.mark.parametrize(
    ("name", "deadline_s", "ends"),
    [
        ("nova", 6400, AT_ONCE),
        ("kubevirt", 1350, AT_ONCE),
        ("kubevirt-stall", 2700, AT_ONCE),
        *((name, NEVER_S, PATIENT) for name in PEERS if "vdsm" in name),
        *((name, NEVER_S, PATIENT) for name in ("ganeti", "proxmox", "virsh")),
    ],
)
def test_what_crawls_for_ever_ends_at_the_deadline(name, deadline_s, ends, allowed):
    policy = preset(name)
    if allowed != "none":
        policy = policy.allowing(**{allowed: True})
    steps = taken(policy, crawling(8 * GIB, deadline_s + 400, every_s=20))
    (at, what), *more = [(at, w) for at, w in steps if isinstance(w, str)]
    assert (what, at) == (ends[allowed], pytest.approx(deadline_s, abs=20))
    if what == "suspend":
        # A pause of ours has no second deadline, as KubeVirt's has, but its own limit.
        within_s = policy.limits.max_switchover_s
        assert more == [(pytest.approx(at + within_s, abs=20), "abort")]
    else:
        assert more == []


# virsh's timers


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"timeout_s": 90}, [(90, "suspend"), (90 + 3600, "abort")]),
        (
            {"timeout_s": 90, "timeout_suspend": True},
            [(90, "suspend"), (90 + 3600, "abort")],
        ),
        ({"timeout_s": 90, "timeout_postcopy": True}, [(90, "postcopy")]),
        ({"postcopy_after_precopy": True}, [(60, "postcopy")]),
        (
            {"timeout_s": 30, "timeout_postcopy": True, "postcopy_after_precopy": True},
            [(30, "postcopy")],
        ),
        (
            {"timeout_s": 30, "postcopy_after_precopy": True},
            [(30, "suspend"), (30 + 3600, "abort")],
        ),
    ],
)
def test_virsh_s_timers_act_when_they_run_out(options, steps):
    policy = with_timers(None, Options(**options))
    told = taken(policy, stuck(4 * GIB, 3800))
    assert told[0] == (2.0, 300)
    assert told[1:] == [(pytest.approx(at, abs=4.1), what) for at, what in steps]


# What a preset says of itself


@requirement("ends.presets")
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_ends_and_says_where_it_is_not_as_its_peer(name):
    policy = preset(name)
    assert policy.deadline_s(8 * GIB) <= 24 * 3600
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    ours = name == "adaptive"
    assert bool(policy.differs) is bool(policy.read_from) is not ours
    if not ours:
        # A version, or the month in which the peer's sources were read.
        assert re.search(r"\b(20\d\d|\d+\.\d+)$", policy.read_from)


@requirement("ends.presets")
@pytest.mark.parametrize(
    ("name", "asks"),
    [
        ("nova", {}),
        ("vdsm-minimal-downtime", {"auto_converge": True}),
        (
            "vdsm-suspend",
            {"auto_converge": True, "compression_methods": ("xbzrle",)},
        ),
        ("vdsm-postcopy", {"auto_converge": True}),
        ("kubevirt", {}),
        ("kubevirt-stall", {}),
        ("ganeti", {}),
        ("proxmox", {"auto_converge": True, "compression_methods": ("xbzrle",)}),
        ("virsh", {}),
    ],
)
def test_a_preset_asks_for_what_its_peer_has_on_and_consents_to_nothing_else(
    name, asks
):
    policy = preset(name)
    assert policy.wishes(8 * GIB) == asks
    assert policy.consents == Consents(throttle="auto_converge" in asks)
