"""Hosts of two releases of Debian: libvirt 9.0 with QEMU 7.2, and newer ones."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.conftest import Rig
from tests.requirements import requirement
from virtmigrate import Options, Outcome
from virtmigrate.errors import NotMovable
from virtmigrate.negotiation import WISHED
from virtmigrate.presets import preset
from virtmigrate.sqlite_journal import SQLiteJournal
from virtmigrate_lab import Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.pytest_plugin import refuse
from virtmigrate_lab.qemu_host import QUICK_START
from virtmigrate_lab.releases import fetch

pytestmark = pytest.mark.lab

NEWER = "trixie"
LINK_MIB_S = 64
STREAMS = Options(parallel=True)


@contextmanager
def hosts(*newer):
    """Hosts a and b, some of them of the newer release."""
    if reasons := obstacles():
        refuse(reasons)
    fetch(NEWER)
    folder = Path(tempfile.mkdtemp(prefix="vml-"))
    releases = dict.fromkeys(newer, NEWER)
    try:
        with Lab.up(state_dir=folder, qemu_conf=QUICK_START, releases=releases) as lab:
            yield lab
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def mixed_hosts():
    with hosts("b") as lab:
        yield lab


@pytest.fixture(scope="module")
def newer_hosts():
    with hosts("a", "b") as lab:
        yield lab


def rig_of(lab, tmp_path):
    return Rig(lab, SQLiteJournal(tmp_path / "state" / "journal.db"))


@pytest.fixture
def mixed(mixed_hosts, tmp_path):
    """An old host a, a new host b."""
    yield rig_of(mixed_hosts, tmp_path)
    mixed_hosts.tidy()


@pytest.fixture
def newer(newer_hosts, tmp_path):
    """Two new hosts."""
    yield rig_of(newer_hosts, tmp_path)
    newer_hosts.tidy()


def started(rig, name, host="a", **options):
    """A guest of which half can be compressed away, and a shaped link."""
    wanted = {
        "memory_mib": 128,
        "working_set_mib": 64,
        "dirty_rate_mib_s": LINK_MIB_S // 2,
        "fill_percent": 50,
        **options,
    }
    rig.lab.guest_start(name, host=host, **wanted)
    rig.lab.link_rate(LINK_MIB_S)
    return name


@requirement("releases.mixed")
@pytest.mark.parametrize("options", [{}, {"p2p": True}, {"parallel": True}])
def test_a_guest_moves_to_a_newer_release_and_back(mixed, guest_name, options):
    guest, began = started(mixed, guest_name), mixed.lab.now()
    assert mixed.move(guest, **options).succeeded
    mixed.runs_only_on("b", guest, began)
    assert mixed.move(guest, back=True, **options).succeeded
    mixed.runs_only_on("a", guest, began)


@requirement("releases.mixed")
def test_a_machine_that_only_the_newer_has_is_refused_before(mixed, guest_name):
    guest, began = started(mixed, guest_name, host="b"), mixed.lab.now()
    with pytest.raises(ExceptionGroup) as refused:
        mixed.move(guest, back=True)
    (why,) = refused.value.exceptions
    assert isinstance(why, NotMovable)
    assert "has no machine pc-i440fx-" in str(why)
    mixed.runs_only_on("b", guest, began)
    assert mixed.state("a", guest) == ""


@requirement("releases.mixed")
def test_what_only_one_of_them_can_is_not_wished_for(mixed, guest_name):
    guest = started(mixed, guest_name)
    first = mixed.move(guest, parallel=True)
    assert first.bandwidth_bytes_s
    plan = mixed.migrator.plan(guest, mixed.b, mixed.a, STREAMS)
    assert plan.settlement.effective().compression_methods is None
    asked = Options(parallel=True, compression_methods=("zstd",))
    with pytest.raises(ExceptionGroup) as refused:
        mixed.migrator.plan(guest, mixed.b, mixed.a, asked)
    assert "it needs libvirt 9.4.0, 9.0.0 runs there" in str(refused.value.exceptions)


@requirement("ends.combined")
def test_streams_are_compressed_where_the_link_is_known_to_be_slow(newer, guest_name):
    """The plan is run as it was made: what it took the link for is the plan's too."""
    guest, began = started(newer, guest_name), newer.lab.now()
    plain = newer.move(guest, parallel=True)
    assert plain.succeeded
    assert plain.effective.compression_methods is None
    plan = newer.migrator.plan(guest, newer.b, newer.a, STREAMS)
    result = newer.migrator.run(plan)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.effective.compression_methods == ("zstd",)
    assert result.processed_bytes < 0.8 * plain.processed_bytes
    newer.runs_only_on("a", guest, began)


@requirement("ends.combined")
@requirement("ends.forecast")
def test_memory_that_is_seen_to_compress_goes_in_streams(newer, guest_name):
    """A tenth of each page is anything else than zeros."""
    guest = started(
        newer, guest_name, fill_percent=10, dirty_rate_mib_s=LINK_MIB_S // 4
    )
    began = newer.lab.now()
    plain = newer.move(guest)
    assert plain.effective.compression_methods == ("xbzrle",)
    plan = newer.migrator.plan(guest, newer.b, newer.a, Options(), measure_s=2.0)
    chosen = plan.settlement["compression_methods"]
    assert (chosen.effective, chosen.why) == (("zstd",), WISHED)
    assert plan.settlement["parallel"].effective is True
    assert any("streams: compressed" in line for line in plan.forecast.basis)
    result = newer.migrator.run(plan)
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.effective.compression_methods == ("zstd",)
    assert result.processed_bytes < 0.3 * plain.processed_bytes
    assert result.processed_bytes < plan.workload.memory_bytes // 2
    newer.runs_only_on("a", guest, began)


@requirement("ends.combined")
def test_memory_that_compresses_goes_as_before_where_one_host_can_not(
    mixed, guest_name
):
    guest, began = started(mixed, guest_name, fill_percent=10), mixed.lab.now()
    assert mixed.move(guest).succeeded
    plan = mixed.migrator.plan(guest, mixed.b, mixed.a, Options(), measure_s=2.0)
    assert plan.workload.pages.compressed_share < 0.5
    assert plan.settlement["compression_methods"].effective == ("xbzrle",)
    assert plan.settlement["parallel"].effective is False
    mixed.runs_only_on("b", guest, began)


@requirement("ends.gauge-safe")
def test_a_newer_one_is_measured_and_moved_by_post_copy(newer, guest_name):
    began = newer.lab.now()
    guest = started(newer, guest_name, dirty_rate_mib_s=3 * LINK_MIB_S)
    policy = preset().allowing(postcopy=True)
    plain = Options(compressed=False)
    plan = newer.migrator.plan(
        guest, newer.a, newer.b, plain, policy=policy, measure_s=2.0
    )
    assert any("sampling" in line for line in plan.workload.basis)
    result = newer.migrator.run(plan)
    assert result.succeeded, result
    acted = [e.action for e in newer.watch.events if e.kind == "acted"]
    assert acted[-1] == "postcopy"
    newer.runs_only_on("b", guest, began)
