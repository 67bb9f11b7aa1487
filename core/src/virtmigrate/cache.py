"""How large a cache for differences (xbzrle) is to be, and what it costs. Pure."""

from __future__ import annotations

CACHE_MOST = 512 << 20
"""Of a source's memory, for one migration."""
CACHE_SHARE = 1 / 4
"""No more than this of what a source has free."""
DEFAULT_BYTES = 64 << 20
"""QEMU's own (`DEFAULT_MIGRATE_XBZRLE_CACHE_SIZE`)."""
RELEASE_S = 0.09e-3 / (1 << 20)
"""A guest stands still so much longer for each byte in the cache: QEMU gives its pages
back before it answers libvirt that all is sent (QEMU 7.2, libvirt 9.0: 29 to 40 ms for
448 MiB, 100 ms for 1,500)."""
RELEASE_SHARE = 1 / 2
"""No more than this of the permitted stop may go to that."""
STOP_S = 0.015
"""What stopping and starting take where there is no cache, and nothing to send."""
DEVICES_S = 0.03
"""What they are taken to be, with a cache that holds little."""
CACHE_LEAST = 64 << 20
"""A smaller one forgets what it has seen before it is written again."""
DIFFERENCES_FROM = 128 << 20
"""A guest with less memory is moved before differences pay: they begin with the third
pass, and QEMU may look 100 ms later (`BUFFER_DELAY`) whether it can switch over."""


def cache_of(memory_bytes: int, free_bytes: int | None, stop_ms: int) -> int:
    """Bytes of a cache for differences, a power of two; 0 = rather none.

    Args:
        memory_bytes: Of the guest.
        free_bytes: What the source can give of its memory; None = unknown.
        stop_ms: The permitted stop.
    """
    if memory_bytes < DIFFERENCES_FROM:
        return 0
    cache = min(1 << (memory_bytes - 1).bit_length(), CACHE_MOST)
    fits = int(RELEASE_SHARE * stop_ms / 1000 / RELEASE_S)
    if free_bytes is not None:
        fits = min(fits, int(free_bytes * CACHE_SHARE))
    return min(cache, 1 << fits.bit_length() - 1) if fits >= CACHE_LEAST else 0


def stopping_s(cached_bytes: float) -> float:
    """What stopping, device state and starting take beside memory, seconds.

    Args:
        cached_bytes: Of pages in the cache; 0 = there is none.
    """
    return max(DEVICES_S, STOP_S + RELEASE_S * cached_bytes)
