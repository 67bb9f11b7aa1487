"""Job statistics to samples: units right, garbage harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.capabilities import Progress
from virtmigrate_libvirt.jobs import active, sample_of

# As a libvirt 9.0 daemon gave it during a migration.
REAL = {
    "type": 2, "operation": 5, "time_elapsed": 6316, "downtime": 409, "setup_time": 2,
    "data_total": 67502080, "data_processed": 73836451, "data_remaining": 4096,
    "memory_total": 67502080, "memory_processed": 73836451, "memory_remaining": 4096,
    "memory_bps": 12624209, "memory_constant": 542, "memory_normal": 17990,
    "memory_normal_bytes": 73687040, "memory_dirty_rate": 1024, "memory_iteration": 4,
    "memory_postcopy_requests": 0, "memory_page_size": 4096,
    "disk_total": 0, "disk_processed": 0, "disk_remaining": 0, "disk_bps": 1000,
    "auto_converge_throttle": 20,
}  # fmt: skip


def test_a_real_reading():
    sample = sample_of(REAL)
    assert sample is not None
    assert sample.elapsed_ms == 6316
    assert (sample.total_bytes, sample.processed_bytes) == (67502080, 73836451)
    assert sample.remaining_bytes == 4096
    assert sample.dirty_bytes_s == 1024 * 4096, "pages, not bytes, on the wire"
    assert sample.bandwidth_bytes_s == 12624209 + 1000
    assert sample.iteration == 4
    assert sample.downtime_ms == 409
    assert sample.throttle_percent == 20
    assert sample.percent is None
    assert sample.raw["memory_normal"] == 17990


@requirement("declare.progress")
def test_percent_is_never_shown_as_bytes():
    vz = {"type": 2, "data_total": 100, "data_processed": 40, "data_remaining": 60}
    sample = sample_of(vz, counts=Progress.PERCENT)
    assert sample is not None
    assert sample.percent == 40.0
    assert (
        sample.total_bytes is sample.processed_bytes is sample.remaining_bytes is None
    )


@pytest.mark.parametrize("kind", [0, 3, 4, 5, None, "2", 17])
def test_no_transfer_no_sample(kind):
    assert sample_of({**REAL, "type": kind}) is None
    assert not active({"type": kind})


@pytest.mark.parametrize("operation", [1, 2, 3, 6, 7, 9])
def test_another_job_is_active_but_no_transfer(operation):
    stats = {**REAL, "operation": operation}
    assert active(stats)
    assert sample_of(stats) is None


def test_an_old_daemon_names_no_operation():
    assert sample_of({"type": 2, "data_total": 5}) is not None


garbage = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()
)


@given(st.dictionaries(st.sampled_from(sorted(REAL)), garbage))
def test_garbage_is_dropped_and_never_raises(stats):
    sample = sample_of({**REAL, **stats, "type": 2, "operation": 5})
    assert sample is not None
    for figure in (
        sample.elapsed_ms,
        sample.total_bytes,
        sample.processed_bytes,
        sample.remaining_bytes,
        sample.dirty_bytes_s,
        sample.bandwidth_bytes_s,
        sample.iteration,
        sample.downtime_ms,
        sample.throttle_percent,
    ):
        assert figure is None or (type(figure) is int and figure >= 0)
