"""How a policy ends a transfer, if the guest writes in a certain way. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from virtmigrate.cache import DEVICES_S
from virtmigrate.course import Course, course
from virtmigrate.curves import dirtied, doubt, less
from virtmigrate.outlook import MUCH, sooner
from virtmigrate.policy import Do, Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.curves import Curve
    from virtmigrate.policy import Policy

    Writes = Callable[[float], float]

AT_ONCE_S = 0.5
"""A switch that is beyond doubt comes so soon after the transfer's start."""
MORE = 0.05
"""Of a guest's memory: who aims at few bytes sends no more than this again."""
AT_FIRST_MS = {Objective.GAP: 100}
"""A policy that aims at a short stop begins with a shorter one than it may cause."""


@dataclass(frozen=True, slots=True)
class End:
    """How it ends, if the guest is of one kind.

    Attributes:
        share: Of all that may be true, this.
        usual: It writes as most guests do.
        plain: Pre-copy by itself.
        way: How the policy ends it; "" = it does not.
        total_s: Then.
        give_s: By how much that may be off, either way.
        stop_ms: Then.
        sent_bytes: Then.
        late: It would be too late.
    """

    share: float
    usual: bool
    plain: Course
    way: str
    total_s: float
    give_s: float
    stop_ms: float
    sent_bytes: float
    late: bool

    @property
    def well(self) -> bool:
        """Whether it is over within the limits."""
        return bool(self.way) and not self.late


def told_ms(policy: Policy) -> int:
    """The stop that the hypervisor is told at first: a part of what is permitted."""
    most = policy.limits.max_downtime_ms
    for act in policy.at_start:
        if act.do is Do.DOWNTIME and act.value is not None:
            return min(act.value, most)
    told = max(1, round(most * policy.stop_share))
    return min(AT_FIRST_MS.get(policy.objective, told), told)


def much_longer(
    curve: Curve, memory: float, rate: float, stop_ms: float
) -> Course | None:
    """Pre-copy without differences, if it takes much longer than a switch at once.

    Args:
        curve: What is written, (seconds, bytes).
        memory: Of the guest, bytes.
        rate: Bytes a second.
        stop_ms: That is permitted.
    """
    found = course(lambda t: dirtied(curve, t, memory), memory, rate, stop_ms)
    if found.converges and found.total_s <= MUCH * memory / rate:
        return None
    return found


def sends_more(
    curve: Curve, memory: float, rate: float, stop_ms: float
) -> Course | None:
    """Pre-copy, if its second pass alone sends much that a switch at once would not.

    It goes in full whether or not differences are sent. Arguments as `much_longer`.
    """
    # In a longer time than was measured it may rewrite no more than that.
    most = min(memory, curve[-1][1])
    found = course(lambda t: dirtied(curve, t, most), memory, rate, stop_ms)
    again = found.second_bytes - rate * stop_ms / 1000
    return found if again > MORE * memory else None


AT_ONCE = {"takes-much-longer": much_longer, "sends-more": sends_more}
"""A switch in the first pass, by what was measured: what a rule waits for; its test."""


@dataclass(frozen=True)
class Case:
    """All that is the same for every kind of guest.

    Attributes:
        policy: Whose limits and consents count.
        able: What can be done to the transfer.
        size: Memory of the guest, of which pages were looked at, bytes.
        memory: What of it was ever written, bytes.
        disks: That go before it, bytes.
        rate: Bytes a second.
        runs: Whether the guest runs meanwhile.
        curve: What is written, (seconds, bytes).
        looked_at: Pages.
        share: What a page takes of the link, of a page; less than 1 if compressed.
    """

    policy: Policy
    able: frozenset[Do]
    size: float
    memory: float
    disks: float
    rate: float
    runs: bool
    curve: Curve
    looked_at: int
    share: float = 1.0

    def end(
        self, f: Writes, share: float, difference: float | None, *, waits: bool
    ) -> End:
        """What the policy makes of a guest that writes so.

        Args:
            f: Distinct bytes that it writes in so many seconds.
            share: Of all that may be true.
            difference: What a rewritten page takes as a difference, of a page.
            waits: Whether that these bring nothing has to show first.
        """
        give_s = 0.0
        plain = self._by_itself(f, difference)
        if self.at_once:
            # What was rewritten of what had gone: where that lies is not known.
            again = min(f(AT_ONCE_S), AT_ONCE_S * self.rate) / 2
            sent, give_s = self.memory + again, again / self.rate
            total_s, seen_ms = sent / self.rate + DEVICES_S, 1000 * DEVICES_S
            way = "post-copy"
        else:
            way, total_s, seen_ms, sent = _way(self, plain, waits=waits)
        total_s, sent = total_s + self.disks / self.rate, sent + self.disks
        late = total_s > self.policy.deadline_s(int(self.memory), int(self.disks))
        return End(share, not waits, plain, way, total_s, give_s, seen_ms, sent, late)

    def _by_itself(self, f: Writes, difference: float | None) -> Course:
        """Pre-copy with the stop that is told at first; else with all that may be told.

        The hypervisor stops the guest once what is left fits into that. What it does
        not count comes on top, within what the policy has kept back for it.
        """
        most = self.policy.limits.max_downtime_ms
        stops = (told_ms(self.policy), most) if Do.DOWNTIME in self.able else (most,)
        for stop_ms in stops:
            found = self._walked(f, stop_ms, difference)
            if found.converges:
                longest = min(most, stop_ms + 1000 * DEVICES_S)
                return replace(found, stop_ms=min(found.stop_ms, longest))
        return found

    def _walked(self, f: Writes, stop_ms: float, difference: float | None) -> Course:
        """Pre-copy with one stop.

        Compressed it is sooner; but QEMU counts what may be left as it is in memory,
        and holds it against what goes over the wire.
        """
        if self.share >= 1:
            return course(f, self.memory, self.rate, stop_ms, difference=difference)
        found = course(f, self.memory, self.through, stop_ms * self.share)
        takes_ms = found.stop_ms / (1 if found.converges else self.share)
        sent = found.sent_bytes * self.share
        return replace(found, sent_bytes=sent, stop_ms=takes_ms)

    @property
    def through(self) -> float:
        """Bytes of memory a second."""
        return self.rate / self.share

    @cached_property
    def at_once(self) -> bool:
        """Whether the policy switches in the first pass: it knows what was measured."""
        if not (self.curve and self.runs and self._may_switch):
            return False
        sure = less(self.curve, doubt(self.curve[0][1] / self.size, self.looked_at))
        stop_ms = self.policy.limits.max_downtime_ms
        return any(
            AT_ONCE[rule.when.outlook](sure, self.memory, self.through, stop_ms)
            for rule in self.policy.aimed
            if rule.when.outlook in AT_ONCE
        )

    @property
    def _may_switch(self) -> bool:
        return self.policy.consents.postcopy and Do.POSTCOPY in self.able


def _way(case: Case, plain: Course, *, waits: bool) -> tuple[str, float, float, float]:
    """How the policy will end it: words, seconds, ms of stop, bytes; "" = it won't.

    Args:
        case: The policy, and what can be done.
        plain: Pre-copy by itself.
        waits: Whether differences bring nothing, which a third pass has to show.
    """
    if not case.runs:
        return "stopped", plain.total_s, 1000 * plain.total_s, plain.sent_bytes
    policy, able = case.policy, case.able
    pause_s = plain.second_bytes / case.through
    switched_s = plain.second_s + pause_s
    stops_s = plain.total_s - plain.stop_ms / 1000 - plain.second_s
    eager = policy.objective is not Objective.GAP and sooner(stops_s, pause_s)
    if (
        policy.consents.postcopy
        and Do.POSTCOPY in able
        and (eager or not plain.converges)
    ):
        return "post-copy", switched_s, 1000 * DEVICES_S, case.rate * switched_s
    if plain.converges:
        return "pre-copy", plain.total_s, plain.stop_ms, plain.sent_bytes
    may_pause = policy.consents.pause and Do.SUSPEND in able
    if may_pause and pause_s <= policy.limits.max_switchover_s:
        seen_s = switched_s + 2 * pause_s if waits else switched_s
        return "pause", seen_s, 1000 * pause_s, case.rate * seen_s
    return "", 0.0, 0.0, 0.0
