"""Who the guest is at the destination, and what of it hangs on the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt import lookups
from virtmigrate_libvirt.questions import Question, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.lookups import Kept
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts


def there(facts: Facts) -> Iterator[Question[str]]:
    """What the destination calls it, if it knows it."""
    if facts.known_there:
        yield _name(facts)


def here(facts: Facts) -> Iterator[Question[Kept]]:
    """What the source keeps beside the definition."""
    yield _kept(facts)


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
    kept = answers[_kept(facts)]
    if isinstance(kept, Unanswered):
        return
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
            evidence="the source says that it has a saved image",
        )


def _name(facts: Facts) -> Question[str]:
    uuid = facts.uuid
    return Question(
        "the guest's name there", lambda c: c.lookupByUUIDString(uuid).name()
    )


def _kept(facts: Facts) -> Question[Kept]:
    uuid, stopped = facts.uuid, not facts.moves
    return Question(
        "what it keeps of the guest",
        lambda c: lookups.kept(c, uuid, stopped=stopped),
    )
