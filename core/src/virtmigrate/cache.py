"""How large a cache for differences (xbzrle) is to be, at the source. Pure."""

from __future__ import annotations

CACHE_MOST = 512 << 20
"""Of a source's memory, for one migration."""
CACHE_SHARE = 1 / 4
"""No more than this of what a source has free."""
CACHE_LEAST = 64 << 20
"""A smaller one forgets what it has seen before it is written again."""
DIFFERENCES_FROM = 128 << 20
"""A guest with less memory is moved before differences pay: they begin with the third
pass, and QEMU may look 100 ms later (`BUFFER_DELAY`) whether it can switch over."""


def cache_of(memory_bytes: int, free_bytes: int | None) -> int:
    """Bytes of a cache for differences, a power of two; 0 = rather none.

    Args:
        memory_bytes: Of the guest.
        free_bytes: What the source can give of its memory; None = unknown.
    """
    if memory_bytes < DIFFERENCES_FROM:
        return 0
    cache = min(1 << (memory_bytes - 1).bit_length(), CACHE_MOST)
    if free_bytes is None:
        return cache
    fits = int(free_bytes * CACHE_SHARE)
    return min(cache, 1 << fits.bit_length() - 1) if fits >= CACHE_LEAST else 0
