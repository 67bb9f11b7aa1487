"""Figures and deeds in words, the same in a terminal and in a report. Pure."""

from __future__ import annotations

MIB = 1 << 20
MINUTE_S, HOUR_S = 60, 3600

DEEDS = {
    "abort": "abort",
    "suspend": "pause the guest",
    "postcopy": "post-copy",
    "downtime-ms": "downtime {value} ms",
    "bandwidth-mib-s": "bandwidth {value} MiB/s",
    "xbzrle-cache-bytes": "xbzrle cache {value} bytes",
}
"""What can be done to a transfer, by the name in events and in the journal."""

LIMITS = {
    "max_downtime": "max downtime",
    "max_downtime_ms": "max downtime",
    "max_total": "max time",
    "max_total_s": "max time",
    "max_total_s_per_gib": "max time by size",
    "max_switchover": "max switchover",
    "max_switchover_s": "max switchover",
    "mirror_lags": "mirror lags",
    "mirror_lags_s": "mirror lags",
    "request": "a request",
}
"""The limits that can fire, by their names in `Fired` and in a policy."""


def mib(count: float) -> str:
    """Bytes as MiB, without a false precision."""
    return plain(count / MIB)


def plain(value: float) -> str:
    """A figure without a false precision: 4.5, 45, 1200."""
    return f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"  # noqa: PLR2004


def lasting(seconds: float) -> str:
    """A duration to two places: 0.45 s, 12.3 s, 4 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole >= HOUR_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"
    if whole >= MINUTE_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02} s"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"  # noqa: PLR2004


def about(seconds: float) -> str:
    """A prediction, coarser than a measurement: 12 s, 5 min, 3 h."""
    for unit_s, unit in ((HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def deed(action: str, value: object = None) -> str:
    """Something that was done to a running transfer.

    Args:
        action: `abort`, or a knob's name; one that is not known is told as it is.
        value: In the knob's unit; None for an action without one.
    """
    form = DEEDS.get(action)
    if form is None or ("{value}" in form and value is None):
        return action if value is None else f"{action} {value}"
    return form.format(value=value)


def limit(name: str, value: float | None, unit: str, origin: str) -> str:
    """A limit with its value and where it comes from."""
    amount = "" if value is None else f" {value:g} {unit}".rstrip()
    return f"{LIMITS.get(name, name)}{amount}" + (f" ({origin})" if origin else "")
