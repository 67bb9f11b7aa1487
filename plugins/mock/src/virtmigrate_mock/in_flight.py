"""What can be read of a running transfer, and what can be turned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Knob, Progress
from virtmigrate.host import RunState, Sample
from virtmigrate_mock import jobs
from virtmigrate_mock.disk_state import Mirror
from virtmigrate_mock.mirror import alike
from virtmigrate_mock.primitives import suspend
from virtmigrate_mock.state import JobPhase
from virtmigrate_mock.styles import style_named
from virtmigrate_mock.transfer import sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate_mock.machine import Machine
    from virtmigrate_mock.primitives import On
    from virtmigrate_mock.state import HostState, Job, Transfer

MIB = 1 << 20
PAGE_BYTES = 4096
PAGES = MIB // PAGE_BYTES
NO_DISKS = Mirror(0.0, 0.0)


def turn(on: On, knob: str, value: int) -> None:
    """Turn a knob of a running transfer.

    Raises:
        HostError: No transfer runs, or this host has no such knob.
    """
    job = on.outgoing()
    if job is None or job.phase is not JobPhase.MOVING or job.transfer is None:
        raise on.error("no job is active on the guest")
    if knob not in on.style.knobs:
        raise on.error(f"there is no knob {knob} here")
    KNOBS[Knob(knob)](on, job, job.transfer, value)


def _downtime(on: On, job: Job, transfer: Transfer, value: int) -> None:
    transfer.downtime_ms = value


def _bandwidth(on: On, job: Job, transfer: Transfer, value: int) -> None:
    transfer.cap_mib_s = value


def _suspended(on: On, job: Job, transfer: Transfer, value: int) -> None:
    suspend(on)


def _cache(on: On, job: Job, transfer: Transfer, value: int) -> None:
    transfer.cache_mib = value / MIB


def _postcopy(on: On, job: Job, transfer: Transfer, value: int) -> None:
    if not job.postcopy or job.daemon:
        raise on.error("post-copy was not permitted when the job began")
    if on.guest.state is not RunState.RUNNING:
        raise on.error("post-copy needs a running guest")
    if transfer.mirror is not None and not alike(transfer.mirror):
        raise on.error("post-copy has to wait for the disks")
    transfer.postcopy = True
    transfer.stopped_at = transfer.done_at = on.machine.now
    if on.guest.live is not None:
        sync(transfer, on.guest.live)
    on.machine.halt(on.host, on.guest, RunState.POSTCOPY)
    jobs.complete(on.machine, job)
    arriving = jobs.incoming(on.machine, job.peer, job.uuid)
    if arriving is not None:
        arriving.transfer = replace(transfer)


KNOBS: dict[Knob, Callable[[On, Job, Transfer, int], None]] = {
    Knob.DOWNTIME_MS: _downtime,
    Knob.BANDWIDTH_MIB_S: _bandwidth,
    Knob.POSTCOPY: _postcopy,
    Knob.SUSPEND: _suspended,
    Knob.XBZRLE_CACHE_BYTES: _cache,
}


def sample(machine: Machine, host: HostState, uuid: str) -> Sample | None:
    """Read a transfer, as this style counts; the last reading stays till confirm."""
    job = jobs.outgoing(machine, host.name, uuid)
    if job is None or job.transfer is None:
        return None
    if job.phase not in (JobPhase.MOVING, JobPhase.COMPLETE):
        return None
    transfer = job.transfer
    left, live = transfer.remaining_mib, host.guests[uuid].live
    running = live is not None and live.running_since is not None
    disks = transfer.mirror or NO_DISKS
    waits = not alike(disks)  # memory, till the disks are there
    total = transfer.total_mib + disks.total_mib
    elapsed_ms = round((transfer.at - transfer.started) * 1000)
    if style_named(host.style).progress is Progress.PERCENT:
        left += transfer.dirtied_mib + disks.remaining_mib
        percent = 100.0 * (1 - min(left, total) / total)
        return Sample(elapsed_ms=elapsed_ms, percent=float(int(percent)))
    if waits:
        return _of_disks(disks, elapsed_ms, running)
    return Sample(
        elapsed_ms=elapsed_ms,
        total_bytes=round(total * MIB),
        processed_bytes=round((transfer.sent_mib + disks.sent_mib) * MIB),
        remaining_bytes=round((left + disks.remaining_mib) * MIB),
        disk_total_bytes=round(disks.total_mib * MIB),
        disk_processed_bytes=round(disks.sent_mib * MIB),
        disk_remaining_bytes=round(disks.remaining_mib * MIB),
        dirty_bytes_s=round(transfer.dirty_mib_s * MIB),
        bandwidth_bytes_s=round(transfer.bandwidth_mib_s * MIB),
        iteration=transfer.iteration,
        downtime_ms=_downtime_ms(transfer),
        throttle_percent=transfer.throttle_percent,
        postcopy=transfer.postcopy,
        stopped=not running,
        raw={
            "memory_dirty_rate": round(transfer.dirty_mib_s * PAGES),
            "memory_page_size": PAGE_BYTES,
        },
    )


def _of_disks(disks: Mirror, elapsed_ms: int, running: bool) -> Sample:  # noqa: FBT001
    """As libvirt counts while its mirror runs: of memory nothing is known yet."""
    total, sent, left = (
        round(mib * MIB)
        for mib in (disks.total_mib, disks.sent_mib, disks.remaining_mib)
    )
    return Sample(
        elapsed_ms=elapsed_ms,
        total_bytes=total,
        processed_bytes=sent,
        remaining_bytes=left,
        disk_total_bytes=total,
        disk_processed_bytes=sent,
        disk_remaining_bytes=left,
        iteration=0,
        stopped=not running,
    )


def _downtime_ms(transfer: Transfer) -> int | None:
    if transfer.stopped_at is not None and transfer.done_at is not None:
        return round((transfer.done_at - transfer.stopped_at) * 1000)
    known = transfer.bandwidth_mib_s
    return round(transfer.remaining_mib / known * 1000) if known else None
