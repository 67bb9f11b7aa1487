"""Options x two declarations: what holds, how, and every refusal at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.declared import (
    ALWAYS,
    DECLARABLE,
    NATIVE,
    NEVER,
    declaration,
    ends,
    facts,
)
from tests.core.declared import qemu_like as qemu
from tests.core.declared import vz_like as vz
from tests.core.settling import errors, refusals, rows
from tests.requirements import requirement
from virtmigrate import Options, Side
from virtmigrate.capabilities import How, Support
from virtmigrate.negotiation import RANK, Ends, settle
from virtmigrate.option_rows import OWN, SWITCHES

# Three answers x four ways x two sides ----------------------------------------------

WAYS = [How.NATIVE, How.INHERENT, How.EMULATED, How.REFUSED]
PAIRS = list(itertools.product(WAYS, WAYS))


def met(host, on, off):
    return declaration(host, {"compressed": Support(on=on, off=off, note=f"as {host}")})


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(("here", "there"), PAIRS)
@requirement("say.three-answers")
def test_an_answer_is_met_in_the_way_of_the_side_that_finds_it_hardest(
    asked, here, there
):
    """The answer asked for is met `here` and `there`; the other one natively."""
    ways = (here, there)
    sides = [
        met(h, way, How.NATIVE) if asked else met(h, How.NATIVE, way)
        for h, way in zip("ab", ways, strict=True)
    ]
    both = ends(*sides)
    if How.REFUSED in ways:
        sides = (Side.SOURCE, Side.DESTINATION)
        by = [s for s, way in zip(sides, ways, strict=True) if way is How.REFUSED]
        assert refusals(both, compressed=asked) == sorted(("compressed", s) for s in by)
    else:
        row = rows(both, compressed=asked)["compressed"]
        assert (row.asked, row.effective) == (asked, asked)
        assert row.how is max(ways, key=RANK.index)


@pytest.mark.parametrize(("here", "there"), PAIRS)
@requirement("compressed.absent")
@requirement("default.notion")
def test_nothing_asked_is_never_an_error_while_one_answer_is_left(here, there):
    both = ends(met("a", here, How.NATIVE), met("b", there, How.NATIVE))
    row = rows(both)["compressed"]
    assert row.asked is None
    assert row.effective is False
    both = ends(met("a", How.NATIVE, here), met("b", How.NATIVE, there))
    row = rows(both)["compressed"]
    assert row.effective is (How.REFUSED in (here, there))
    assert row.how is not How.REFUSED


@pytest.mark.parametrize("side", [0, 1])
@requirement("compressed.indistinguishable")
def test_the_three_ways_to_be_off_or_on_stay_apart(side):
    ways = {
        How.NATIVE: NATIVE,
        How.INHERENT: ALWAYS,
    }
    for how, support in ways.items():
        hosts = [declaration(h, {"compressed": support}) for h in "ab"]
        row = rows(ends(*hosts))["compressed"]
        assert (row.how, row.effective) == (how, how is How.INHERENT)
    never = [declaration(h, {"compressed": NEVER}) for h in "ab"]
    row = rows(ends(*never))["compressed"]
    assert (row.how, row.effective) == (How.INHERENT, False)
    never[1 - side] = declaration("x", {"compressed": NATIVE})
    assert refusals(ends(*never), compressed=True) == [
        ("compressed", [Side.SOURCE, Side.DESTINATION][side])
    ]


@requirement("compressed.inherent")
@requirement("compressed.explicit-no")
def test_a_no_that_cant_be_honoured_is_refused_and_says_what_is_accepted():
    both = ends(vz("a"), vz("b"))
    assert rows(both)["compressed"].effective is True
    assert rows(both, compressed=True)["compressed"].how is How.INHERENT
    source, destination = errors(both, compressed=False)
    assert (source.side, destination.side) == (Side.SOURCE, Side.DESTINATION)
    assert "--no-compressed" in source.message
    assert "always so" in source.message
    assert source.remedy == "--compressed or neither is accepted"


# What depends on one side only -------------------------------------------------------

ONE_SIDED = [
    row
    for row in SWITCHES
    if row.side is not Side.BOTH and not row.knob and row.name not in OWN
]


@pytest.mark.parametrize("row", ONE_SIDED, ids=lambda row: row.name)
def test_the_other_side_has_no_say(row):
    silent, able = declaration("x"), declaration("y", {row.name: NATIVE})
    hosts = (able, silent) if row.side is Side.SOURCE else (silent, able)
    guest = facts(persistent=False)
    asked = {row.name: True}
    assert rows(Ends(*hosts, guest), **asked)[row.name].how is How.NATIVE
    assert refusals(Ends(*hosts[::-1], guest), **asked) == [(row.name, row.side)]


# All at once --------------------------------------------------------------------------


@given(st.sets(st.sampled_from(DECLARABLE), min_size=1))
@requirement("say.all-at-once")
def test_every_refused_option_is_named_with_its_side_and_a_remedy(names):
    never = dict.fromkeys(DECLARABLE, NEVER)
    both = ends(declaration("a", never), qemu("b"))
    asked = dict.fromkeys(names, True)
    found = errors(both, **asked)
    at_source = {r.name for r in SWITCHES if r.side is not Side.DESTINATION}
    implied = {"p2p"} if "tunnelled" in names else set()
    named = {e.subject for e in found if e.side is Side.SOURCE}
    assert named == (names | implied) & at_source
    assert all(e.remedy and e.exit_code == 2 for e in found)


@requirement("say.all-at-once")
@requirement("rest")
def test_switches_values_and_contradictions_come_together():
    both = ends(declaration("a"), declaration("b", hypervisor="other"))
    found = refusals(
        both,
        tunnelled=True,
        bandwidth_mib_s=5,
        copy_storage=True,
        copy_storage_inc=True,
        dest_name="x",
    )
    assert {subject for subject, _ in found} == {
        "demo",
        "tunnelled",
        "p2p",
        "bandwidth_mib_s",
        "copy_storage",
        "copy_storage_inc",
        "copy-all-and-inc",
        "dest_name",
    }


@requirement("rest")
def test_what_is_not_declared_is_refused_by_name_and_off_by_itself():
    both = ends(declaration("a"), declaration("b"))
    for name in DECLARABLE:
        assert {s for s, _ in refusals(both, **{name: True})} >= {name}
    asked = dict.fromkeys(DECLARABLE, False)
    asked.pop("undefine_source")
    assert all(row.effective is False for row in settle(Options(**asked), both).options)
