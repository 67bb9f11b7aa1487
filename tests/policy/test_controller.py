"""Whatever the figures say: it ends, by what is allowed, and never after post-copy."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.precopy import EVERY
from tests.requirements import requirement
from virtmigrate.convergence import CONSENT, decide, looks
from virtmigrate.errors import BadInput
from virtmigrate.forecast import Workload
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.outlook import outlook
from virtmigrate.policy import GIB, Do, Policy
from virtmigrate.policy_file import read_policy
from virtmigrate.presets import PRESETS, preset

MIB = 1 << 20
numbers = st.one_of(
    st.none(),
    st.sampled_from([0, -1, 1, 1 << 63, 1 << 70, -(1 << 62), math.nan, math.inf]),
    st.floats(allow_nan=True),
    st.integers(0, 1 << 33),
)
samples = st.one_of(
    st.none(),
    st.builds(
        Sample,
        total_bytes=numbers,
        processed_bytes=numbers,
        remaining_bytes=numbers,
        percent=numbers,
        iteration=st.one_of(numbers, st.integers(0, 6)),
        stopped=st.sampled_from([None, True, False]),
        postcopy=st.sampled_from([False] * 9 + [True]),
        pass_ms=numbers,
    ),
    st.builds(
        lambda left, number: Sample(
            total_bytes=256 * MIB,
            processed_bytes=(number * 200 + 200 - left) * MIB,
            remaining_bytes=left * MIB,
            iteration=number,
        ),
        st.integers(0, 256),
        st.integers(1, 9),
    ),
)
steps = st.one_of(st.floats(0, 2), st.sampled_from([-3600.0, -0.1, 0.0, 3600.0]))
traces = st.lists(st.tuples(steps, samples), max_size=60)
ables = st.frozensets(st.sampled_from(list(Do))).map(lambda some: some | {Do.ABORT})
policies = st.builds(
    lambda policy, consents, most, total: policy.allowing(**consents).limited(
        max_downtime_ms=most, max_total_s=total
    ),
    st.sampled_from(list(PRESETS.values())),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("postcopy", "pause", "throttle"), st.booleans())
    ),
    st.one_of(st.none(), st.integers(1, 2_000_000)),
    st.one_of(st.none(), st.floats(0.1, 1e5)),
)
workloads = st.one_of(
    st.none(),
    st.builds(
        lambda curve: Workload(memory_bytes=256 * MIB, curve=tuple(curve)),
        st.sampled_from(
            [
                (),
                ((1.0, 0),),
                ((1.0, 64 * MIB), (2.0, 0)),
                ((1.0, 0), (2.0, 64 * MIB)),
                ((1.0, 96 * MIB), (2.0, 128 * MIB), (4.0, 128 * MIB)),
            ]
        ),
    ),
)


def replayed(policy, trace, able=EVERY, workload=None, began=1000.0, **fields):
    """Every (seconds, decision) of a policy on a trace."""
    history = History(began, able=able, workload=workload, **fields)
    now, did = began, []
    for step, sample in trace:
        now += step
        history.add(now, sample)
        found = outlook(history, policy)
        for value in (found.remaining_s, found.postcopy_s, found.downtime_ms):
            assert value is None or (math.isfinite(value) and value >= 0)
        assert history.dropped() in (True, False)
        if not looks(policy, history, now):
            continue
        decision = decide(policy, history, now)
        if decision is None:
            continue
        assert not history.postcopy
        did.append((now - began, decision))
        history.did(decision.rule, decision.do, now, decision.value)
    return history, did


@requirement("ends.hostile")
@requirement("ends.postcopy-never-aborted")
@requirement("ends.consent")
@given(policies, traces, ables, workloads, st.booleans())
def test_whatever_the_figures_only_what_is_allowed_is_done(
    policy, trace, able, workload, delta
):
    _, did = replayed(policy, trace, able, workload, delta=delta)
    done = [decision.do for _, decision in did]
    for do in done:
        assert do in able
        assert getattr(policy.consents, CONSENT.get(do, ""), True)
    if Do.POSTCOPY in done:
        assert done.index(Do.POSTCOPY) == len(done) - 1
    for _, decision in did:
        if decision.do is Do.DOWNTIME:
            assert 1 <= decision.value <= policy.limits.max_downtime_ms


@requirement("ends.deadline")
@requirement("ends.standstill")
@given(policies, traces, ables, workloads, st.sampled_from([None, True, False]))
def test_by_the_deadline_and_the_standstill_it_has_ended(
    policy, trace, able, workload, told
):
    history, did = replayed(policy, trace, able, workload)
    if history.postcopy:
        return
    now = 1000.0 + sum(step for step, _ in trace) + policy.deadline_s(history.size)
    for after in (1.0, policy.limits.max_switchover_s + 1):
        now += after
        history.add(now, Sample(stopped=told))
        if (decision := decide(policy, history, now)) is not None:
            did.append((now, decision))
            history.did(decision.rule, decision.do, now, decision.value)
    assert {Do.ABORT, Do.POSTCOPY} & {decision.do for _, decision in did}


@requirement("ends.policy-file")
@given(policies)
def test_a_policy_survives_its_file_and_always_ends(policy):
    again = read_policy(json.dumps(policy.model_dump(mode="json")), "json")
    assert again == policy
    assert policy.at_deadline[-1] is Do.ABORT
    assert 0 < policy.deadline_s(0) < math.inf


@requirement("ends.policy-file")
@given(st.one_of(st.text(), st.binary().map(repr)), st.sampled_from(["toml", "json"]))
def test_a_hostile_file_is_bad_input_and_nothing_else(text, kind):
    with pytest.raises(ExceptionGroup) as refused:
        read_policy(text, kind)
    assert all(isinstance(error, BadInput) for error in refused.value.exceptions)


@requirement("ends.policy-file")
@pytest.mark.parametrize(
    "change",
    [
        {"at_deadline": ["postcopy"]},
        {"limits": {"max_downtime_ms": 300}},
        {"limits": {"max_total_s": math.nan}},
        {"limits": {"max_total_s": 60, "max_downtime_ms": "300"}},
        {"asks": {"nonsense": True}},
        {"more": 1},
        {"rules": [{"id": "x", "when": {}, "ladder": []}]},
    ],
)
def test_a_policy_that_would_not_end_is_refused(change):
    data = json.loads(preset().model_dump_json()) | change
    with pytest.raises(ExceptionGroup, match="malformed"):
        read_policy(json.dumps(data), "json")


def stuck(size_bytes, seconds, every_s=2.0, pass_s=60.0):
    """A guest of which every pass leaves a tenth, for so long."""
    for n in range(round(seconds / every_s)):
        at = n * every_s
        yield (
            every_s,
            Sample(
                total_bytes=size_bytes,
                processed_bytes=int(at * 64 * MIB),
                remaining_bytes=int(size_bytes * (1 - 0.9 * (at % pass_s) / pass_s)),
                iteration=1 + int(at // pass_s),
            ),
        )


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
def test_kubevirt_counts_decimal_gigabytes_rounded_up():
    _, did = replayed(preset("kubevirt"), stuck(8 * GIB, 1400), began=0.0)
    assert did[-1][1].do is Do.ABORT
    assert did[-1][0] == pytest.approx(1350, abs=2.1)


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
    _, did = replayed(preset(name), stuck(4 * GIB, 700), began=0.0)
    assert [d.value or d.do.value for _, d in did] == steps


@requirement("ends.presets")
def test_vdsm_and_ganeti_switch_at_their_pass():
    for name, number in (("vdsm-postcopy", 4), ("ganeti", 2)):
        policy = preset(name).allowing(postcopy=True)
        _, did = replayed(policy, stuck(4 * GIB, 700), began=0.0)
        at, last = did[-1]
        assert last.do is Do.POSTCOPY
        assert 1 + int(at // 60) == number


@requirement("ends.presets")
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_ends_and_says_where_it_is_not_as_its_peer(name):
    policy = preset(name)
    assert policy.differs or name == "adaptive"
    assert policy.deadline_s(8 * GIB) <= 24 * 3600
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
