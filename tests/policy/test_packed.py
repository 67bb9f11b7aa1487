"""Pages that go compressed: a link gets through more memory than it carries."""

from __future__ import annotations

import pytest

from tests.policy.precopy import Guest, run, steady
from tests.requirements import requirement
from virtmigrate.options import Options
from virtmigrate.outlook import outlook
from virtmigrate.presets import preset
from virtmigrate.streams import packs

LINK_MIB_S = 64
KNOWN = ("nothing", "beside", "before")
SECOND = 2
SMALL_MIB = 32
"""Passes over a guest's set of this size fly by."""


def moved(policy, guest, share, known="nothing", **more):
    """One transfer of pages that take a share of themselves."""
    told = {
        "nothing": {},
        "beside": {"aside": guest.aside()},
        "before": {"workload": guest.workload()},
    }
    return run(
        policy, guest, LINK_MIB_S, share=share, until_s=60, **told[known], **more
    )


@requirement("ends.combined")
@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.6])
@pytest.mark.parametrize("working_mib", [SMALL_MIB, 128, 224])
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_who_converges_only_compressed_is_left_to(order, working_mib, share, known):
    for rate in (0.9, 1.1, 1.5, 2, 3):
        if rate * share > 0.9:
            continue
        guest = Guest(steady(LINK_MIB_S * rate), working_mib=working_mib, order=order)
        plain = moved(preset("virsh"), guest, share)
        ours = moved(preset(), guest, share, known)
        assert (plain.how, ours.how) == ("pre-copy", "pre-copy"), (rate, ours)
        assert ours.total_s <= 1.1 * plain.total_s + 0.1


@requirement("ends.limits")
@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_who_does_not_is_given_up(order, known):
    guest = Guest(steady(LINK_MIB_S * 3), order=order)
    ours = moved(preset(), guest, 0.8, known)
    assert ours.how == "abort"
    assert known == "nothing" or ours.passes == SECOND


@requirement("ends.verdict")
@pytest.mark.parametrize("known", ["beside", "before"])
def test_what_remains_is_told_by_what_is_got_through(known):
    guest, ours = Guest(steady(LINK_MIB_S)), preset()
    told = moved(ours, guest, 0.25, known, watch=lambda seen: outlook(seen, ours))
    left = [
        (at_s, ahead.remaining_s)
        for at_s, number, into_s, ahead in told.foretold
        if number > 1 and into_s > 0.05 and ahead.remaining_s is not None
    ]
    assert left
    for at_s, remaining_s in left:
        assert at_s + remaining_s == pytest.approx(told.total_s, abs=0.5)


def test_only_several_streams_are_compressed():
    zstd = {"compressed": True, "compression_methods": ("zstd",)}
    assert packs(Options(parallel=True, **zstd))
    assert not packs(Options(**zstd))
    assert not packs(Options(compressed=True, compression_methods=("xbzrle",)))
