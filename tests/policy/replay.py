"""A policy on a trace of samples: what it does, and when. And traces to replay."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.policy.precopy import EVERY
from virtmigrate.convergence import decide, looks
from virtmigrate.history import History
from virtmigrate.host import Sample
from virtmigrate.outlook import outlook
from virtmigrate.policy import Do

MIB = 1 << 20


def replayed(
    policy, trace, able=EVERY, workload=None, began=1000.0, *, obeys=False, **fields
):
    """Every (seconds, decision) of a policy on a trace of (seconds on, sample).

    Where the guest `obeys`, it runs in post-copy, or stands still, once it was told to.
    """
    history = History(began, able=able, workload=workload, **fields)
    now, did = began, []
    for step, sample in trace:
        now += step
        history.add(now, obeyed(history, sample) if obeys else sample)
        found = outlook(history, policy)
        for value in (found.remaining_s, found.postcopy_s, found.downtime_ms):
            assert value is None or (math.isfinite(value) and value >= 0)
        assert history.dropped() in (True, False)
        if not looks(policy, history, now):
            continue
        decision = decide(policy, history, now)
        if decision is None:
            continue
        assert not history.postcopy
        did.append((now - began, decision))
        history.did(decision.rule, decision.do, now, decision.value)
    return history, did


def obeyed(history, sample):
    """A sample of a guest that was told what is in the history."""
    return sample and replace(
        sample,
        postcopy=history.has_done(Do.POSTCOPY),
        stopped=history.has_done(Do.SUSPEND),
    )


def taken(policy, trace, **fields):
    """(seconds, value or act) of each step."""
    _, did = replayed(policy, trace, began=0.0, obeys=True, **fields)
    return [(at, d.value or d.do.value) for at, d in did]


def stuck(size_bytes, seconds, every_s=2.0, pass_s=60.0):
    """A guest of which every pass leaves all of it, for so long."""
    for n in range(round(seconds / every_s)):
        at = n * every_s
        yield (
            every_s,
            Sample(
                total_bytes=size_bytes,
                processed_bytes=int(at * 64 * MIB),
                remaining_bytes=int(size_bytes * (1 - 0.9 * (at % pass_s) / pass_s)),
                iteration=1 + int(at // pass_s),
            ),
        )


def crawling(size_bytes, seconds, every_s):
    """A first pass that takes for ever, at a steady rate."""
    for n in range(round(seconds / every_s)):
        left = int(size_bytes * (1 - 0.9 * n * every_s / seconds))
        yield (
            every_s,
            Sample(
                total_bytes=size_bytes,
                processed_bytes=size_bytes - left,
                remaining_bytes=left,
                iteration=1,
            ),
        )


def passes(*sizes, rate=64, every_s=0.4):
    """Pass after pass, each so many MiB, sent at so many MiB/s; or (MiB, MiB/s)."""
    pairs = [each if isinstance(each, tuple) else (each, rate) for each in sizes]
    total, sent = max(size for size, _ in pairs), 0.0
    for number, (size, speed) in enumerate(pairs, 1):
        count = max(1, round(size / speed / every_s))
        for n in range(count):
            gone = size * n / count
            yield (
                every_s,
                Sample(
                    total_bytes=total * MIB,
                    processed_bytes=int((sent + gone) * MIB),
                    remaining_bytes=int((size - gone) * MIB),
                    iteration=number,
                ),
            )
        sent += size
