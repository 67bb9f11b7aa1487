"""Who the guest is at the destination, and what of it hangs on the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.questions import Question, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate_libvirt.protocol import Domain
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts


def there(facts: Facts) -> Iterator[Question[str]]:
    """What the destination calls it, if it knows it."""
    if facts.known_there:
        yield _name(facts)


def here(facts: Facts) -> Iterator[Question[int]]:
    """What the source keeps beside the definition."""
    yield _snapshots(facts)
    yield _checkpoints(facts)
    if not facts.moves:
        yield _saved(facts)


def findings_there(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """One UUID has one name on a host. Pure."""
    name = answers[_name(facts)]
    if facts.known_there and isinstance(name, str) and name != facts.arrives_as:
        yield facts.finding(
            "uuid-taken",
            Level.BLOCKER,
            f"the destination knows this guest's UUID as {name}",
            f"undefine {name} there, or arrive under that name (--dname {name})",
            evidence=facts.uuid,
        )


def findings_here(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What would be refused, or stay behind. Pure."""
    kept = (_number(answers, ask(facts)) for ask in (_snapshots, _checkpoints, _saved))
    snapshots, checkpoints, saved = kept
    if snapshots:
        yield facts.finding(
            "snapshots",
            Level.BLOCKER,
            f"it has {snapshots} snapshots, and libvirt moves no guest that has any",
            "delete them (virsh snapshot-delete); with --metadata their data stays in "
            "the images",
            side=Side.SOURCE,
            evidence=f"snapshots: {snapshots}",
        )
    if checkpoints:
        yield facts.finding(
            "checkpoints-left",
            Level.WARNING,
            f"it has {checkpoints} checkpoints, which stay behind",
            "begin a new chain of incremental backups at the destination",
            side=Side.SOURCE,
            evidence=f"checkpoints: {checkpoints}",
        )
    if saved:
        yield facts.finding(
            "managed-save-left",
            Level.WARNING,
            "its memory was saved when it stopped, and stays behind: it will boot anew",
            "start it and move it while it runs, or drop what was saved",
            side=Side.SOURCE,
        )


def _number(answers: Answers, question: Question[int]) -> int:
    """A number; a daemon that does not know such things has none of them."""
    answer = answers[question]
    return 0 if isinstance(answer, Unanswered) else answer


def _name(facts: Facts) -> Question[str]:
    uuid = facts.uuid
    return Question(
        "the guest's name there", lambda c: c.lookupByUUIDString(uuid).name()
    )


def _snapshots(facts: Facts) -> Question[int]:
    return _of(facts, "its snapshots", lambda guest: guest.snapshotNum(0))


def _checkpoints(facts: Facts) -> Question[int]:
    return _of(facts, "its checkpoints", lambda guest: len(guest.listAllCheckpoints(0)))


def _saved(facts: Facts) -> Question[int]:
    return _of(facts, "its saved memory", lambda guest: guest.hasManagedSaveImage(0))


def _of(facts: Facts, about: str, ask: Callable[[Domain], int]) -> Question[int]:
    uuid = facts.uuid
    return Question(
        about, lambda c: ask(c.lookupByUUIDString(uuid)), means={Code.NO_SUPPORT}
    )
