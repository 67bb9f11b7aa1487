"""Streams that are compressed, instead of differences: chosen where they end sooner."""

from __future__ import annotations

import pytest

from tests.policy.precopy import EVERY, MIB, Guest, run, steady
from tests.requirements import requirement
from virtmigrate import Options
from virtmigrate.forecast import Link, Verdict, Workload, foresee
from virtmigrate.pages import Pages
from virtmigrate.presets import preset
from virtmigrate.streams import (
    CONNECTIONS,
    SHARE_MOST,
    WORSE,
    ZSTD_PAYS_MIB_S,
    choices,
    packed,
)

LINK_MIB_S = 64
LINK = Link(float(LINK_MIB_S), "--bandwidth")
IDLE = ((1.0, MIB), (4.0, MIB))
STREAMS = {
    "parallel": True,
    "parallel_connections": CONNECTIONS,
    "compression_methods": ("zstd",),
}
DIFFERENCES = {
    "compression_methods": ("xbzrle",),
    "compression_xbzrle_cache_bytes": 256 * MIB,
}


def pages(share):
    """Of a guest whose memory compresses to so much."""
    return Pages(
        looked_at=512, zero=0, changed=9, difference=0.1, compressed_share=share
    )


def looked_at(share, curve=IDLE, **more):
    """256 MiB of it."""
    return Workload(memory_bytes=256 * MIB, curve=curve, pages=pages(share), **more)


@requirement("ends.combined")
def test_memory_that_compresses_goes_in_streams_else_as_before():
    several = choices(preset(), Options(), looked_at(0.1), LINK)
    assert several == (STREAMS, DIFFERENCES)


NOT = {
    "nothing was measured": {"workload": Workload(memory_bytes=256 * MIB)},
    "nobody looked": {"workload": Workload(memory_bytes=256 * MIB, curve=IDLE)},
    "too little was seen": {"workload": looked_at(None)},
    "it was not measured what is written": {"workload": looked_at(0.1, ())},
    "it compresses badly": {"workload": looked_at(SHARE_MOST + 0.01)},
    "it writes as fast as the link": {
        "workload": looked_at(0.45, ((1.0, 96 * MIB), (4.0, 250 * MIB)))
    },
    "the link is not known": {"link": None},
    "the link is faster than cores": {"link": Link(ZSTD_PAYS_MIB_S + 1, "")},
    "the policy has no such wish": {
        "policy": preset().model_copy(update={"compresses": False})
    },
    "post-copy is permitted": {"policy": preset().allowing(postcopy=True)},
    "post-copy was asked for": {"options": Options(postcopy=True)},
    "one stream was asked for": {"options": Options(parallel=False)},
    "compression was asked for": {"options": Options(compressed=True)},
    "a method was asked for": {"options": Options(compression_methods=("xbzrle",))},
    "one channel is there": {"options": Options(migrate_uri="unix:///run/way")},
}


@requirement("ends.combined")
@pytest.mark.parametrize("why", NOT)
def test_differences_stay_where(why):
    known = {
        "policy": preset(),
        "options": Options(),
        "workload": looked_at(0.1),
        "link": LINK,
        **NOT[why],
    }
    (only,) = choices(*known.values())
    assert "parallel" not in only
    assert only["compression_methods"] == ("xbzrle",)


@pytest.mark.parametrize(
    ("share", "link_mib_s", "taken"),
    [(0.1, 64, 0.1), (0.1, 500, 0.5), (0.4, 200, 0.4), (None, 64, 1.0)],
)
def test_a_page_takes_of_the_link_what_is_left_of_it_and_what_cores_need(
    share, link_mib_s, taken
):
    link, known = Link(float(link_mib_s), ""), looked_at(share)
    options = Options(**STREAMS)
    assert packed(link, options, known).share == pytest.approx(taken)
    assert packed(link, Options(parallel=True), known) == link


MANY = 1 << 14
"""Pages are sampled: what is known of a guest is nearly exact."""
SURELY = 0.5
"""Of the link: who writes no more converges, whatever was not seen of how."""
EDGE = 0.75
"""Who writes more of what the link carries is over sooner than foretold."""
SMALL_MIB = 64
RATIOS = (0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.5, 3)
KINDS = [
    (memory_mib, working_mib, order)
    for memory_mib, working_mib in ((256, SMALL_MIB), (256, 200), (1024, 256))
    for order in ("sequential", "random")
]


@requirement("ends.combined")
@requirement("ends.forecast")
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize(("memory_mib", "working_mib", "order"), KINDS)
def test_where_streams_are_chosen_the_move_ends_sooner_and_as_foretold(
    share, memory_mib, working_mib, order
):
    chosen = 0
    for ratio in RATIOS:
        guest = Guest(
            steady(ratio * LINK_MIB_S),
            working_mib=working_mib,
            memory_mib=memory_mib,
            order=order,
        )
        sampled = {"pages": pages(share), "looked_at": (MANY,) * 3}
        known = guest.workload().model_copy(update=sampled)
        if len(choices(preset(), Options(), known, LINK)) == 1:
            # What is gone round in a second may be rewritten far faster than that.
            assert ratio * min(1, WORSE * share) > SURELY or working_mib == SMALL_MIB
            continue
        chosen += 1
        link = packed(LINK, Options(**STREAMS), known)
        told = foresee(known, preset(), link, EVERY, runs=True)
        came = run(preset(), guest, workload=known, planned_mib_s=64, share=share)
        plain = run(preset(), guest, workload=known, planned_mib_s=64, xbzrle=True)
        assert (came.how, told.way) == ("pre-copy", "pre-copy"), (ratio, came)
        assert told.verdict is Verdict.CONVERGES
        if ratio <= EDGE:
            assert told.total_s == pytest.approx(came.total_s, rel=0.15, abs=0.1)
            assert told.sent_bytes == pytest.approx(came.sent_mib * MIB, rel=0.2)
        assert came.total_s < plain.total_s
        assert any("streams: compressed" in line for line in told.basis)
    assert chosen >= 3
