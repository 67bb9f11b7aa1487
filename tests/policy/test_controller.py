"""Whatever the figures say: it ends, by what is allowed, and never after post-copy."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.policy.replay import MIB, replayed
from tests.requirements import requirement
from virtmigrate.convergence import CONSENT, decide, looks
from virtmigrate.errors import BadInput
from virtmigrate.forecast import Workload
from virtmigrate.history import SWITCHES_S
from virtmigrate.host import Sample
from virtmigrate.outlook import outlook
from virtmigrate.policy import Act, Consents, Do, Objective, Policy, Rule, When
from virtmigrate.policy_file import read_policy
from virtmigrate.presets import PRESETS, preset

ENDING = {Do.ABORT, Do.POSTCOPY, Do.SUSPEND}
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
        throttle_percent=numbers,
    ),
    st.builds(
        lambda disk, total, sent, left: Sample(
            total_bytes=total if disk is None else disk,
            processed_bytes=sent,
            remaining_bytes=left,
            iteration=0,
            disk_total_bytes=total,
            disk_processed_bytes=sent,
            disk_remaining_bytes=left,
        ),
        numbers,
        numbers,
        numbers,
        numbers,
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


def policies(name=None):
    """A preset with consents and limits of a request's own."""
    return st.builds(
        lambda policy, consents, most, total: policy.allowing(**consents).limited(
            max_downtime_ms=most, max_total_s=total
        ),
        st.sampled_from([PRESETS[name]] if name else list(PRESETS.values())),
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


def permitted(policy, did, able):
    """Whether all that was done is allowed and can be done."""
    for _, decision in did:
        assert decision.do in able
        assert getattr(policy.consents, CONSENT.get(decision.do, ""), True)
        if decision.do is Do.DOWNTIME:
            assert 1 <= decision.value <= policy.limits.max_downtime_ms
    return [decision.do for _, decision in did]


@requirement("ends.hostile")
@requirement("ends.postcopy-never-aborted")
@requirement("ends.consent")
@pytest.mark.parametrize("name", PRESETS)
@given(st.data(), traces, ables, workloads, st.booleans())
def test_whatever_the_figures_only_what_is_allowed_is_done(
    name, data, trace, able, workload, delta
):
    policy = data.draw(policies(name))
    history, did = replayed(policy, trace, able, workload, delta=delta)
    assert permitted(policy, did, able).count(Do.POSTCOPY) <= 1
    for (_, do, at), (_, _, after) in pairwise(history.acts):
        assert do is not Do.ABORT
        # Only a post-copy that did not come may be followed by anything.
        assert do is not Do.POSTCOPY or after > at + SWITCHES_S


@requirement("ends.hostile")
@pytest.mark.parametrize("least", [5e-324, 2.3e-311, 1e-10])
def test_next_to_nothing_sent_makes_no_endless_prediction(least):
    trace = [
        (0.0, Sample(remaining_bytes=0, iteration=1)),
        (1.0, Sample(processed_bytes=least, remaining_bytes=1 << 30, iteration=1)),
        (0.5, Sample(processed_bytes=2 * least, remaining_bytes=1 << 30, iteration=2)),
    ]
    history, _ = replayed(
        preset("virsh"), trace, frozenset(Do), Workload(memory_bytes=1 << 30)
    )
    assert history.points[-1].sent == 0.0


@requirement("ends.deadline")
@requirement("ends.standstill")
@pytest.mark.parametrize("name", PRESETS)
@given(
    st.data(),
    traces,
    ables,
    workloads,
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
)
def test_by_the_deadline_and_the_standstill_it_has_ended(
    name, data, trace, able, workload, stopped, switches
):
    policy = data.draw(policies(name))
    history, did = replayed(policy, trace, able, workload)
    if history.postcopy:
        return
    look_s = policy.looks_every_s + 0.1
    waits = (SWITCHES_S, policy.limits.max_switchover_s)
    # At the deadline, and as long after it as what was done there may take.
    rest = max(0.0, policy.deadline_s(history.size) - history.elapsed_s(began(trace)))
    now = began(trace)
    for wait in (rest, *waits, *waits):
        now += wait + look_s
        asked = history.has_done(Do.POSTCOPY)
        told = Sample(stopped=stopped, postcopy=asked and switches is True)
        history.add(now, None if asked and switches is None else told)
        assert looks(policy, history, now)
        if (decision := decide(policy, history, now)) is not None:
            assert not history.postcopy
            did.append((now, decision))
            history.did(decision.rule, decision.do, now, decision.value)
        assert ENDING & {decision.do for _, decision in did}
    done = permitted(policy, did, able)
    assert done[-1] is Do.ABORT or history.switched()


def began(trace):
    """Where the clock of `replayed` stands after a trace."""
    return 1000.0 + sum(step for step, _ in trace)


garbage = st.sampled_from([None, 0, -1, 1 << 60, 1 << 63, -(1 << 62), math.nan])
absurd = st.one_of(
    st.none(),
    st.builds(
        Sample,
        total_bytes=garbage,
        processed_bytes=garbage,
        remaining_bytes=garbage,
        percent=garbage,
        iteration=garbage,
        throttle_percent=garbage,
        stopped=st.sampled_from([None, True, False]),
        pass_ms=garbage,
    ),
)


@requirement("ends.hostile")
@pytest.mark.parametrize("name", PRESETS)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.5, -0.1, -3600.0]), absurd), max_size=60
    ),
    st.booleans(),
)
@example(trace=[(0.5, Sample(remaining_bytes=0, iteration=1 << 60))] * 20, delta=False)
def test_from_figures_that_can_not_be_nothing_is_concluded(name, trace, delta):
    policy = preset(name).allowing(postcopy=True, pause=True, throttle=True)
    _, did = replayed(policy, trace, delta=delta)
    assert not ENDING & {decision.do for _, decision in did}


@requirement("ends.hostile")
@pytest.mark.parametrize("percent", [1.2e-303, 5e-324])
def test_a_percent_that_hardly_moves_foretells_no_time(percent):
    trace = [(0.0, Sample(percent=0)), (3600.0, Sample(percent=percent))]
    history, _ = replayed(preset("virsh"), trace)
    assert outlook(history, preset("virsh")).remaining_s is None


@requirement("ends.deadline")
@pytest.mark.parametrize(("shows_s", "ends"), [(None, True), (9.0, False)])
def test_post_copy_that_was_refused_does_not_lift_the_deadline(shows_s, ends):
    policy = preset("virsh").allowing(postcopy=True).limited(max_total_s=30)
    early = Rule(id="x", when=When(after_s=5), ladder=(Act(do=Do.POSTCOPY),))
    policy = policy.model_copy(update={"rules": (early,)})
    trace = [
        (1.0, Sample(postcopy=shows_s is not None and n >= 5 + shows_s))
        for n in range(40)
    ]
    _, did = replayed(policy, trace)
    last_at, last = did[-1]
    assert (last.do, last_at) == ((Do.ABORT, 30.0) if ends else (Do.POSTCOPY, 5.0))
    unseen = [(1.0, Sample() if n < 5 else None) for n in range(40)]
    assert replayed(policy, unseen)[1][-1][1].do is Do.POSTCOPY


@requirement("ends.consent")
@pytest.mark.parametrize("do", CONSENT)
def test_what_a_policy_begins_with_needs_consent_as_well(do):
    policy = preset("virsh").model_copy(update={"at_start": (Act(do=do),)})
    trace = [(1.0, Sample(iteration=1))] * 3
    _, did = replayed(policy, trace)
    assert [decision.do for _, decision in did] == [Do.DOWNTIME]
    _, did = replayed(policy.allowing(**{CONSENT[do]: True}), trace)
    assert [decision.do for _, decision in did] == [Do.DOWNTIME, do]


def test_what_a_policy_begins_with_never_undoes_a_later_step():
    policy = preset("virsh").limited(max_downtime_ms=500)
    later = Rule(id="x", when=When(after_s=5), ladder=(Act(do=Do.DOWNTIME, value=500),))
    policy = policy.model_copy(
        update={"rules": (later,), "at_start": (Act(do=Do.DOWNTIME, value=300),)}
    )
    _, did = replayed(policy, [(1.0, Sample())] * 9, downtime_ms=300)
    assert [decision.value for _, decision in did] == [500]


@requirement("ends.policy-file")
@given(policies())
def test_a_policy_survives_its_plan_and_always_ends(policy):
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert policy.at_deadline[-1] is Do.ABORT
    assert 0 < policy.deadline_s(0) < math.inf


@requirement("ends.policy-file")
@pytest.mark.parametrize("name", PRESETS)
@given(objective=st.sampled_from(Objective), consent=st.booleans())
def test_a_policy_of_ones_own_survives_its_file(name, objective, consent):
    consents = Consents(postcopy=consent, pause=not consent, throttle=consent)
    update = {"objective": objective, "consents": consents}
    policy = preset(name).model_copy(update=update)
    again = read_policy(json.dumps(policy.model_dump(mode="json")), "json")
    assert again == policy


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
