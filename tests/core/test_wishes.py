"""What a policy wants beside what was asked; what can be done; what a link had."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from pydantic import ValidationError

from tests.core.declared import ends, qemu_like, vz_like
from tests.core.plans import plan_of
from tests.requirements import requirement
from virtmigrate import MemoryJournal, Options, Outcome
from virtmigrate.able import able
from virtmigrate.cache import DIFFERENCES_FROM, RELEASE_S, cache_of
from virtmigrate.capabilities import How, ValueSupport
from virtmigrate.forecast import Link, Workload
from virtmigrate.host import RunState
from virtmigrate.links import ENOUGH, link_between
from virtmigrate.policy import Act, Do, Objective
from virtmigrate.presets import PRESETS, preset
from virtmigrate.results import Result, Timing
from virtmigrate.streams import choices
from virtmigrate.timers import with_timers
from virtmigrate.wishes import settle_first, settle_with

WISHES = {"postcopy": True, "auto_converge": True}


def test_a_wish_is_granted_and_says_whose_it_was():
    settled = settle_with(Options(), ends(), WISHES)
    assert settled["postcopy"].effective is True
    assert settled["postcopy"].asked is None
    assert settled["postcopy"].why == "the policy asks for it"


@pytest.mark.parametrize("answer", [True, False])
def test_a_wish_never_overrules_what_was_asked(answer):
    settled = settle_with(Options(postcopy=answer), ends(), {"postcopy": not answer})
    assert settled["postcopy"].effective is answer
    assert settled["postcopy"].asked is answer


def test_a_wish_that_can_not_be_is_dropped_without_an_error():
    both = ends(vz_like("a"), vz_like("b"))
    settled = settle_with(Options(), both, WISHES)
    assert settled == settle_with(Options(), both, {})


def test_a_value_can_be_a_wish():
    settled = settle_with(Options(), ends(), {"bandwidth_mib_s": 9})
    assert settled["bandwidth_mib_s"].effective == 9
    assert settled["bandwidth_mib_s"].asked is None


@requirement("ends.combined")
def test_the_first_of_several_wishes_that_is_granted_whole_is_taken():
    best = {"bandwidth_mib_s": 9, "parallel": True}
    several = [best, {"bandwidth_mib_s": 9, "auto_converge": True}]
    settled = settle_first(Options(), ends(), several).effective()
    assert (settled.parallel, settled.auto_converge) == (True, False)
    assert settled.bandwidth_mib_s == 9


@requirement("ends.combined")
@pytest.mark.parametrize("lacking", ["a", "b"])
def test_of_a_wish_that_is_not_granted_whole_nothing_is_left(lacking):
    without = {
        name: ValueSupport(how=How.NATIVE)
        for name in ("parallel_connections", "bandwidth_mib_s")
    }
    hosts = {
        name: qemu_like(name, **({"values": without} if name == lacking else {}))
        for name in "ab"
    }
    best = {"parallel": True, "compression_methods": ("zstd",)}
    several = [best, {"auto_converge": True}]
    settled = settle_first(Options(), ends(*hosts.values()), several).effective()
    assert (settled.parallel, settled.auto_converge) == (False, True)


def test_what_was_asked_and_is_wrong_is_refused_all_the_same():
    with pytest.raises(ExceptionGroup):
        settle_with(Options(live=True, offline=True), ends(), WISHES)


def test_a_policy_wants_what_its_consents_need():
    assert preset().wishes() == {}
    assert preset().allowing(postcopy=True).wishes() == {"postcopy": True}
    assert preset().allowing(throttle=True).wishes() == {"auto_converge": True}
    both = preset().allowing(postcopy=True, throttle=True)
    assert both.wishes() == {"postcopy": True}


def test_differences_have_a_cache_as_large_as_the_guest_within_bounds():
    cache = "compression_xbzrle_cache_bytes"
    assert preset().wishes(200 << 20)[cache] == 256 << 20
    assert preset().wishes(64 << 30)[cache] == 512 << 20
    assert preset("virsh").wishes(200 << 20) == {}


@requirement("ends.combined")
@pytest.mark.parametrize(
    ("free_mib", "cache_mib"),
    [
        (None, 512),
        (64 << 10, 512),
        (2048, 512),
        (2047, 256),
        (1023, 128),
        (256, 64),
        (255, None),
        (0, None),
    ],
)
def test_a_cache_takes_no_more_than_a_quarter_of_what_is_free(free_mib, cache_mib):
    free = None if free_mib is None else free_mib << 20
    wanted = preset().wishes(4 << 30, free_bytes=free)
    if cache_mib is None:
        assert wanted == {}
    else:
        assert wanted["compression_methods"] == ("xbzrle",)
        assert wanted["compression_xbzrle_cache_bytes"] == cache_mib << 20


@requirement("ends.limits")
@pytest.mark.parametrize(
    ("stop_ms", "cache_mib"),
    [(300, 512), (100, 512), (50, 256), (20, 64), (10, None), (1, None)],
)
def test_giving_a_cache_back_takes_no_more_than_half_of_the_permitted_stop(
    stop_ms, cache_mib
):
    cache = cache_of(4 << 30, None, stop_ms)
    assert cache == (cache_mib or 0) << 20
    assert RELEASE_S * cache <= stop_ms / 2000


def test_a_guest_that_is_moved_at_once_goes_without_differences():
    assert preset().wishes(DIFFERENCES_FROM - 1) == {}
    assert preset().wishes(DIFFERENCES_FROM)


@pytest.mark.parametrize(
    ("mib_s", "methods"), [(None, None), (500, ("zstd",)), (501, None), (10, ("zstd",))]
)
@pytest.mark.parametrize("objective", Objective)
def test_streams_are_compressed_where_the_link_is_known_to_be_slow_or_bytes_count(
    objective, mib_s, methods
):
    ours = preset().model_copy(update={"objective": objective})
    asked, known = Options(parallel=True), Workload(memory_bytes=1 << 30)
    link = None if mib_s is None else Link(mib_s, "by --bandwidth")
    (wanted,) = choices(ours, asked, known, link)
    always = ("zstd",) if objective is Objective.BYTES else methods
    assert wanted.get("compression_methods") == always
    assert choices(preset("virsh"), asked, known, link) == ({},)


# virsh's timers


def test_without_a_timer_the_policy_is_what_was_chosen():
    assert with_timers(None, Options()) is PRESETS["adaptive"]
    assert with_timers(PRESETS["nova"], Options()) is PRESETS["nova"]


@pytest.mark.parametrize(
    ("options", "do"),
    [
        (Options(timeout_s=5), Do.SUSPEND),
        (Options(timeout_s=5, timeout_postcopy=True), Do.POSTCOPY),
        (Options(postcopy_after_precopy=True), Do.POSTCOPY),
    ],
)
def test_a_timer_of_virsh_is_a_rule_of_virsh_and_its_own_consent(options, do):
    made = with_timers(None, options)
    assert made.name == "virsh"
    assert [act.do for act in made.rules[0].ladder] == [do]
    consent = "postcopy" if do is Do.POSTCOPY else "pause"
    assert getattr(made.consents, consent)


def test_a_timer_comes_before_the_rules_of_a_policy_that_was_chosen():
    made = with_timers(PRESETS["nova"], Options(timeout_s=5))
    assert (made.name, made.rules[0].id) == ("nova", "timeout")
    assert made.rules[1:] == PRESETS["nova"].rules


# what can be done


def test_post_copy_can_be_done_where_it_is_in_effect():
    plan = plan_of(postcopy=True)
    assert Do.POSTCOPY in able(plan, plan.settlement.effective())
    plan = plan_of()
    assert Do.POSTCOPY not in able(plan, plan.settlement.effective())


def test_a_cache_can_grow_where_differences_are_sent():
    plan = plan_of()
    assert Do.XBZRLE_CACHE not in able(plan, Options(live=True))
    sends = Options(live=True, compression_methods=("xbzrle",))
    assert Do.XBZRLE_CACHE in able(plan, sends)


@pytest.mark.parametrize(
    ("act", "good"),
    [
        ({"do": "xbzrle-cache", "value": 1 << 26}, True),
        ({"do": "xbzrle-cache", "value": 100_000}, False),
        ({"do": "xbzrle-cache", "value": 2048}, False),
        ({"do": "xbzrle-cache", "times": 2.0}, False),
        ({"do": "xbzrle-cache"}, False),
        ({"do": "bandwidth", "times": 2.0}, False),
        ({"do": "bandwidth", "value": 2}, True),
        ({"do": "downtime", "value": 2, "times": 2.0}, False),
        ({"do": "abort", "value": 2}, False),
    ],
)
def test_an_act_has_the_value_that_it_takes(act, good):
    with nullcontext() if good else pytest.raises(ValidationError):
        assert Act.model_validate(act).do == act["do"]


def test_a_guest_that_stands_still_can_only_be_given_up():
    plan = plan_of(live=False, postcopy=False)
    assert able(plan, Options(live=False)) <= {Do.ABORT, Do.BANDWIDTH}
    guest = plan.guest.model_copy(update={"state": RunState.PAUSED})
    paused = plan.model_copy(update={"guest": guest})
    assert able(paused, Options()) <= {Do.ABORT, Do.BANDWIDTH}


def test_without_knobs_only_an_end_can_be_asked_for():
    bare = plan_of().model_copy(update={"knobs": ()})
    assert able(bare, Options(live=True)) == {Do.ABORT}
    assert qemu_like("a").knobs


# what went through between two hosts


def ended(
    journal,
    migration,
    plan,
    rate,
    outcome=Outcome.SUCCEEDED,
    sent=None,
    total_ms=0.0,
    methods=None,
):
    """A migration that is over, in the journal."""
    journal.open(migration, plan, 0.0)
    result = Result(
        migration=migration,
        guest="demo",
        uuid=plan.guest.uuid,
        outcome=outcome,
        reason="",
        source=RunState.ABSENT,
        destination=RunState.RUNNING,
        effective=Options(compression_methods=methods),
        timing=Timing(total_ms=total_ms),
        processed_bytes=sent,
        bandwidth_bytes_s=rate,
    )
    body = {"result": result.model_dump(mode="json")}
    journal.append(migration, "end", 0.0, body, durable=False)
    journal.close(migration, outcome.value, 0.0, settled=True)


def test_what_is_known_of_a_link_in_either_direction():
    journal, plan = MemoryJournal(), plan_of()
    here, there = plan.source.uri, plan.destination.uri
    assert link_between(journal, here, there) is None
    ended(journal, "m1", plan, 32 << 20)
    ended(journal, "m2", plan, 64 << 20)
    ended(journal, "m3", plan, None)
    ended(journal, "m4", plan, 1 << 20, Outcome.ROLLED_BACK)
    for pair in ((here, there), (there, here)):
        link = link_between(journal, *pair)
        assert (link.mib_s, link.origin) == (64, "the middle of the last 2 migrations")
    assert link_between(journal, here, "scripted:///c") is None


def test_one_odd_migration_does_not_turn_what_is_known_of_a_link():
    journal, plan = MemoryJournal(), plan_of()
    ends = plan.source.uri, plan.destination.uri
    ended(journal, "m0", plan, 60 << 20)
    assert link_between(journal, *ends).origin == "as migration m0 had it"
    for number in range(1, ENOUGH):
        ended(journal, f"m{number}", plan, 64 << 20)
    ended(journal, "odd", plan, 1 << 20)
    assert link_between(journal, *ends).mib_s == 64


def test_a_link_is_not_known_by_moves_that_waited_for_cores_to_compress():
    journal, plan = MemoryJournal(), plan_of()
    ends = plan.source.uri, plan.destination.uri
    ended(journal, "slow", plan, 30 << 20, methods=("zstd",))
    assert link_between(journal, *ends).mib_s == 30  # better than nothing
    ended(journal, "plain", plan, 64 << 20, methods=("xbzrle",))
    for number in range(ENOUGH):
        ended(journal, f"m{number}", plan, 30 << 20, methods=("zstd",))
    assert link_between(journal, *ends).mib_s == 64


def test_what_a_move_takes_around_its_transfer():
    journal, plan = MemoryJournal(), plan_of()
    ends = plan.source.uri, plan.destination.uri
    ended(journal, "m1", plan, 64 << 20)
    assert link_between(journal, *ends).around_s is None
    ended(journal, "m2", plan, 64 << 20, sent=256 << 20, total_ms=5200)
    assert link_between(journal, *ends).around_s == pytest.approx(1.2)
