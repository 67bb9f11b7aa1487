"""What the guest needs of the destination besides: secrets and security drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.questions import Question, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.plan import Finding
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

SECRETS = "devices//secret/@uuid"
LABELS = "seclabel[not(@type='none')]/@model"


def questions(facts: Facts) -> Iterator[Question[bool]]:
    """Whether each is there."""
    for uuid in _secrets(facts):
        yield _secret(uuid)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What is not. Pure."""
    for uuid in _secrets(facts):
        answer = answers[_secret(uuid)]
        if isinstance(answer, Unanswered) and answer.code == Code.NO_SECRET:
            yield facts.finding(
                "secret-missing",
                facts.needed,
                "the destination does not know a secret that opens one of its disks",
                "define it there and set its value (virsh secret-define, "
                "secret-set-value)",
                subject=uuid,
                evidence=answer.why,
            )
    known = facts.destination.facts.security_models
    for model in sorted(set(facts.there.values(LABELS)) - known):
        if known:
            yield facts.finding(
                "security-model-missing",
                facts.needed,
                f"it is labelled by the security driver {model}, which the destination "
                "does not have",
                f"run that driver there, or give --xml without its <seclabel>; there: "
                f"{', '.join(sorted(known))}",
                subject=model,
                evidence=f"<secmodel>: {', '.join(sorted(known))}",
            )


def _secrets(facts: Facts) -> list[str]:
    return sorted(set(facts.there.values(SECRETS)))


def _secret(uuid: str) -> Question[bool]:
    return Question(
        f"secret {uuid}",
        lambda c: c.secretLookupByUUIDString(uuid) is not None,
        means={Code.NO_SECRET},
    )
