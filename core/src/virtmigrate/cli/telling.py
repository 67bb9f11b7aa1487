"""Events and results in words. Pure: text out, nothing printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate import events
from virtmigrate.cli.in_effect import in_effect
from virtmigrate.cli.live import ahead, done, mirrors
from virtmigrate.cli.output import shown
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.wording import deed, lasting, limit, mib

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.options import Options
    from virtmigrate.results import Fault, Result

Words = dict[type, "Callable[..., str]"]

NEXT = {
    Outcome.UNKNOWN: "next: virtmigrate recover {id}",
    Outcome.QUARANTINED: "next: look at both hosts; `virtmigrate journal {id}` tells"
    " what was done",
}
OFF = "or, if the host that does not answer is off for good: add --fence-proof HOST"


def figures(event: events.Progress) -> str:
    """What is known of the transfer at this moment, and what is expected of it."""
    sent, total = event.processed_bytes, event.total_bytes
    parts = [
        f"{event.percent:.0f} %" if event.percent is not None else "",
        "post-copy" if event.postcopy else "",
        f"disks {done(event)}" if mirrors(event) else "",
        f"{mib(sent)} MiB sent" if sent is not None else "",
        f"{mib(event.remaining_bytes)} of {mib(total)} MiB left"
        if event.remaining_bytes is not None and total
        else "",
        f"{mib(event.bandwidth_bytes_s)} MiB/s" if event.bandwidth_bytes_s else "",
        f"{mib(event.dirty_bytes_s)} MiB/s rewritten" if event.dirty_bytes_s else "",
        f"pass {event.iteration}" if event.iteration else "",
        f"throttle {event.throttle_percent} %" if event.throttle_percent else "",
    ]
    known = [part for part in parts if part] or ["it moves"]
    return ", ".join([*known, ahead(event)])


def _started(event: events.Started) -> str:
    return (
        f"{event.guest}: migration {event.migration}\n"
        f"  from {event.source}\n  to {event.destination}"
    )


def _fault(fault: Fault) -> str:
    side = "" if fault.side == "request" else f"{fault.side}: "
    remedy = f" ({fault.remedy})" if fault.remedy else ""
    step = f"{fault.step}: " if fault.step else ""
    return f"{step}{side}{fault.message}{remedy}"


def _step_ended(event: events.StepEnded) -> str:
    return f"fault: {_fault(event.fault)}" if event.fault else ""


def _acted(event: events.Acted) -> str:
    return f"{deed(event.action, event.value)}: {event.why}"


def _committed(event: events.Committed) -> str:
    return f"committed: from here only forward; it will be {event.landing} there"


WORDS: Words = {
    events.Started: _started,
    events.StepEnded: _step_ended,
    events.Acted: _acted,
    events.Committed: _committed,
    events.Landed: lambda e: f"landed: {e.state} at the destination",
    events.Warned: lambda e: f"warning: {e.message}",
    events.Alarm: lambda e: f"alarm: {e.message}; look at the hosts",
    events.Judged: lambda e: (
        f"seen: source {e.source}, destination {e.destination}: {e.why}"
    ),
}
"""Events that are told in words; progress and the end have their own way."""


def told(event: events.Event) -> str:
    """An event in words; "" for one that is only shown, or not at all."""
    words = WORDS.get(type(event))
    text = words(event) if words else ""
    return "\n".join(shown(line) for line in text.split("\n"))


def durations(result: Result) -> str:
    """When things happened, and what was sent."""
    timing = result.timing
    parts = [
        f"landed after {timing.landed_ms / 1000:.2f} s"
        if timing.landed_ms is not None
        else "",
        f"gap {timing.gap_ms:.0f} ms" if timing.gap_ms is not None else "",
        f"hypervisor's downtime {result.downtime_ms} ms"
        if result.downtime_ms is not None
        else "",
        f"{mib(result.processed_bytes)} MiB sent"
        if result.processed_bytes is not None
        else "",
        f"{timing.total_ms / 1000:.2f} s in all",
    ]
    return ", ".join(part for part in parts if part)


def transferred(result: Result) -> str:
    """How the transfer went: "" where the hypervisor did not say."""
    rate, throttle = result.bandwidth_bytes_s, result.throttle_percent
    parts = [
        f"{result.iterations} passes" if result.iterations else "",
        f"{mib(rate)} MiB/s" if rate else "",
        f"throttled by up to {throttle} %" if throttle else "",
    ]
    return ", ".join(part for part in parts if part)


def fired(result: Result) -> str:
    """The limit that ended it or turned it, with value and origin; "" for none."""
    it = result.fired
    if it is None:
        return ""
    which = limit(it.limit, it.value, it.unit, it.origin)
    return f"{which}: {deed(it.action)} after {lasting(it.at_s)}"


def summary(result: Result, asked: Options) -> str:
    """How it ended: outcome, reason, and what a person has to know or do.

    Args:
        result: The end.
        asked: What the request said: it is told also where it changes nothing.
    """
    early = f" [{result.limit}]" if result.limit else ""
    outcome = result.outcome.partition(":")[0]
    lines = [
        f"{outcome}: {shown(result.guest)}: {shown(result.reason)}{shown(early)}",
        f"  source: {result.source}, destination: {result.destination}",
        f"  {durations(result)}",
        f"  in effect: {in_effect(result.effective, asked)}",
    ]
    lines += [f"  transfer: {text}" for text in [transferred(result)] if text]
    lines += [f"  fired: {shown(text)}" for text in [fired(result)] if text]
    lines += [f"  fault: {shown(_fault(fault))}" for fault in result.faults]
    lines += [f"  warning: {shown(text)}" for text in result.warnings]
    lines += [f"  owed: {shown(text)}" for text in result.obligations]
    if result.obligations:
        lines.append(f"  later: virtmigrate settle {result.migration}")
    if result.outcome in NEXT:
        lines.append("  " + NEXT[result.outcome].format(id=result.migration))
    unseen = RunState.UNREACHABLE in (result.source, result.destination)
    if result.outcome is Outcome.UNKNOWN and unseen:
        lines.append(f"  {OFF}")
    return "\n".join(lines)
