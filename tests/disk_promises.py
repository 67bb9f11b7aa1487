"""What issue 6 promises of disks and of the pre-flight: a sentence an id. Pure data.

`tests/requirements.py` makes requirements of them.
"""

from __future__ import annotations

BUILT: dict[str, str] = {
    # --- disks ----------------------------------------------------------------
    "disks.progress": (
        "Disks count beside memory: a mirror is neither a pass nor the end of one."
    ),
    "disks.lags": (
        "A mirror that gains nothing is ended by a limit with a name; one that is "
        "slow, dropped or still never is."
    ),
    "disks.again": (
        "A move whose disks could not catch up is taken back, and made once more with "
        "synchronous writes, unless somebody said no."
    ),
    "disks.writes": (
        "A plan that measures knows what is written to each disk, and asks for "
        "synchronous writes where the link can't keep up."
    ),
    "disks.told": "People see the disks' own progress while they are copied.",
    "disks.forecast": "A forecast and a deadline by size count the disks to be copied.",
    "disks.paths": "Where a disk has another path there, both documents say so.",
    "disks.volumes": (
        "A disk that is named by pool and volume is as good as one named by a path, "
        "and a pool that has no files is told by name."
    ),
    "disks.devices": (
        "A block device is shared if both hosts know it by a name that is given once "
        "in the world; by its path, or a serial number, nothing is proven."
    ),
    "disks.headers": (
        "Of a raw image nothing that its guest has written is believed: its length is "
        "its size, and no path in it is followed."
    ),
    "disks.vouched": (
        "Proof of sharing takes the place of libvirt's verdict by file system."
    ),
    "vz.copies": (
        "A copy on Virtuozzo that does not come to its end leaves nothing over, and "
        "can be tried again."
    ),
    # --- the pre-flight -------------------------------------------------------
    "preflight.rehearsal": (
        "What no host can be asked about the way, a guest of no worth tries where "
        "somebody asks for it: a way that is closed is told before the guest takes it."
    ),
    "preflight.rehearsal-left": (
        "A stand-in is ended on both hosts; what a killed controller left is removed, "
        "and nobody else's guest."
    ),
    "vz.blockers": (
        "What Virtuozzo would refuse after perform has begun is told before."
    ),
    "preflight.side-by-side": (
        "All plugins look at the same time where hosts take theirs to answer."
    ),
    "preflight.isolated": (
        "A cross-cutting plugin that fails or hangs in the pre-flight is a warning, "
        "and hides no other's finding."
    ),
    "preflight.own-must-answer": (
        "No guest moves if its hypervisor's own plugin, or the core, could not look."
    ),
    "ignore.warnings-only": (
        "A warning may be ignored by its id, and stays in the plan; a blocker may not."
    ),
    "check.everything": (
        "`check` tells everything that stands in the way, also where options are "
        "refused, and touches nothing."
    ),
    "explain.same-tables": (
        "A plan, made, refused or written down, is explained by the same tables at a "
        "terminal, in a pipe and as JSON."
    ),
}
"""Promises that are kept: each must have a test."""
