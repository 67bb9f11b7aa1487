"""The findings of a plan: asked of every plugin at once, and what a caller ignores.

No plugin hides what another found. One that fails or hangs is itself a finding, except
where nobody can answer in its place: without the hypervisor's own plugin, and without
the core, it is not known whether the guest may move.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from virtmigrate.errors import (
    AnswerLost,
    BadInput,
    OptionRefused,
    Refused,
    Side,
    VirtmigrateError,
)
from virtmigrate.plan import Finding, Level
from virtmigrate.redact import redact
from virtmigrate.threads import Job
from virtmigrate.together import remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from virtmigrate.context import PlanContext
    from virtmigrate.manager import Manager
    from virtmigrate.plan import Rehearsal
    from virtmigrate.relay import Look

    Answer = Callable[[], list[Finding]]

LONGEST_S = 20.0
"""For a cross-cutting plugin."""
OWN_LONGEST_S = 60.0
"""For the hypervisor's own, whose every question has a deadline besides."""
KEBAB = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(slots=True)
class Looked:
    """What the pre-flight came to.

    Attributes:
        findings: Each once, the nearest plugin's first.
        errors: Why a plan can't be made, beside them.
    """

    findings: list[Finding] = field(default_factory=list)
    errors: list[VirtmigrateError] = field(default_factory=list)


def look(manager: Manager, request: PlanContext) -> Looked:
    """Ask every plugin whether anything stands in the way, and the core.

    Side by side where hosts take their time; one after the other where they don't.
    A hypervisor's plugin is not asked about a pair of which it knows but one half.

    Args:
        manager: The plugins.
        request: The hosts, the guest and what was asked for.
    """
    kind = request.source.hypervisor
    same = kind == request.destination.hypervisor
    looks = (manager.relay(kind) if same else manager.bystanders()).looks
    apart = remote(request.source, request.destination)
    answers: Iterable[Answer] = (_begun(each, request, apart=apart) for each in looks)
    if apart:
        answers = list(answers)
    found = Looked()
    for each, answer in zip(looks, answers, strict=True):
        try:
            found.findings += answer()
        except VirtmigrateError as error:
            if each.own or isinstance(error, Refused):
                found.errors.append(error)
            else:
                found.findings.append(not_checked(each.plugin, error, Level.WARNING))
    found.findings = list(dict.fromkeys(found.findings))
    return found


def _begun(look: Look, request: PlanContext, *, apart: bool) -> Answer:
    """The way to its answer, in a thread where it may have to be left behind."""
    ask = partial(look.ask, request)
    if look.own and not apart:
        return ask
    longest_s = OWN_LONGEST_S if look.own else LONGEST_S
    until = time.monotonic() + longest_s
    job = Job(ask)

    def within() -> list[Finding]:
        if job.wait(max(until - time.monotonic(), 0.0)):
            return job.result()
        raise AnswerLost(
            f"the pre-flight of {look.plugin} did not end within {longest_s:g} s",
            side=Side.BOTH,
            subject=look.plugin,
            remedy="see whether both hosts answer: `virtmigrate capabilities URI`",
        )

    return within


def not_checked(subject: str, error: VirtmigrateError, level: Level) -> Finding:
    """An error in place of an answer, as a finding."""
    return Finding(
        id="not-checked",
        level=level,
        side=error.side,
        subject=subject,
        message=redact(f"{subject} could not be asked: {error.message}"),
        remedy=redact(error.remedy or "see `virtmigrate plugins`, and try again"),
        evidence=type(error).__name__,
    )


def of_rehearsal(rehearsal: Rehearsal) -> list[Finding]:
    """What a person should know of one beside how it ended."""
    told = (
        (
            "" if rehearsal.tried else f"the way was not tried: {rehearsal.why}",
            "not-rehearsed",
            "see to that, or leave --rehearse out",
        ),
        (
            rehearsal.left,
            "rehearsal-left",
            "end it by its name there; the next rehearsal does, after ten minutes",
        ),
    )
    return [
        Finding(
            id=name,
            level=Level.WARNING,
            side=Side.BOTH,
            subject="rehearsal",
            message=message,
            remedy=remedy,
            evidence=rehearsal.why,
        )
        for message, name, remedy in told
        if message
    ]


def as_finding(error: VirtmigrateError) -> Finding:
    """Why there is no plan, as a blocker among the others."""
    subject = error.subject or ""
    if not isinstance(error, Refused):
        return not_checked(subject or str(error.side), error, Level.BLOCKER)
    option, bad = isinstance(error, OptionRefused), isinstance(error, BadInput)
    return Finding(
        id="option-refused" if option else "bad-input" if bad else "not-movable",
        level=Level.BLOCKER,
        side=error.side,
        subject=subject,
        message=redact(error.message),
        remedy=redact(error.remedy or ""),
        evidence=type(error).__name__,
    )


def ignorable(ids: Iterable[str]) -> frozenset[str]:
    """Ids of findings, each in the form of one.

    Raises:
        BadInput: One is not.
    """
    found = frozenset(ids)
    for each in sorted(found):
        if not KEBAB.fullmatch(each):
            raise BadInput(
                f"--ignore: {each[:40]!r} is no id of a finding",
                subject="ignore",
                remedy="`virtmigrate check` shows them: name-taken, not-checked",
            )
    return found


def ignoring(
    findings: list[Finding], ignore: frozenset[str]
) -> tuple[list[Finding], list[BadInput]]:
    """Mark what is to be ignored; a blocker can't be.

    An id that nothing has is told, and no error: what is warned of on one host need not
    be on the next.

    Args:
        findings: All of them.
        ignore: Ids, as the caller gave them.

    Returns:
        The findings, and a refusal for each blocker that was to be ignored.
    """
    if not ignore:
        return findings, []
    found, refused = [], []
    for each in findings:
        named = each.id in ignore
        if named and each.level is Level.BLOCKER:
            refused.append(_unavoidable(each))
        mark = named and each.level is not Level.BLOCKER
        found.append(each.model_copy(update={"ignored": True}) if mark else each)
    seen = {each.id for each in found}
    return [*found, *map(_unseen, sorted(ignore - seen))], refused


def _unavoidable(blocker: Finding) -> BadInput:
    return BadInput(
        f"--ignore {blocker.id}: a blocker can't be ignored: {blocker.message}",
        subject="ignore",
        remedy=blocker.remedy or "leave it out: only warnings can be ignored",
    )


def _unseen(name: str) -> Finding:
    return Finding(
        id="ignored-unseen",
        level=Level.NOTE,
        side=Side.REQUEST,
        subject=name,
        message=f"--ignore {name}: nothing of that id was found here",
        remedy="leave it out, or see whether it is misspelled",
        evidence="the ids of all that was found",
    )
