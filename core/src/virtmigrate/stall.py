"""KubeVirt's stall detector (VEP 248), by its published description. Pure.

It looks at iteration boundaries. Lows of what remains that lie further back than the
window fold into one; when what remains is not lower than that by a margin, the transfer
stalls. Then it waits for a local low: as low as the best that was seen, margin allowed.
If none comes within the window, the best one *since* counts, and the window shrinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.history import History
    from virtmigrate.policy import Stall

WINDOW_LEAST_S = 1.0


def stalled(stall: Stall, history: History) -> bool:
    """Whether it stalls, and this boundary is a moment to act.

    Args:
        stall: Margin, window and decay.
        history: The transfer so far; its last pass is the boundary at hand.
    """
    margin = stall.margin_percent / 100
    lows = [(p.at_s, p.size) for p in history.passes[1:]]
    if not lows:
        return False
    since: float | None = None
    window = stall.window_s
    for number, (at_s, size) in enumerate(lows):
        outside = [low for when, low in lows[:number] if at_s - when > stall.window_s]
        if not outside or size < (1 - margin) * min(outside):
            since, window = None, stall.window_s
            continue
        if since is None:
            since = at_s
        while at_s - since > window > WINDOW_LEAST_S:
            since, window = since + window, window * stall.decay
    if since is None:
        return False
    at_s, size = lows[-1]
    seen = [low for when, low in lows if window == stall.window_s or when >= since]
    return size <= (1 + margin) * min(seen)
