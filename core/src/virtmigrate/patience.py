"""When a transfer that neither moves nor ends is waited for no longer. Pure.

A call that carries a transfer has no deadline of its own. Its policy's limits end it,
but a daemon that has lost the call, or a post-copy whose link is cut, heeds no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.host import Sample

UNHEEDED_S = 10.0
"""A transfer that was told to end, and has not ended since, will not be answered."""


@dataclass(slots=True)
class Patience:
    """What was seen of one transfer's will to end.

    Attributes:
        standstill_s: So long a post-copy may move nothing: the guest may stand still.
        told_s: When it was first told to end.
        asked_s: When it was told to switch to post-copy, if nothing was seen since.
        switched: Whether it is in post-copy, where nothing can be told.
    """

    standstill_s: float
    told_s: float | None = None
    asked_s: float | None = None
    switched: bool = False
    _sent: int | None = None
    _moved_s: float = 0.0

    def tell(self, now_s: float) -> None:
        """It is told to end; the first time counts."""
        if self.told_s is None:
            self.told_s = now_s

    def ask(self, now_s: float) -> None:
        """It is told to switch to post-copy. Whether it did has to be seen.

        While it may be in post-copy nothing ends it: so nobody may be blind for long.
        """
        self.asked_s = now_s

    def see(self, now_s: float, sample: Sample | None) -> None:
        """Take one look at it; None = it did not show."""
        if sample is None:
            return
        self.asked_s = None
        if sample.processed_bytes != self._sent or not self.switched:
            self._sent, self._moved_s = sample.processed_bytes, now_s
        self.switched |= sample.postcopy

    def over(self, now_s: float) -> str:
        """Why nobody waits any longer; "" while somebody should."""
        if self.switched:
            still = now_s - self._moved_s
            why = f"post-copy has moved nothing for {still:.0f} s"
            return why if still > self.standstill_s else ""
        if self.asked_s is not None:
            unseen = now_s - self.asked_s
            why = (
                f"nothing was seen of it since it was told to switch {unseen:.0f} s ago"
            )
            return why if unseen > UNHEEDED_S else ""
        unheeded = 0.0 if self.told_s is None else now_s - self.told_s
        why = f"it was told to end {unheeded:.0f} s ago, and has not"
        return why if unheeded > UNHEEDED_S else ""
