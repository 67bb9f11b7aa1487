"""Some of a guest's pages, looked at twice: what a write changes of a page. Pure.

Whether differences (xbzrle) help can't be told by how much is written: a guest that
changes a word of each page, and one that fills whole pages, write the same pages. Nor
can it be told by how much memory there is whether compressing it does.
"""

from __future__ import annotations

from virtmigrate.model import Model

FEW = 8
"""Of fewer changed pages nothing is concluded."""
HELPS = 0.8
"""Differences that take more of a page than this share bring nothing."""


class Pages(Model):
    """What two looks at the same pages showed; their content is kept nowhere."""

    looked_at: int
    """How many pages, spread over all of the guest's memory."""
    zero: int
    """Of these, held zeros only when they were first seen."""
    changed: int
    """Of these, were another at the second look."""
    difference: float
    """What a changed page takes as a difference, of a page: 0 to 1, the mean."""
    compressed_share: float | None = None
    """What one that holds more than zeros takes when compressed, of a page: 0 to 1, the
    mean of all; of those that changed, if that is more. None = too few were seen."""

    @property
    def price(self) -> float | None:
        """What a rewritten page takes as a difference; None = too few were seen."""
        return self.difference if self.changed >= FEW else None

    @property
    def differences_help(self) -> bool | None:
        """Whether it is worth to send differences; None = it can't be told."""
        return None if self.price is None else self.price < HELPS
