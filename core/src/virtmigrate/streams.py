"""Whether memory is better sent compressed, or as differences. Pure.

QEMU sends differences over one stream only (`migrate_caps_check`), and compresses only
several (multifd). Compressed memory is there sooner; differences end what else never
would.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtmigrate.course import course
from virtmigrate.forecast import MIB, SURE
from virtmigrate.likely import likely
from virtmigrate.policy import Objective

if TYPE_CHECKING:
    from virtmigrate.forecast import Link, Workload
    from virtmigrate.options import Options
    from virtmigrate.policy import Asked, Policy

    Wishes = dict[str, Asked]

ZSTD_PAYS_MIB_S = 500
"""Up to this rate of a link zstd keeps up: about what its first level compresses with
one core, in its authors' own benchmark. Several streams have a core each."""
CONNECTIONS = 2
"""Each has a core of either host; what more of them bring, they take from guests."""
ZSTD = ("zstd",)
SEVERAL: Wishes = {"parallel": True, "parallel_connections": CONNECTIONS}
WORSE = 2.0
"""What is written meanwhile may compress so much worse than what was looked at."""
SHARE_MOST = 0.5
"""Pages that take more of themselves are not worth it."""
OPEN = ("parallel", "parallel_connections", "compressed", "compression_methods")
"""Who has answered one of these has chosen."""


def choices(
    policy: Policy, options: Options, workload: Workload | None, link: Link | None
) -> tuple[Wishes, ...]:
    """What a policy wants of this guest on this link; the best first, one at least.

    Args:
        policy: It.
        options: What was asked.
        workload: What is known of the guest; None = nothing, or it does not run.
        link: What is known of the way; None = nothing.
    """
    if workload is None or options.compressed is False:
        return (policy.wishes(),)
    streams = policy.wishes() | _compressed(policy, link)
    if options.parallel:
        return (streams,)
    one = policy.wishes(workload.memory_bytes, free_bytes=workload.free_bytes)
    if link is None or not _pay(policy, options, streams, workload, link):
        return (one,)
    return ({**SEVERAL, **streams}, one)


def _compressed(policy: Policy, link: Link | None) -> Wishes:
    """Compression of several streams, where the link is no faster than it.

    A policy that aims at few bytes takes what cores can't keep up with, too.
    """
    keeps_up = link is not None and link.mib_s <= ZSTD_PAYS_MIB_S
    wanted = keeps_up or policy.objective is Objective.BYTES
    return {"compression_methods": ZSTD} if policy.compresses and wanted else {}


def _pay(
    policy: Policy, options: Options, streams: Wishes, workload: Workload, link: Link
) -> bool:
    """Whether compressed streams are to be had, and surely end sooner."""
    known = workload.pages.compressed_share if workload.pages else None
    postcopy = policy.consents.postcopy or options.postcopy
    return (
        streams.get("compression_methods") == ZSTD
        and all(getattr(options, name) is None for name in OPEN)
        and not postcopy  # QEMU up to 10.0 has either (`migrate_caps_check`)
        and (options.migrate_uri or "tcp").startswith("tcp")
        and known is not None
        and known <= SHARE_MOST
        and _ends(policy, workload, link, min(1.0, WORSE * known))
    )


def _ends(policy: Policy, workload: Workload, link: Link, share: float) -> bool:
    """Whether pre-copy ends within the permitted stop, in nearly all that may be true.

    QEMU holds what goes over the wire against the stop, whatever pages take of it.
    """
    if not workload.curve:
        return False
    memory = float(workload.used_bytes or workload.memory_bytes)
    stop_ms = policy.limits.max_downtime_ms * policy.stop_share * share
    rate, ways = link.mib_s * MIB / share, likely(workload)
    well = sum(course(f, memory, rate, stop_ms).converges for f in ways)
    return well >= SURE * len(ways)


def packs(options: Options) -> bool:
    """Whether pages go compressed, by the options in effect."""
    return bool(options.parallel) and options.compression_methods == ZSTD


def packed(link: Link, options: Options, workload: Workload) -> Link:
    """A link, with what a page takes of it where memory goes compressed.

    Args:
        link: What is known of it; if cores can't compress as fast as it carries, they
            are what counts.
        options: In effect.
        workload: What is known of the guest.
    """
    known = workload.pages.compressed_share if workload.pages else None
    if known is None or not packs(options):
        return link
    most_mib_s = (options.parallel_connections or CONNECTIONS) * ZSTD_PAYS_MIB_S
    return replace(link, share=min(1.0, max(known, link.mib_s / most_mib_s)))
