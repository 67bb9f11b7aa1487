"""The source's own verdict on a guest, and what it means.

Begin takes the migration's job only with change protection; without it, it runs every
check that the driver has (disks, devices, snapshots, CPU, the caller's document) and
formats XML that is thrown away. It tells the first reason only: the rows find the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.codes import MEANINGS, Code
from virtmigrate_libvirt.flags import FLAGS
from virtmigrate_libvirt.questions import Question, Unanswered
from virtmigrate_qemu import copying
from virtmigrate_qemu.preflight.devices import TABLE
from virtmigrate_qemu.preflight.rows import called, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_libvirt.typed import ParamValue
    from virtmigrate_qemu.preflight.facts import Facts
    from virtmigrate_qemu.preflight.rows import Row

REHEARSED = ("copy_storage", "copy_storage_inc", "unsafe")
"""Switches on which the source's verdict on the guest depends."""
REHEARSED_PARAMS = ("migrate_disks", "destination_xml")
ANY = range(1, 1 << 16)
ELSEWHERE = re.compile(r"with \d+ snapshot|I/O error")
"""Reasons that another check tells of (`identity.py`, `wanted.py`)."""


def questions(facts: Facts) -> Iterator[Question[bool]]:
    """The question, where the source can be asked it.

    While a job holds the guest, begin would wait for half a minute, and be refused.
    """
    contradictory = facts.options.copy_storage and facts.options.copy_storage_inc
    free = facts.moves and not facts.busy
    if free and not contradictory and phases.available():
        yield _question(facts)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """Every row that holds, and whatever no row explains. Pure.

    Where the source would let the guest go, no row does.
    """
    verdict = answers[_question(facts)]
    if not facts.moves or not isinstance(verdict, Unanswered):
        return
    hits = [(row, *hit) for row in TABLE for hit in _hits(row, facts, verdict)]
    for row, subject, evidence in hits:
        said = verdict.code and _says(row, verdict)
        level = Level.BLOCKER if said or row.always else Level.WARNING
        yield row.finding(subject, level, verdict.why if said else evidence)
    explained = any(_says(row, verdict) for row, *_ in hits)
    explained = explained or bool(ELSEWHERE.search(verdict.why))
    if verdict.code and not explained and not _core_says(facts, verdict):
        yield _unexplained(facts, verdict)


def _hits(row: Row, facts: Facts, verdict: Unanswered) -> Iterator[tuple[str, str]]:
    """Things that a row finds, and what it was concluded from."""
    if row.path:
        for node in facts.here.nodes(row.path):
            yield called(node), shown(node)
    elif verdict.code and _says(row, verdict):
        yield facts.guest, verdict.why


def _core_says(facts: Facts, verdict: Unanswered) -> bool:
    """Whether the core has said which disk it is, and why (`disk_plan.py`)."""
    unsafe = verdict.code == Code.MIGRATE_UNSAFE
    return unsafe and not copying.all_settled(facts.disks)


def _says(row: Row, verdict: Unanswered) -> bool:
    return bool(re.search(row.says, verdict.why, re.IGNORECASE))


def _unexplained(facts: Facts, verdict: Unanswered) -> Finding:
    """The source's own words, where we have no better ones."""
    meaning = MEANINGS.get(verdict.code)
    unsafe = verdict.code == Code.MIGRATE_UNSAFE
    return facts.finding(
        "disks-unsafe" if unsafe else "source-refuses",
        Level.BLOCKER,
        f"the source would not let the guest go: {verdict.why}",
        (meaning and meaning.remedy) or "see the libvirt log of the source",
        side=Side.SOURCE,
        evidence=f"libvirt error {verdict.code}",
    )


def _question(facts: Facts) -> Question[bool]:
    options = facts.options
    asked = sum(FLAGS[name] for name in REHEARSED if getattr(options, name))
    flags = copying.flags_for(asked, facts.disks)
    given = copying.params_for(
        options.to_libvirt_params(), facts.disks, facts.definitions
    )
    params: dict[str, ParamValue] = {
        name: value for name, value in given.items() if name in REHEARSED_PARAMS
    }
    uuid = facts.uuid

    def ask(connection: Connection) -> bool:
        phases.begin(connection.lookupByUUIDString(uuid), params, flags)
        return True

    return Question("its verdict on the guest", ask, means=ANY)
