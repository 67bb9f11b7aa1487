"""A plan that sends memory in compressed streams: made, kept, run as it was made."""

from __future__ import annotations

import pytest

from tests.core.runs import DESTINATION, SOURCE, Run
from tests.core.scripted import NAME, World
from tests.requirements import requirement
from virtmigrate import Options, Plan
from virtmigrate.forecast import Workload
from virtmigrate.hookspecs import hookimpl
from virtmigrate.negotiation import WISHED
from virtmigrate.pages import Pages

MIB = 1 << 20
LINK_MIB_S = 64


class Gauge:
    """A guest of 256 MiB that rests; its memory compresses to a share."""

    def __init__(self, share):
        self.pages = Pages(
            looked_at=512, zero=0, changed=0, difference=0.0, compressed_share=share
        )

    @hookimpl
    def virtmigrate_gauge(self, request, seconds):
        if not seconds:
            return Workload(memory_bytes=256 * MIB)
        curve = ((1.0, 0), (4.0, 0))
        return Workload(memory_bytes=256 * MIB, curve=curve, pages=self.pages)


def planned(share, **asked):
    """A run, and its plan on a link that is known."""
    run = Run(World(), plugins=(Gauge(share),))
    options = Options(bandwidth_mib_s=LINK_MIB_S, **asked)
    plan = run.migrator.plan(NAME, SOURCE, DESTINATION, options, measure_s=5.0)
    return run, plan


@requirement("ends.combined")
@requirement("ends.forecast")
def test_what_was_seen_to_compress_is_planned_and_foretold_so():
    _, plan = planned(0.25)
    effective = plan.settlement.effective()
    assert effective.compression_methods == ("zstd",)
    assert (effective.parallel, effective.parallel_connections) == (True, 2)
    assert plan.settlement["parallel"].why == WISHED
    assert "carries 256 MiB of memory a second" in " ".join(plan.forecast.basis)
    assert plan.forecast.total_s == pytest.approx(1.0, abs=0.1)
    assert plan.forecast.sent_bytes == pytest.approx(64 * MIB, rel=0.01)
    assert plan.forecast.bandwidth_mib_s == LINK_MIB_S


@requirement("ends.combined")
@pytest.mark.parametrize(
    ("share", "asked"), [(0.75, {}), (None, {}), (0.25, {"parallel": False})]
)
def test_else_it_is_planned_as_before(share, asked):
    _, plan = planned(share, **asked)
    assert plan.settlement.effective().compression_methods == ("xbzrle",)
    assert plan.forecast.total_s == pytest.approx(4.0, abs=0.1)


@requirement("say.plan-is-data")
def test_such_a_plan_is_run_as_it_was_made_though_nothing_is_measured_again():
    run, plan = planned(0.25)
    kept = Plan.model_validate_json(plan.model_dump_json())
    assert kept == plan
    result = run.migrator.run(kept)
    assert result.succeeded, result
    assert result.effective.compression_methods == ("zstd",)
    assert result.effective.parallel_connections == 2


@requirement("say.plan-is-data")
def test_a_plan_from_before_pages_were_compressed_is_read():
    _, plan = planned(0.25)
    old = plan.model_dump(mode="json")
    del old["workload"]["free_bytes"], old["workload"]["pages"]["compressed_share"]
    read = Plan.model_validate(old)
    assert read.workload.pages.compressed_share is None
    assert read.digest() == plan.digest()
