"""What stands in the way of a QEMU guest: read from both hosts, nothing changed.

Each check says what it must ask a host, and what the answers mean: only the first
touches anything. All questions to a host go in one turn, both hosts side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Level
from virtmigrate.together import together
from virtmigrate_libvirt.deadlines import SECONDS
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.questions import Answers, Question, Unanswered, ask_all
from virtmigrate_qemu.preflight import (
    belongings,
    cpu,
    elsewhere,
    identity,
    machine,
    networks,
    reach,
    room,
    stalls,
    verdict,
    versions,
    wanted,
)
from virtmigrate_qemu.preflight.facts import Facts, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from virtmigrate.context import PlanContext
    from virtmigrate.host import Host, Sighting
    from virtmigrate.plan import Finding


def _nothing(_: Facts) -> tuple[Question[Any], ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of finding.

    Attributes:
        side: Whose answers it reads.
        finds: What they mean.
        asks: What it must be told.
    """

    side: Side
    finds: Callable[[Facts, Answers], Iterable[Finding]]
    asks: Callable[[Facts], Iterable[Question[Any]]] = _nothing


CHECKS = (
    Check(Side.SOURCE, verdict.findings, verdict.questions),
    Check(Side.SOURCE, identity.findings_here, identity.here),
    Check(Side.SOURCE, versions.findings),
    Check(Side.SOURCE, reach.findings),
    Check(Side.SOURCE, stalls.findings),
    Check(Side.DESTINATION, identity.findings_there, identity.there),
    Check(Side.DESTINATION, machine.findings, machine.questions),
    Check(Side.DESTINATION, cpu.findings, cpu.questions),
    Check(Side.DESTINATION, room.findings, room.questions),
    Check(Side.DESTINATION, networks.findings, networks.questions),
    Check(Side.DESTINATION, belongings.findings, belongings.questions),
    Check(Side.DESTINATION, elsewhere.findings),
)


def findings(request: PlanContext) -> list[Finding]:
    """Everything that was seen.

    Args:
        request: The hosts, the guest, the request.
    """
    found = wanted.findings(request)
    facts = facts_of(request)
    if facts is None:
        return found
    here = questions(facts, Side.SOURCE)
    there = questions(facts, Side.DESTINATION)
    answers = together(
        lambda: _asked(request.source, request.sighting, here, SECONDS.rehearse),
        lambda: _asked(request.destination, request.there, there, SECONDS.ask),
        apart=bool(here and there),
    )
    found += judge(facts, Side.SOURCE, here, answers[0])
    found += judge(facts, Side.DESTINATION, there, answers[1])
    return found


def _asked(
    host: Host, seen: Sighting, wanted: list[Question[Any]], deadline_s: float
) -> Answers:
    """What it answers; one that does not answer anyway is not waited for again."""
    if seen.state is RunState.UNREACHABLE:
        return Answers({q.about: Unanswered(seen.why) for q in wanted})
    return ask_all(ours(host), wanted, deadline_s)


def questions(facts: Facts, side: Side) -> list[Question[Any]]:
    """All that a host must be asked about this guest."""
    return [q for check in CHECKS if check.side is side for q in check.asks(facts)]


def judge(
    facts: Facts, side: Side, asked: list[Question[Any]], answers: Answers
) -> Iterator[Finding]:
    """What one host's answers mean. Pure.

    Args:
        facts: The hosts, the guest, the request.
        side: Whose answers.
        asked: What it was asked.
        answers: What it answered.
    """
    for check in CHECKS:
        if check.side is side:
            yield from check.finds(facts, answers)
    # what it did not answer, once for each reason
    silent: dict[str, list[str]] = {}
    for question in asked:
        answer = answers[question]
        if isinstance(answer, Unanswered) and answer.code not in question.means:
            silent.setdefault(answer.why, []).append(question.about)
    for why, abouts in silent.items():
        yield facts.finding(
            "not-checked",
            Level.WARNING,
            f"the {side} could not be asked for {'; '.join(abouts)}",
            "look at its libvirt daemon, and see to it by hand",
            side=side,
            subject=abouts[0] if len(abouts) == 1 else str(side),
            evidence=why or "it gave no reason",
        )
