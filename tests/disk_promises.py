"""What issue 6 promises of disks and of the pre-flight: a sentence an id. Pure data.

`tests/requirements.py` makes requirements of them.
"""

from __future__ import annotations

BUILT: dict[str, str] = {
    # --- disks ----------------------------------------------------------------
    "disks.progress": (
        "Disks count beside memory: a mirror is neither a pass nor the end of one."
    ),
    "disks.forecast": "A forecast and a deadline by size count the disks to be copied.",
    "disks.empty-list": "Where nothing is to be copied, nothing says copy: never all.",
    "disks.paths": "Where a disk has another path there, both documents say so.",
    "disks.vouched": (
        "Proof of sharing takes the place of libvirt's verdict by file system."
    ),
}
"""Promises that are kept: each must have a test."""
